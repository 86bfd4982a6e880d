/**
 * Azurite, the emulator of Azure Storage: it checks Shared Key signatures, shared access signatures, MD5 digests, and over TLS the
 * claims of tokens of Entra ID.
 *
 * Installed once into node_modules/.cache with the ordinary npm client; a machine without it gets a reason and the tests skip.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signRequest } from "../../src/objectstore/azure/shared-key.ts";
import { CACHE, freePort, install, run, stop } from "./installed-servers.ts";
import type { S3Server } from "./s3-server.ts";
import { createSelfSignedCertificate } from "./self-signed-certificate.ts";
import { spawn, type ChildProcess } from "node:child_process";

const VERSION = "3.37.0";
const API_VERSION = "2021-12-02";
const START_TIMEOUT_MS = 60_000;
export const AZURE_ACCOUNT = "runneraccount";

export interface AzuriteServer extends S3Server {
  /** Base64. */
  readonly accountKey: string;
  /** PEM of the certificate authority; "" over plain HTTP. */
  readonly caPem: string;
  /** A SAS token for everything in the account. */
  sasToken(options?: { readonly expiresAt?: Date; readonly permissions?: string }): string;
  /** Bytes of a blob; undefined when there is none. */
  read(container: string, name: string): Promise<Buffer | undefined>;
  /** Makes a blob without going through the code under test. */
  write(container: string, name: string, content: Buffer | string): Promise<void>;
}

export interface AzuriteOptions {
  /** Over TLS it takes tokens of Entra ID, too. */
  readonly tls?: boolean;
}

export async function startAzurite({ tls = false }: AzuriteOptions = {}): Promise<AzuriteServer | { readonly missing: string }> {
  const folder = join(CACHE, `azurite-${VERSION}`);
  const main = join(folder, "node_modules", "azurite", "dist", "src", "blob", "main.js");
  const problem = await install(folder, installAzurite, main);
  if (problem !== undefined) return { missing: `azurite is not available: ${problem}` };
  const port = await freePort();
  const accountKey = randomBytes(32).toString("base64");
  const work = await mkdtemp(join(tmpdir(), "kfp-azurite-"));
  const identity = tls ? createSelfSignedCertificate() : undefined;
  const files = { cert: join(work, "cert.pem"), key: join(work, "key.pem") };
  if (identity !== undefined) {
    await Promise.all([writeFile(files.cert, identity.cert), writeFile(files.key, identity.key)]);
  }
  const child = spawn(
    process.execPath,
    [
      main,
      ...["--blobHost", "127.0.0.1", "--blobPort", String(port)],
      ...["--silent", "--inMemoryPersistence", "--disableTelemetry"],
      ...(tls ? ["--oauth", "basic", "--cert", files.cert, "--key", files.key] : []),
    ],
    { stdio: "ignore", cwd: work, env: { PATH: process.env["PATH"] ?? "", AZURITE_ACCOUNTS: `${AZURE_ACCOUNT}:${accountKey}` } },
  );
  const caPem = identity?.cert ?? "";
  const endpoint = `${tls ? "https" : "http"}://127.0.0.1:${port}/${AZURE_ACCOUNT}`;
  const call = callerOf(endpoint, { accountKey, caPem });
  await waitUntil(async () => (await call("GET", "?comp=list")).status === 200, child);
  return {
    name: tls ? "azurite over TLS" : "azurite",
    endpoint,
    accessKeyId: AZURE_ACCOUNT,
    secretAccessKey: accountKey,
    accountKey,
    caPem,
    verifiesSignatures: true,
    hasFreeKeys: true,
    sasToken: (options) => sasToken(accountKey, tls, options),
    async createBucket(name) {
      const { status } = await call("PUT", `/${name}?restype=container`);
      if (status !== 201 && status !== 409) throw new Error(`azurite refused to create container ${name}: ${status}`);
    },
    async read(container, name) {
      const { status, body } = await call("GET", `/${container}/${encodePath(name)}`);
      return status === 404 ? undefined : body;
    },
    async write(container, name, content) {
      const { status } = await call("PUT", `/${container}/${encodePath(name)}`, Buffer.from(content));
      if (status !== 201) throw new Error(`azurite refused to write ${name}: ${status}`);
    },
    stop: () => stop(child, work),
  };
}

async function installAzurite(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const npm = ["install", "--prefix", target, "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"];
  await run("npm", [...npm, "--loglevel=error", `azurite@${VERSION}`], {});
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

type Caller = (method: string, path: string, body?: Buffer) => Promise<Answer>;

function callerOf(endpoint: string, { accountKey, caPem }: { accountKey: string; caPem: string }): Caller {
  return async (method, path, body) => {
    const url = new URL(`${endpoint}${path.startsWith("?") ? `/${path}` : path}`);
    const headers = {
      "x-ms-version": API_VERSION,
      "x-ms-date": new Date().toUTCString(),
      ...(method === "PUT" ? { "content-length": String(body?.length ?? 0) } : {}),
      ...(body === undefined ? {} : { "x-ms-blob-type": "BlockBlob" }),
    };
    const login = { accountName: AZURE_ACCOUNT, key: Buffer.from(accountKey, "base64") };
    const authorization = signRequest(login, { method, url, headers });
    return await new Promise((resolve, reject) => {
      const send = url.protocol === "https:" ? httpsRequest : httpRequest;
      const options = { method, headers: { ...headers, authorization }, ...(caPem === "" ? {} : { ca: caPem }), timeout: 30_000 };
      const request = send(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.once("error", reject);
      });
      request.once("error", reject);
      request.end(body);
    });
  };
}

/** Of the account, for the blob service. */
function sasToken(
  accountKey: string,
  isTls: boolean,
  { expiresAt = new Date(Date.now() + 3_600_000), permissions = "rwdlac" }: { expiresAt?: Date; permissions?: string } = {},
): string {
  const expiry = expiresAt.toISOString().replace(/\.\d+Z/, "Z");
  const protocol = isTls ? "https" : "https,http";
  const text = [AZURE_ACCOUNT, permissions, "b", "sco", "", expiry, "", protocol, API_VERSION, "", ""].join("\n");
  const signature = createHmac("sha256", Buffer.from(accountKey, "base64")).update(text).digest("base64");
  const fields = { sv: API_VERSION, ss: "b", srt: "sco", sp: permissions, se: expiry, spr: protocol, sig: signature };
  return new URLSearchParams(fields).toString();
}

function encodePath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

async function waitUntil(isReady: () => Promise<boolean>, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const ready = await isReady().catch(() => false);
    if (ready) return;
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`azurite ended with ${end}`);
    if (Date.now() > deadline) throw new Error(`azurite did not answer within ${START_TIMEOUT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
