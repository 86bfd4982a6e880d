/**
 * Stores that check what they are sent, each behind a fault proxy.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { startAzurite } from "./azurite.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { startVersityGateway } from "./s3-server.ts";
import { openStore } from "./store-bench.ts";
import type { Scheme, StoreTarget } from "./store-bench.ts";
import { prepareFaultWorld } from "./store-faults.ts";
import type { FaultWorld, RequestKinds } from "./store-faults.ts";

/** A server as far as the tests of faults need it. */
interface FaultServer extends StoreTarget {
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
  /** Told where the proxy is, when answers of the server hold its own address. */
  readonly moveTo?: (endpoint: string) => void;
}

/** A scheme and a server for it. */
export interface StoreRow {
  readonly name: string;
  readonly scheme: Scheme;
  readonly start: () => Promise<FaultServer | { readonly missing: string }>;
  readonly kinds: RequestKinds;
}

const S3_KINDS: RequestKinds = {
  isListing: ({ method, target }) => method === "GET" && target.includes("list-type=2"),
  isContentUp: ({ method }) => method === "PUT",
  isContentDown: ({ method, target }) => method === "GET" && !target.includes("list-type=2"),
};

export const STORE_ROWS: readonly StoreRow[] = [
  {
    name: "azblob:// on azurite",
    scheme: "azblob",
    start: startAzurite,
    kinds: {
      isListing: ({ target }) => target.includes("comp=list&"),
      isContentUp: ({ method, target }) => method === "PUT" && !target.includes("comp=blocklist"),
      isContentDown: ({ method, target }) => method === "GET" && !target.includes("comp=list&"),
    },
  },
  { name: "minio:// on versitygw", scheme: "minio", start: startVersityGateway, kinds: S3_KINDS },
  { name: "s3:// on versitygw", scheme: "s3", start: startVersityGateway, kinds: S3_KINDS },
  {
    // No emulator of others both judges checksums and tells how far an upload session is.
    name: "gs:// on the server of these tests",
    scheme: "gs",
    start: startGoogleStorage,
    kinds: {
      isListing: ({ target }) => target.includes("/o?prefix="),
      isContentUp: ({ method, target }) => method === "PUT" || target.includes("uploadType=multipart"),
      isContentDown: ({ target }) => target.includes("alt=media"),
      // It says 408.
      unheardOf: ["400 RequestTimeout"],
    },
  },
];

async function startGoogleStorage(): Promise<FaultServer> {
  const login = await startGoogleLogin();
  const server = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined });
  return {
    ...{ endpoint: server.endpoint, accessKeyId: "", secretAccessKey: "", keyDocument: login.keyDocument() },
    createBucket(name) {
      server.buckets.set(name, new Map());
      return Promise.resolve();
    },
    moveTo: (endpoint) => void Object.assign(server, { endpoint }),
    async stop() {
      await Promise.all([server.close(), login.close()]);
    },
  };
}

export type StartedFaultWorld = (FaultWorld & { close(): Promise<void> }) | { readonly missing: string };

/** Requests are given up soon: the tests wait for some of them. */
const IDLE_TIMEOUT_MS = 3_000;

/** @param options Of the store under test. */
export async function startFaultWorld(
  { scheme, start, kinds }: StoreRow,
  options: { readonly idleTimeoutMs?: number } = { idleTimeoutMs: IDLE_TIMEOUT_MS },
): Promise<StartedFaultWorld> {
  const server = await start();
  if ("missing" in server) return server;
  await server.createBucket("bucket");
  const { origin, pathname } = new URL(server.endpoint);
  const proxy = await startFaultProxy(origin);
  const endpoint = `${proxy.endpoint}${pathname.replace(/\/$/, "")}`;
  server.moveTo?.(proxy.endpoint);
  const store = openStore(scheme, "bucket", { ...server, endpoint }, options);
  const uri = `${scheme}://bucket/root/faults`;
  // Nothing fails yet, so nothing has to be given up soon.
  const patient = openStore(scheme, "bucket", { ...server, endpoint });
  let folder: string;
  try {
    folder = await prepareFaultWorld({ proxy, store: patient, uri });
  } catch (error) {
    // Nobody else knows of them yet.
    await Promise.all([store.close(), proxy.close(), server.stop()]);
    throw error;
  } finally {
    await patient.close();
  }
  return {
    proxy,
    store,
    uri,
    folder,
    kinds,
    counts: new Map(),
    async close() {
      await store.close();
      await proxy.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
