/**
 * Stores that check what they are sent, each behind a fault proxy.
 *
 * @module
 */
import { startAzurite } from "./azurite.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { startVersityGateway } from "./s3-server.ts";
import type { S3ServerResult } from "./s3-server.ts";
import { openStore } from "./store-bench.ts";
import type { Scheme } from "./store-bench.ts";
import { prepareFaultWorld } from "./store-faults.ts";
import type { FaultWorld, RequestKinds } from "./store-faults.ts";

/**
 * A scheme and a server for it. `gs://` has faults of its own (test/objectstore/gcs/faults.test.ts): the emulators do not tell how far an
 * upload session is.
 */
export interface StoreRow {
  readonly name: string;
  readonly scheme: Scheme;
  readonly start: () => Promise<S3ServerResult>;
  readonly kinds: RequestKinds;
  /** Kinds of fault after which the transfer may end with an error, although it would be worth another try. */
  readonly givesUpOn?: readonly string[];
  /** Kinds of fault that the client does not notice, which is a fault of ours. */
  readonly doesNotNotice?: readonly string[];
}

const S3_KINDS: RequestKinds = {
  isListing: ({ method, target }) => method === "GET" && target.includes("list-type=2"),
  isContentUp: ({ method }) => method === "PUT",
  isContentDown: ({ method, target }) => method === "GET" && !target.includes("list-type=2"),
};

/**
 * Answers that are no listing are not asked for again; a body that differs from its signature is a refusal; a range whose connection
 * stalls in the client of `s3://` is not fetched again.
 */
const S3_GIVES_UP_ON = [
  "an answer that stalls",
  "a captive portal's page with 200 for a listing",
  "a listing that is short and says it is whole",
  "a byte that flips on its way up",
];

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
  { name: "minio:// on versitygw", scheme: "minio", start: startVersityGateway, kinds: S3_KINDS, givesUpOn: S3_GIVES_UP_ON },
  {
    name: "s3:// on versitygw",
    scheme: "s3",
    start: startVersityGateway,
    kinds: S3_KINDS,
    givesUpOn: S3_GIVES_UP_ON,
    // The SDK takes any document for a listing without objects.
    doesNotNotice: ["a captive portal's page with 200 for a listing"],
  },
];

export type StartedFaultWorld = (FaultWorld & { close(): Promise<void> }) | { readonly missing: string };

/** Requests are given up soon: the tests wait for some of them. */
const IDLE_TIMEOUT_MS = 1_000;

export async function startFaultWorld({ scheme, start, kinds, givesUpOn = [] }: StoreRow): Promise<StartedFaultWorld> {
  const server = await start();
  if ("missing" in server) return server;
  await server.createBucket("bucket");
  const { origin, pathname } = new URL(server.endpoint);
  const proxy = await startFaultProxy(origin);
  const endpoint = `${proxy.endpoint}${pathname.replace(/\/$/, "")}`;
  const store = openStore(scheme, "bucket", { ...server, endpoint }, { idleTimeoutMs: IDLE_TIMEOUT_MS });
  const uri = `${scheme}://bucket/root/faults`;
  await prepareFaultWorld({ proxy, store, uri });
  return {
    proxy,
    store,
    uri,
    kinds,
    givesUpOn,
    counts: new Map(),
    async close() {
      await store.close();
      await proxy.close();
      await server.stop();
    },
  };
}
