/**
 * The cluster of the recordings: a Kubernetes API with the launcher's ConfigMap, the Secret of the store and any volume claim, and the
 * store itself.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { startFakeS3Server, type FakeS3Object } from "../fakes/fake-s3-server.ts";
import { isObject, textOf } from "./compare.ts";
import type { KubernetesRequest } from "./recording.ts";

const BUCKET = "mlpipeline";
const BUCKET_URI = `minio://${BUCKET}/`;
const TEXT = Buffer.from("recorded\n");
/** The client verifies what it downloads. */
const OBJECT: FakeS3Object = { body: TEXT, contentType: "text/plain", etag: createHash("md5").update(TEXT).digest("hex") };
const ACCESS_KEY = "test-key";

export interface FakeCluster {
  /** `KUBECONFIG` of the programs. */
  readonly kubeconfig: string;
  /** Requests since the last call of this function. */
  takeRequests(): KubernetesRequest[];
  /** What is there from now on: objects by URI, each a line of text, and volume claims by path. Programs change it. */
  set(state: { readonly uris: Iterable<string>; readonly claims: ReadonlyMap<string, JsonValue> }): void;
  close(): Promise<void>;
}

export async function startFakeCluster(): Promise<FakeCluster> {
  const store = await startFakeS3Server({ accessKeyId: ACCESS_KEY });
  const claims = new Map<string, JsonValue>();
  let requests: KubernetesRequest[] = [];
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const configMap = { data: { providers: providers(store.endpoint) } };
  const secret = { data: { accesskey: base64(ACCESS_KEY), secretkey: base64("test-secret") } };

  const answer = (method: string, at: string, body: JsonValue | undefined): [status: number, answer: JsonValue] => {
    const missing: [number, JsonValue] = [404, { kind: "Status", message: `${at} not found`, reason: "NotFound", code: 404 }];
    if (at.endsWith("/persistentvolumeclaims") && method === "POST" && isObject(body)) {
      const metadata = isObject(body["metadata"]) ? body["metadata"] : {};
      const name = textOf(metadata["name"] ?? `${textOf(metadata["generateName"])}made`);
      const claim = { ...body, metadata: { ...metadata, name } };
      claims.set(`${at}/${name}`, claim);
      return [201, claim];
    }
    const claim = claims.get(at);
    if (claim !== undefined) {
      if (method === "DELETE") claims.delete(at);
      return [200, claim];
    }
    if (method !== "GET") return missing;
    if (at.endsWith("/configmaps/kfp-launcher")) return [200, configMap];
    if (at.endsWith("/secrets/mlpipeline-minio-artifact")) return [200, secret];
    return missing;
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const body = text === "" ? undefined : (JSON.parse(text) as JsonValue);
    const { method = "GET", url = "/" } = request;
    const [status, reply] = answer(method, url.split("?")[0] ?? "", body);
    requests.push({ method, path: url, ...(body === undefined ? {} : { body }), status });
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the fake Kubernetes API has no port");
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-replay-kube-"));
  const kubeconfig = path.join(folder, "config");
  await writeFile(kubeconfig, kubeconfigText(address.port));

  return {
    kubeconfig,
    takeRequests() {
      const taken = requests;
      requests = [];
      return taken;
    },
    set(state) {
      claims.clear();
      for (const [at, claim] of state.claims) claims.set(at, claim);
      const objects = new Map<string, FakeS3Object>();
      for (const uri of state.uris) {
        if (uri.startsWith(BUCKET_URI)) objects.set(uri.slice(BUCKET_URI.length), OBJECT);
      }
      store.buckets.set(BUCKET, objects);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function providers(endpoint: string): string {
  return [
    "minio:",
    "  default:",
    `    endpoint: ${endpoint}`,
    "    region: minio",
    "    disableSSL: true",
    "    credentials:",
    "      fromEnv: false",
    "      secretRef:",
    "        secretName: mlpipeline-minio-artifact",
    "        accessKeyKey: accesskey",
    "        secretKeyKey: secretkey",
    "",
  ].join("\n");
}

function kubeconfigText(port: number): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "replay",
    contexts: [{ name: "replay", context: { cluster: "replay", user: "replay" } }],
    clusters: [{ name: "replay", cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: "replay", user: { token: "replay" } }],
  });
}
