/**
 * Signs requests to an S3 store: the AWS SDK's signer with Node's hashes.
 *
 * The signer remembers the key of the day, but hands it to every HMAC as bytes, which Node looks at for longer than it computes; here
 * each is made a key object once.
 *
 * @module
 */
import { createHash, createHmac, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { CredentialSource } from "../client-settings.ts";

/** What is signed of a request, but its headers. */
export interface SignableRequest {
  readonly method: string;
  /** Escaped, with a leading slash. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/** Where signatures count. */
export interface SignerSettings {
  readonly region: string;
  readonly credentials: CredentialSource;
}

/**
 * Answers the headers with those of the signature. They must have `host`, and `x-amz-content-sha256`: the digest of the body in hex, or
 * `UNSIGNED-PAYLOAD`. Throws what the source of credentials throws.
 */
export type RequestSigner = (
  request: SignableRequest,
  headers: Readonly<Record<string, string>>,
) => Promise<Record<string, string>>;

/** Asks for credentials before each request, so that rotated ones are used as soon as they are known. */
export function createRequestSigner({ region, credentials }: SignerSettings): RequestSigner {
  const signer = new SignatureV4({
    service: "s3",
    region,
    credentials: async () => ({ ...(await credentials()) }),
    sha256: Sha256,
    // S3 escapes the path once, other services twice.
    uriEscapePath: false,
  });
  return async ({ method, path, query }, headers) => {
    const { host = "" } = headers;
    const signed = await signer.sign({ protocol: "http:", hostname: host, method, path, query: { ...query }, headers });
    return signed.headers;
  };
}

/** More than one process ever signs with; several for each pair of credentials. */
const MOST_KEYS = 200;
const keyObjects = new Map<string, KeyObject>();

function keyObject(secret: string | ArrayBuffer | ArrayBufferView): KeyObject {
  const bytes = toBuffer(secret);
  const id = bytes.toString("latin1");
  const known = keyObjects.get(id);
  if (known !== undefined) return known;
  if (keyObjects.size >= MOST_KEYS) keyObjects.clear();
  const made = createSecretKey(bytes);
  keyObjects.set(id, made);
  return made;
}

/** What the signer makes for each digest. */
class Sha256 {
  readonly #secret: KeyObject | undefined;
  #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? undefined : keyObject(secret);
    this.#hash = this.#begin();
  }

  update(bytes: Uint8Array | string): void {
    this.#hash.update(bytes);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): ReturnType<typeof createHash> | ReturnType<typeof createHmac> {
    return this.#secret === undefined ? createHash("sha256") : createHmac("sha256", this.#secret);
  }
}

function toBuffer(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === "string") return Buffer.from(secret);
  return ArrayBuffer.isView(secret) ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength) : Buffer.from(secret);
}
