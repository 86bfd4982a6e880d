/**
 * Real S3 servers for tests: versitygw, which verifies signatures and digests, and moto.
 *
 * They are built or installed once into node_modules/.cache, with the ordinary Go and Python clients. A machine without Go, Python
 * or network gets a reason instead of a server, and the tests print it and skip. `KFP_TEST_STORE_SERVERS=fake` asks for that.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const MOTO = ["moto[s3]==5.1.22", "flask==3.1.3", "flask-cors==6.0.5"];
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/kfp-runtime-tests/", import.meta.url));
const INSTALL_TIMEOUT_MS = 9 * 60_000;
const START_TIMEOUT_MS = 60_000;

export interface S3Server {
  readonly name: string;
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Whether wrong keys are refused. */
  readonly verifiesSignatures: boolean;
  /** Whether any byte sequence may be a key; a server on a file system has its rules. */
  readonly hasFreeKeys: boolean;
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** A server, or one line that says why there is none. */
export type S3ServerResult = S3Server | { readonly missing: string };

/** Time for a beforeAll hook that starts a server for the first time on a machine. */
export const S3_SERVER_SETUP_TIMEOUT_MS = INSTALL_TIMEOUT_MS + START_TIMEOUT_MS;

export async function startVersityGateway(): Promise<S3ServerResult> {
  const binary = join(CACHE, "versitygw-1.8.0");
  const problem = await install(binary, async (target) => {
    const folder = await mkdtemp(join(CACHE, "go-"));
    await run("go", ["install", "-trimpath", VERSITYGW], { GOBIN: folder });
    await rename(join(folder, "versitygw"), target);
    await rm(folder, { recursive: true, force: true });
  });
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
  const problem = await install(environment, async (target) => {
    await run("python3", ["-m", "venv", target], {});
    await run(join(target, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", ...MOTO], {});
    await writeFile(join(target, "complete"), "");
  });
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

/** @returns why it could not be made; `undefined` when it is there. */
async function install(target: string, make: (target: string) => Promise<void>): Promise<string | undefined> {
  if (process.env["KFP_TEST_STORE_SERVERS"] === "fake") return "KFP_TEST_STORE_SERVERS=fake";
  const marker = target.includes("moto") ? join(target, "complete") : target;
  if (await exists(marker)) return undefined;
  try {
    await mkdir(CACHE, { recursive: true });
    await rm(target, { recursive: true, force: true });
    await make(target);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_TIMEOUT_MS,
  });
  let tail = "";
  child.stderr.on("data", (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-500)));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${tail.trim().split("\n").at(-1) ?? ""}`));
    });
  });
}

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: "ignore" });
}

async function stop(child: ChildProcess, folder?: string): Promise<void> {
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Any answer will do. */
async function waitForHttp(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return;
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}`, { cause: error });
      if (Date.now() > deadline)
        throw new Error(`the S3 server did not answer within ${START_TIMEOUT_MS / 1000} s`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
