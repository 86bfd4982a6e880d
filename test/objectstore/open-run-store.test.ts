/** The store of a run as driver and launcher open it: configuration from the mounted folder, an authority of the installation's own. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { openRunStore } from "../../src/objectstore/open-run-store.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server, type FakeS3Server } from "../fakes/fake-s3-server.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";

const tls = createSelfSignedCertificate();
const uri = "s3://bucket/root/x";
let folder: string;
let server: FakeS3Server;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-run-store-"));
  server = await startFakeS3Server({ tls });
  server.buckets.set("bucket", new Map());
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(caCertPath: string): Promise<ObjectStore> {
  const provider = { endpoint: server.endpoint, region: "here", forcePathStyle: true, credentials: { fromEnv: true } };
  await writeFile(join(folder, "defaultPipelineRoot"), "s3://bucket/root");
  await writeFile(join(folder, "providers"), JSON.stringify({ s3: { default: provider } }));
  const environment = { KFP_LAUNCHER_CONFIG_DIR: folder, AWS_ACCESS_KEY_ID: "test-key", AWS_SECRET_ACCESS_KEY: "b" };
  const kube = () => Promise.reject(new Error("the mounted folder decides"));
  const request = { namespace: "ns", localOnly: false, localRootAllowed: false, caCertPath, logger: new RecordingLogger() };
  return openRunStore({ clock: systemClock, files: nodeFileSystem, kube, environment }, request);
}

test("a download trusts the authority of --ca_cert_path, before and without the user's program (UPS-15)", async () => {
  await writeFile(join(folder, "ca.pem"), tls.cert);
  await writeFile(join(folder, "in"), "content");
  const uploading = await open(join(folder, "ca.pem"));
  await uploading.upload(join(folder, "in"), uri);
  await uploading.close();
  const downloading = await open(join(folder, "ca.pem"));
  await downloading.download(uri, join(folder, "out"));
  await downloading.close();
  expect(await readFile(join(folder, "out"), "utf8")).toBe("content");

  const distrustful = await open("");
  await expect(distrustful.download(uri, join(folder, "again"))).rejects.toThrow("authority that is not trusted here");
  await distrustful.close();
});
