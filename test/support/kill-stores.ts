/**
 * Stores of every kind for launchers that are killed: each behind a proxy that sees every request, or on this disk, where there is none.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { storeConfig } from "../../src/config/store-config.ts";
import { openObjectStore } from "../../src/objectstore/open-store.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { AZURE_ACCOUNT, startAzurite } from "./azurite.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import type { FaultProxy } from "./fault-proxy.ts";

/** A store that a launcher can use. */
export interface KillStore {
  /** Below which a run has its artifacts. */
  readonly root: string;
  /** Files of the launcher configuration. */
  readonly launcherConfig: Readonly<Record<string, string>>;
  /** Variables of the launcher. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent: the store is the disk. */
  readonly proxy?: FaultProxy;
  /** The same objects, without the proxy. */
  readonly direct: ObjectStore;
  close(): Promise<void>;
}

/** A store, or one line that says why there is none. */
export type KillStoreResult = KillStore | { readonly missing: string };

export const KILL_STORES: ReadonlyArray<{ readonly name: string; readonly start: () => Promise<KillStoreResult> }> = [
  { name: "local files", start: startFiles },
  { name: "minio://", start: async () => await startS3("minio") },
  { name: "s3://", start: async () => await startS3("s3") },
  { name: "gs://", start: startGoogle },
  { name: "azblob://", start: startAzure },
];

function startFiles(): Promise<KillStore> {
  const root = mkdtempSync(path.join(tmpdir(), "kfp-kill-root-"));
  const launcherConfig = { defaultPipelineRoot: root };
  const direct = openDirect({ config: storeConfig({ defaultPipelineRoot: root }, undefined), environment: {} });
  return Promise.resolve({
    ...{ root, launcherConfig, env: {}, direct },
    async close() {
      await direct.close();
      rmSync(root, { recursive: true, force: true });
    },
  });
}

async function startS3(scheme: "minio" | "s3"): Promise<KillStore> {
  const server = await startFakeS3Server();
  server.buckets.set("bucket", new Map());
  const settings = { region: "us-east-1", forcePathStyle: true, credentials: { fromEnv: true } };
  return await behindProxy({
    ...{ scheme, settings, endpoint: server.endpoint },
    env: { AWS_ACCESS_KEY_ID: "test-key", AWS_SECRET_ACCESS_KEY: "test-secret" },
    stop: () => server.close(),
  });
}

async function startGoogle(): Promise<KillStore> {
  const login = await startGoogleLogin();
  const server = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined });
  server.buckets.set("bucket", new Map());
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-kill-key-"));
  const key = path.join(folder, "key.json");
  writeFileSync(key, login.keyDocument());
  const store = await behindProxy({
    ...{ scheme: "gs", settings: { credentials: { fromEnv: true } }, endpoint: server.endpoint },
    env: { GOOGLE_APPLICATION_CREDENTIALS: key },
    async stop() {
      await Promise.all([server.close(), login.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  });
  // Upload sessions go through the proxy as well.
  return Object.assign(store, { sessions: Object.assign(server, { endpoint: store.proxy?.endpoint ?? server.endpoint }) });
}

async function startAzure(): Promise<KillStoreResult> {
  const server = await startAzurite();
  if ("missing" in server) return server;
  await server.createBucket("bucket");
  return await behindProxy({
    ...{ scheme: "azblob", settings: { credentials: { fromEnv: true } }, endpoint: server.endpoint },
    env: { AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT, AZURE_STORAGE_KEY: server.accountKey },
    stop: () => server.stop(),
  });
}

interface Behind {
  readonly scheme: string;
  readonly settings: object;
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

async function behindProxy({ scheme, settings, endpoint, env, stop }: Behind): Promise<KillStore> {
  const { origin, pathname } = new URL(endpoint);
  const proxy = await startFaultProxy(origin);
  const root = `${scheme}://bucket/root`;
  const providersAt = (address: string): object => ({ [scheme]: { default: { ...settings, endpoint: address } } });
  const launcherConfig = {
    defaultPipelineRoot: root,
    providers: JSON.stringify(providersAt(`${proxy.endpoint}${pathname.replace(/\/$/, "")}`)),
  };
  const direct = openDirect({ config: storeConfig({ defaultPipelineRoot: root }, providersAt(endpoint)), environment: env });
  return {
    ...{ root, launcherConfig, env, proxy, direct },
    async close() {
      await direct.close();
      await proxy.close();
      await stop();
    },
  };
}

function openDirect(options: Pick<Parameters<typeof openObjectStore>[1], "config" | "environment">): ObjectStore {
  const kube = () => Promise.reject(new Error("no cluster"));
  return openObjectStore({ clock: systemClock, kube }, { ...options, namespace: "tests", localRootAllowed: true });
}
