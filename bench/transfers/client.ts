/**
 * One transfer by one client, as a program of its own so that its memory can be told: `client.ts CLIENT ACTION PORT PATH KEY`.
 *
 * CLIENT is `ours`, `serial` (ours, one file at a time), `minio` or `aws` (`@aws-sdk/lib-storage` up, `@aws-sdk/client-s3` down), or a
 * floor that no client gets below: `bare` (four sockets and a file, nothing signed and nothing verified), `socket` (the bytes of an answer,
 * thrown away) and `md5` (OpenSSL's of as many bytes); ACTION is `up` or `down` for a file, `up-folder` or `down-folder`. Prints a line of JSON: milliseconds of the transfer without the start of the
 * program, and the largest resident set in bytes.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, openSync, readFileSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openStore } from "../../test/support/store-bench.ts";
import { BLOCK, BLOCK_BYTES } from "./known-content.ts";

export interface ClientResult {
  readonly ms: number;
  readonly peakBytes: number;
  /** Before the transfer; mostly Node and what it takes to run TypeScript. */
  readonly baseBytes: number;
  readonly cpuMs: number;
}

interface Transfer {
  readonly up: (path: string, key: string) => Promise<void>;
  readonly down: (key: string, path: string) => Promise<void>;
  readonly folders?: Pick<Transfer, "up" | "down">;
}

const keys = { accessKeyId: "bench-key", secretAccessKey: "bench-secret" };
const [client = "", action = "", port = "", path = "", key = ""] = process.argv.slice(2);
const endpoint = `http://127.0.0.1:${port}`;

function ours(): Transfer {
  const store = openStore("minio", "bucket", { endpoint, ...keys });
  const uri = (name: string): string => `minio://bucket/root/${name}`;
  const up = (from: string, name: string): Promise<void> => store.upload(from, uri(name));
  const down = async (name: string, to: string): Promise<void> => void (await store.download(uri(name), to));
  return { up, down, folders: { up, down } };
}

/** The same client with the folder's files one after the other. */
function serial(): Transfer {
  const { up, down } = ours();
  const names = Array.from({ length: Number(process.argv[7]) }, (_, index) => String(index).padStart(5, "0"));
  return {
    up,
    down,
    folders: {
      async up(from, name) {
        for (const file of await readdir(from)) await up(join(from, file), `${name}/${file}`);
      },
      async down(name, to) {
        await mkdir(to, { recursive: true });
        for (const file of names) await down(`${name}/${file}`, join(to, file));
      },
    },
  };
}

async function minio(): Promise<Transfer> {
  const { Client } = await import("minio");
  const connection = { endPoint: "127.0.0.1", port: Number(port), useSSL: false, region: "us-east-1" };
  const store = new Client({ ...connection, accessKey: keys.accessKeyId, secretKey: keys.secretAccessKey });
  return {
    up: async (from, name) => void (await store.fPutObject("bucket", `root/${name}`, from)),
    down: (name, to) => store.fGetObject("bucket", `root/${name}`, to),
  };
}

async function aws(): Promise<Transfer> {
  const { S3Client, GetObjectCommand } = await import("@aws-sdk/client-s3");
  const { Upload } = await import("@aws-sdk/lib-storage");
  const store = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: keys });
  return {
    async up(from, name) {
      const upload = new Upload({
        client: store,
        params: { Bucket: "bucket", Key: `root/${name}`, Body: createReadStream(from) },
      });
      await upload.done();
    },
    async down(name, to) {
      const { Body } = await store.send(new GetObjectCommand({ Bucket: "bucket", Key: `root/${name}` }));
      await pipeline(Body as Readable, createWriteStream(to));
    },
  };
}

/**
 * Ranges, or objects as long as parts, by four sockets at once, each with one buffer of a MiB: what Node can do about bytes on the way between
 * a file and a server at most.
 */
function bare(): Transfer {
  const pieces = 4;
  const bareGet = (name: string, range: { start: number; end: number }, descriptor: number): Promise<void> =>
    exchange(
      `GET /bucket/root/${name} HTTP/1.1\r\nhost: x\r\nrange: bytes=${range.start}-${range.end - 1}\r\n\r\n`,
      (bytes, at) => {
        writeSync(descriptor, bytes, 0, bytes.length, range.start + at);
      },
    );
  const barePut = async (name: string, range: { start: number; end: number }, from: string): Promise<void> => {
    const file = await open(from);
    const buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const length = range.end - range.start;
    await exchange(
      `PUT /bucket/root/${name} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`,
      () => {},
      async (write) => {
        for (let at = range.start; at < range.end;) {
          const { bytesRead } = await file.read(buffer, 0, Math.min(BLOCK_BYTES, range.end - at), at);
          await write(buffer.subarray(0, bytesRead));
          at += bytesRead;
        }
      },
    );
    await file.close();
  };
  const split = (sizeBytes: number): { start: number; end: number }[] => {
    const length = Math.ceil(sizeBytes / pieces);
    return Array.from({ length: pieces }, (_, index) => ({
      start: index * length,
      end: Math.min((index + 1) * length, sizeBytes),
    }));
  };
  return {
    async up(from, name) {
      const { size } = await stat(from);
      await Promise.all(split(size).map((range, index) => barePut(`${name}-${index}`, range, from)));
    },
    async down(name, to) {
      if (name === "warm-bare") return;
      const descriptor = openSync(to, "w");
      await Promise.all(split(512 * BLOCK_BYTES).map((range) => bareGet(name, range, descriptor)));
    },
  };
}

/** One request on a socket of its own. @param onContent Bytes of the content, and where they begin; gone when it returns. */
function exchange(
  head: string,
  onContent: (bytes: Buffer, at: number) => void,
  body?: (write: (bytes: Buffer) => Promise<void>) => Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let at = Number.NaN;
    let length = 0;
    const connection = connect({
      ...{ host: "127.0.0.1", port: Number(port) },
      onread: {
        buffer: Buffer.allocUnsafeSlow(BLOCK_BYTES),
        callback(bytesRead, buffer) {
          let content = Buffer.from(buffer.buffer, buffer.byteOffset, bytesRead);
          if (Number.isNaN(at)) {
            const end = content.indexOf("\r\n\r\n");
            length = Number(/content-length: (\d+)/.exec(content.toString("latin1", 0, end))?.[1]);
            content = content.subarray(end + 4);
            at = 0;
          }
          onContent(content, at);
          at += content.length;
          if (at === length) {
            connection.destroy();
            resolve();
          }
          return true;
        },
      },
    });
    connection.once("error", reject);
    connection.write(head);
    void body?.((bytes) => new Promise((done) => void connection.write(bytes, () => done()))).catch(reject);
  });
}

/** Reads an answer into one buffer, again and again. */
function socket(): Transfer {
  return {
    up: () => Promise.resolve(),
    down: (name) =>
      new Promise((resolve, reject) => {
        let missingBytes = Number.NaN;
        const connection = connect({
          ...{ host: "127.0.0.1", port: Number(port) },
          onread: {
            buffer: Buffer.allocUnsafeSlow(BLOCK_BYTES),
            callback(bytes, buffer) {
              if (Number.isNaN(missingBytes)) {
                const head = Buffer.from(buffer).toString("latin1", 0, bytes);
                const length = Number(/content-length: (\d+)/.exec(head)?.[1]);
                missingBytes = length + head.indexOf("\r\n\r\n") + 4;
              }
              missingBytes -= bytes;
              if (missingBytes === 0) resolve();
              return true;
            },
          },
        });
        connection.once("error", reject);
        connection.write(`GET /bucket/root/${name} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
      }),
  };
}

function md5(): Transfer {
  const hash = createHash("md5");
  return {
    up: () => Promise.resolve(),
    down() {
      for (let block = 0; block < 512; block++) hash.update(BLOCK);
      hash.digest();
      return Promise.resolve();
    },
  };
}

const clients: Record<string, () => Transfer | Promise<Transfer>> = { ours, serial, minio, aws, bare, socket, md5 };
const transfer = await clients[client]?.();
const what = action.endsWith("-folder") ? transfer?.folders : transfer;
if (what === undefined) throw new Error(`${client} cannot ${action}`);
// The libraries are loaded and warm before the clock starts.
const warmUp = join(await mkdtemp(join(tmpdir(), "kfp-runtime-warm-")), "file");
// Content that the server names the right digest of; otherwise its tags would count for nothing from here on.
await writeFile(warmUp, BLOCK.subarray(0, 1000));
await transfer?.up(warmUp, `warm-${client}`);
await rm(dirname(warmUp), { recursive: true });
// Memory that nobody has used for a while may be the host's by now, and then the kernel's cost of a file moves tenfold: all start alike.
if (action === "down") {
  const heated = await open(`${path}.heat`, "w");
  for (let block = 0; block < 600; block++) await heated.write(BLOCK);
  await heated.close();
  await rm(`${path}.heat`);
}
const residentBytes = (field: string): number =>
  1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0");
const baseBytes = residentBytes("VmHWM");
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
if (action.startsWith("up")) await what.up(path, key);
else await what.down(key, path);
const ms = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
const peakBytes = residentBytes("VmHWM");
console.log(JSON.stringify({ ms, peakBytes, baseBytes, cpuMs: (user + system) / 1000 } satisfies ClientResult));
process.exit(0);
