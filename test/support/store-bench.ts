/**
 * An object store on top of a test server, with its deps faked: no Kubernetes, no waiting between tries.
 *
 * @module
 */
import { createCipheriv, createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { storeConfig } from "../../src/config/store-config.ts";
import type { StoreConfig } from "../../src/config/store-config.ts";
import { openObjectStore } from "../../src/objectstore/open-store.ts";
import type { ObjectStoreOptions } from "../../src/objectstore/open-store.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ObjectReader, ObjectStore } from "../../src/ports/object-store.ts";

export interface StoreTarget {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Service account key; for `gs`. */
  readonly keyDocument?: string;
}

export type Scheme = "minio" | "s3" | "gs" | "azblob";

/** Configuration of a provider against one server, root `<scheme>://<bucket>/root`. `maxRetries` is for S3 only. */
export function configFor(scheme: Scheme, bucket: string, target: Pick<StoreTarget, "endpoint">, maxRetries = 5): StoreConfig {
  if (scheme === "gs") {
    const login = { secretRef: { secretName: "store", tokenKey: "key.json" } };
    const gs = { default: { endpoint: target.endpoint, credentials: login } };
    return storeConfig({ defaultPipelineRoot: `gs://${bucket}/root` }, { gs });
  }
  if (scheme === "azblob") {
    const login = { secretRef: { secretName: "store", accountNameKey: "ak", accountKeyKey: "sk" } };
    const azblob = { default: { endpoint: target.endpoint, credentials: login } };
    return storeConfig({ defaultPipelineRoot: `azblob://${bucket}/root` }, { azblob });
  }
  const credentials = { secretRef: { secretName: "store", accessKeyKey: "ak", secretKeyKey: "sk" } };
  const section = { endpoint: target.endpoint, region: "us-east-1", forcePathStyle: true, maxRetries, credentials };
  return storeConfig({ defaultPipelineRoot: `${scheme}://${bucket}/root` }, { [scheme]: { default: section } });
}

export interface BenchOptions extends Partial<ObjectStoreOptions> {
  readonly secretReads?: string[];
  readonly pauses?: number[];
}

export function openStore(
  scheme: Scheme,
  bucket: string,
  target: StoreTarget,
  options: BenchOptions = {},
): ObjectStore & ObjectReader {
  const { secretReads = [], pauses = [], ...given } = options;
  const clock: Clock = {
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    sleep: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
  };
  const kube = {
    getSecret(namespace: string, name: string) {
      secretReads.push(`${namespace}/${name}`);
      return Promise.resolve({
        ak: Buffer.from(target.accessKeyId),
        sk: Buffer.from(target.secretAccessKey),
        "key.json": Buffer.from(target.keyDocument ?? ""),
      });
    },
  };
  const config = configFor(scheme, bucket, target);
  return openObjectStore(
    { clock, kube: () => Promise.resolve(kube) },
    { config, namespace: "team-a", environment: {}, ...given },
  );
}

/** Files by relative path. */
export type Tree = Readonly<Record<string, string | Buffer>>;

export async function writeTree(folder: string, tree: Tree): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

export async function readTree(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true })) {
    const path = join(folder, entry);
    if ((await stat(path)).isFile()) tree[entry] = await readFile(path, "utf8");
  }
  return tree;
}

/** Bytes that compress badly and differ everywhere, the same in every run. */
export function patternBytes(sizeBytes: number, seed = "seed"): Buffer {
  const key = createHash("md5").update(seed).digest();
  return createCipheriv("aes-128-ctr", key, key).update(Buffer.alloc(sizeBytes));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
