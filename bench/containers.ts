/**
 * Start-up of the programs inside the images, under the CPU limit of a compiled workflow, each beside bare Node in the same run:
 * `node bench/containers.ts [--runs N] [--cpus 0.5] [--repository kfp-runtime] [--tag TAG]`, after `npm run images`.
 *
 * Takes the files out of both images and runs them where they lie in a container, in a mount namespace and a control group of its own;
 * what an engine adds around a container is not measured. Prints a Markdown table of wall-clock medians, and the images' sizes. Needs root
 * and a container engine.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { findEngine, type ContainerEngine } from "../scripts/lib/container-engine.mjs";
import { startSampleServer, type ProgramStart } from "../scripts/lib/sample-run.ts";
import { makeLimitedGroup, type LimitedGroup } from "../test/support/cgroup.ts";

const project = path.resolve(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(path.join(project, "package.json"), "utf8")) as { version: string };
const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    cpus: { type: "string", default: "0.5" },
    repository: { type: "string", default: "kfp-runtime" },
    tag: { type: "string", default: version },
    // The folder with both images' files, set when this script starts itself in a mount namespace.
    unpacked: { type: "string" },
  },
});

interface Sample {
  readonly firstCallMs: number | undefined;
  readonly totalMs: number;
}

if (options.unpacked === undefined) unpackAndStart();
else await measureAll(options.unpacked);

function unpackAndStart(): void {
  const { engine, reasons } = findEngine();
  if (engine === undefined) throw new Error(["no container engine works here", ...reasons].join("\n"));
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-bench-"));
  const homes = ["/kfp-driver", "/kfp-launcher"].filter((home) => !existsSync(home));
  try {
    for (const kind of ["driver", "launcher"]) {
      unpack(engine, `${options.repository}/${kind}:${options.tag}`, path.join(folder, kind));
    }
    for (const home of homes) mkdirSync(home);
    const self = [...process.execArgv, import.meta.filename, ...process.argv.slice(2), "--unpacked", folder];
    const run = spawnSync("unshare", ["--mount", process.execPath, ...self], { stdio: "inherit" });
    process.exitCode = run.status ?? 1;
  } finally {
    for (const home of homes) if (existsSync(home)) rmdirSync(home);
    rmSync(folder, { recursive: true, force: true });
  }
}

function unpack(engine: ContainerEngine, image: string, target: string): void {
  mkdirSync(target);
  const name = engine.name === "buildah" ? "podman" : engine.name;
  const run = (...args: string[]) =>
    execFileSync(name, args, { encoding: "utf8", env: { ...process.env, ...engine.env }, maxBuffer: 1 << 20 }).trim();
  const container = run("create", image);
  run("export", "-o", `${target}.tar`, container);
  run("rm", container);
  execFileSync("tar", ["-xf", `${target}.tar`, "-C", target]);
}

async function measureAll(folder: string): Promise<void> {
  execFileSync("mount", ["--make-rprivate", "/"]);
  execFileSync("mount", ["--bind", path.join(folder, "driver/kfp-driver"), "/kfp-driver"]);
  const volume = path.join(folder, "volume");
  mkdirSync(volume);
  execFileSync("mount", ["--bind", volume, "/kfp-launcher"]);
  const packed = path.join(folder, "launcher/opt/kfp-launcher");
  execFileSync(path.join(packed, "launch"), ["--copy", "/kfp-launcher/launch"]);
  const group = makeLimitedGroup({ cpus: Number(options.cpus) });
  if (group === undefined) throw new Error("no control group with a CPU quota can be made here: root is needed");
  const server = await startSampleServer();
  const samples = new Map<string, Sample[]>();
  try {
    // One round to warm up, and in turns, so that noise meets all alike.
    for (let round = 0; round <= Number(options.runs); round++) {
      const take = async (name: string, command: readonly string[], start?: ProgramStart) => {
        server.onCall = () => (firstCallAt ??= performance.now());
        let firstCallAt: number | undefined;
        const { startedAt, endedAt } = await runOnce(group, [...command, ...(start?.argv ?? [])], start?.environment);
        const sample = {
          firstCallMs: firstCallAt === undefined ? undefined : firstCallAt - startedAt,
          totalMs: endedAt - startedAt,
        };
        if (round > 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
      };
      const copy = async (name: string, command: (target: string) => readonly string[]) => {
        const target = path.join(folder, "copy");
        mkdirSync(target);
        await take(name, command(target));
        rmSync(target, { recursive: true });
      };
      const run = await server.newRun();
      await take("bare Node (`node -e 0`)", ["/kfp-driver/lib/node", "-e", "0"]);
      await take("`driver --version`", ["/kfp-driver/driver", "--version"]);
      await take("driver, ROOT_DAG", ["/kfp-driver/driver"], run.rootDriver);
      await take("driver, CONTAINER", ["/kfp-driver/driver"], await run.containerDriver());
      await take("`/kfp-launcher/launch` around `true`", ["/kfp-launcher/launch"], await run.launcher());
      await copy("`launcher-v2 --copy`", (target) => [path.join(packed, "launch"), "--copy", path.join(target, "launch")]);
      await copy("`cp -r` of the same folder", (target) => ["cp", "-r", `${packed}/.`, target]);
    }
    print(samples);
  } finally {
    await server.close();
    group.remove();
  }
}

function runOnce(
  group: LimitedGroup,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ startedAt: number; endedAt: number }> {
  return new Promise((resolve, reject) => {
    // A CPU quota counts in periods of 100 ms: begin with a fresh one.
    setTimeout(() => {
      const [program, ...args] = group.wrap(command);
      const startedAt = performance.now();
      const child = spawn(program, args, {
        env: { PATH: process.env["PATH"], ...environment },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let log = "";
      child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve({ startedAt, endedAt: performance.now() });
        else reject(new Error(`${command.slice(0, 2).join(" ")} ended with ${String(code)}: ${log}`));
      });
    }, 150);
  });
}

function print(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const bareMs = median([...samples.values()][0]?.map(({ totalMs }) => totalMs) ?? []);
  console.log(
    `| ${options.cpus} CPU, median of ${options.runs} | first call ms | to the end ms | fastest | slowest | × bare Node |`,
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  for (const [name, list] of samples) {
    const calls = list.flatMap(({ firstCallMs }) => (firstCallMs === undefined ? [] : [firstCallMs]));
    const totals = list.map(({ totalMs }) => totalMs);
    const first = calls.length === 0 ? "" : median(calls).toFixed(0);
    const times = [median(totals), Math.min(...totals), Math.max(...totals)].map((value) => value.toFixed(0));
    console.log(`| ${[name, first, ...times, (median(totals) / bareMs).toFixed(1)].join(" | ")} |`);
  }
  const sizes = path.join(project, "dist/images/images.json");
  if (!existsSync(sizes)) return;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  console.log("\n| image | MB | MB compressed |\n| --- | ---: | ---: |");
  for (const image of JSON.parse(readFileSync(sizes, "utf8")) as { image: string; bytes: number; compressedBytes: number }[]) {
    console.log(`| ${image.image} | ${megabytes(image.bytes)} | ${megabytes(image.compressedBytes)} |`);
  }
}
