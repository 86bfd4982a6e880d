/**
 * The small Kubernetes API of the test cluster without a cluster: objects, tokens, watches, and a kubeconfig that leads there.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { ObjectStore } from "../cluster/kube-api/object-store.ts";
import { startKubeApi, type KubeApiServer } from "../cluster/kube-api/server.ts";
import { createSelfSignedCertificate, type TlsIdentity } from "./self-signed-certificate.ts";

export interface SmallKube {
  readonly store: ObjectStore;
  /** Path of a kubeconfig with an identity that may do everything. */
  readonly kubeconfig: string;
  server(): KubeApiServer;
  /** From now on nobody answers on the port. */
  stop(): Promise<void>;
  /** The same port, objects and tokens of the kubeconfig. */
  startAgain(): Promise<void>;
}

/** @param folder Holds the kubeconfig; removed by the caller. */
export async function startSmallKube(folder: string, { keptChanges }: { keptChanges?: number } = {}): Promise<SmallKube> {
  const now = (): Date => new Date();
  const store = new ObjectStore({ now, newUid: randomUUID, ...(keptChanges === undefined ? {} : { keptChanges }) });
  const tls = createSelfSignedCertificate();
  let server = await startKubeApi({ store, now, tls });
  const { port } = server;
  const kubeconfig = path.join(folder, "kubeconfig");
  writeConfig(kubeconfig, tls, server);
  return {
    store,
    kubeconfig,
    server: () => server,
    stop: async () => await server.close(),
    async startAgain() {
      server = await startKubeApi({ store, now, tls, port });
      writeConfig(kubeconfig, tls, server);
    },
  };
}

function writeConfig(file: string, { cert }: TlsIdentity, { port, adminToken }: KubeApiServer): void {
  const cluster = {
    server: `https://127.0.0.1:${String(port)}`,
    "certificate-authority-data": Buffer.from(cert).toString("base64"),
  };
  // In a file of its own: whoever has read the configuration reads it again before every request.
  writeFileSync(`${file}.token`, adminToken);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "admin", user: { tokenFile: `${file}.token` } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
}
