/**
 * Real S3 servers for tests: versitygw, which verifies signatures and digests, and moto.
 *
 * They are built or installed once into node_modules/.cache, with the ordinary Go and Python clients. A machine without Go, Python
 * or network gets a reason instead of a server, and the tests print it and skip. `KFP_TEST_STORE_SERVERS=fake` asks for that.
 *
 * @module
 */
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CACHE, freePort, install, installGo, installPython, start, stop, waitForHttp } from "./installed-servers.ts";

const VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const MOTO = ["moto[s3]==5.1.22", "flask==3.1.3", "flask-cors==6.0.5"];

export interface S3Server {
  readonly name: string;
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Service account key, of a server of Google's kind. */
  readonly keyDocument?: string;
  /** Whether wrong keys are refused. */
  readonly verifiesSignatures: boolean;
  /** Whether any byte sequence may be a key; a server on a file system has its rules. */
  readonly hasFreeKeys: boolean;
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** A server, or one line that says why there is none. */
export type S3ServerResult = S3Server | { readonly missing: string };

export async function startVersityGateway(): Promise<S3ServerResult> {
  const binary = join(CACHE, "versitygw-1.8.0");
  const problem = await install(binary, (target) => installGo(target, VERSITYGW));
  if (problem !== undefined) return { missing: `versitygw is not available: ${problem}` };
  const root = await mkdtemp(join(tmpdir(), "kfp-versitygw-"));
  await Promise.all(["data", "meta"].map((name) => mkdir(join(root, name))));
  const port = await freePort();
  const keys = { accessKeyId: "gatewaykey", secretAccessKey: "gateway-secret-for-tests" };
  const child = start(binary, [
    ...["--port", `127.0.0.1:${port}`, "--access", keys.accessKeyId, "--secret", keys.secretAccessKey, "--quiet", "--keep-alive"],
    ...["posix", "--sidecar", join(root, "meta"), join(root, "data")],
  ]);
  const endpoint = `http://127.0.0.1:${port}`;
  await waitForHttp(endpoint, child);
  return {
    name: "versitygw",
    endpoint,
    ...keys,
    verifiesSignatures: true,
    hasFreeKeys: false,
    async createBucket(name) {
      await mkdir(join(root, "data", name));
    },
    stop: () => stop(child, root),
  };
}

export async function startMoto(): Promise<S3ServerResult> {
  const environment = join(CACHE, "moto-5.1.22");
  const problem = await install(environment, (target) => installPython(target, MOTO), join(environment, "complete"));
  if (problem !== undefined) return { missing: `moto is not available: ${problem}` };
  const port = await freePort();
  const child = start(join(environment, "bin", "python3"), ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)]);
  const endpoint = `http://127.0.0.1:${port}`;
  await waitForHttp(endpoint, child);
  return {
    name: "moto",
    endpoint,
    accessKeyId: "moto-key",
    secretAccessKey: "moto-secret-for-tests",
    verifiesSignatures: false,
    hasFreeKeys: true,
    async createBucket(name) {
      const response = await fetch(`${endpoint}/${name}`, { method: "PUT" });
      if (!response.ok) throw new Error(`moto refused to create bucket ${name}: ${response.status}`);
    },
    stop: () => stop(child),
  };
}
