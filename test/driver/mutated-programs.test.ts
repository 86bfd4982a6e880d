/** Damaged command lines for the built driver: one clear message, no stack trace, within time and memory. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { BROKEN, damagedCommand } from "../support/driver-mutation-check.ts";
import { Dice } from "../support/driver-mutations.ts";

const SEEDS = process.env["KFP_RUNTIME_TEST_LONG"] === "1" ? 300 : 12;
const LIMIT_MS = 20_000;
const LIMIT_KIB = 512 * 1024;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  readonly peakKib: number;
}

function run(program: string, argv: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...argv], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    let peakKib = 0;
    const watch = setInterval(() => (peakKib = Math.max(peakKib, peakOf(child.pid))), 20);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(limit);
      clearInterval(watch);
      resolve({ code, stderr, peakKib });
    });
  });
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

test(`the driver program with damaged command lines of ${String(SEEDS)} seeds`, { timeout: 900_000 }, async () => {
  const { bin } = await builtPrograms();
  const fake = await startFakeApi();
  const { host, port } = fake.server;
  const problems: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const folder = await mkdtemp(join(tmpdir(), "kfp-mutated-"));
    try {
      const { argv, options } = await damagedCommand(fake, new Dice(seed), { address: host, port: String(port) });
      const own = argv.map((argument) => argument.replaceAll("/out/", `${folder}/out/`));
      const env = { KFP_POD_NAME: options.pod.name, KFP_POD_UID: options.pod.uid, KFP_API_RETRY_TIMEOUT: "3s", HOME: folder };
      const { code, stderr, peakKib } = await run(join(bin, "driver"), own, folder, env);
      const at = `seed ${String(seed)}, exit ${String(code)}`;
      if (code === null) problems.push(`${at}: did not end within ${String(LIMIT_MS)} ms`);
      if (peakKib > LIMIT_KIB) problems.push(`${at}: took ${String(peakKib)} KiB`);
      if (BROKEN.test(stderr.replaceAll(/"[^"]*"/g, '""'))) problems.push(`${at}: ${stderr.slice(0, 600)}`);
      const isInfo = own.some((argument) => /^--?(?:version|help|h)\b/.test(argument));
      const files = await readdir(join(folder, "out")).catch(() => []);
      if (code === 0 && !isInfo && files.length === 0) problems.push(`${at}: no file`);
      if (code !== 0 && !/driver(?: failed)?: /.test(stderr)) problems.push(`${at}: no message: ${stderr.slice(0, 600)}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  expect(problems).toEqual([]);
});
