/**
 * A pipeline of ten Python steps in `kfp-runtime run` and in the SDK's kfp.local, in turns: `node bench/kfp-local.ts [--rounds N]`.
 *
 * kfp.local runs each step in a virtual environment of its own, which it makes anew, or without one in the environment of the caller
 * (`use_venv=False`). Ours keeps one environment for all steps; the run that makes it is a row of its own. Wall-clock and processor time of the
 * whole command, children included. Nothing comes from a cache of steps. The output of each is checked. Needs a build, python3 with venv, and
 * a package index.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { environmentWith } from "../scripts/lib/python-environment.mjs";
import { median } from "./timed-start.ts";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const root = path.resolve(import.meta.dirname, "..");
const program = path.join(root, "dist/bin/kfp-runtime");
if (!existsSync(program)) throw new Error("there is no build: run npm run build first");
const SDK = "kfp==2.17.3";
const OUTPUT = 13;

const environment = environmentWith([SDK]);
const python = path.join(environment, "bin/python");
const script = path.join(import.meta.dirname, "kfp-local/pipeline.py");
const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-bench-"));

interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

const ours = (): Sample => {
  const { stdout, ...sample } = measured([program, "run", "pipeline.yaml", "--home", "home", "--no-cache", "--output", "json"]);
  const { outputs } = JSON.parse(stdout) as { outputs: { parameters: Record<string, unknown> } };
  return checked(sample, outputs.parameters["Output"]);
};
const local = (how: "venv" | "subprocess") => (): Sample => {
  const { stdout, ...sample } = measured([python, "-W", "ignore", script, "run", how, path.join(folder, "outputs")]);
  return checked(sample, Number(/^output (\d+)$/m.exec(stdout)?.[1]));
};

try {
  measured([python, script, "compile", "pipeline.yaml"]);
  const first = ours();
  const variants = { "kfp-runtime run": ours, "kfp.local": local("venv"), "kfp.local, use_venv=False": local("subprocess") };
  const samples = new Map(Object.keys(variants).map((name) => [name, [] as Sample[]]));
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const [name, run] of Object.entries(variants)) samples.get(name)?.push(run());
  }
  const medians = [...samples].map(([name, found]) => [name, medianOf(found)] as const);
  const [[, base] = ["", first]] = medians;
  console.log(`| ten steps, median of ${options.rounds} | wall s | × ours | CPU s | × ours |`);
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const [name, { wall, cpu }] of [["kfp-runtime run, the first time", first] as const, ...medians]) {
    console.log(
      `| ${name} | ${wall.toFixed(2)} | ${(wall / base.wall).toFixed(1)} | ${cpu.toFixed(2)} | ${(cpu / base.cpu).toFixed(1)} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function measured(command: readonly string[]): Sample & { readonly stdout: string } {
  // The environment's own python3 comes first, for both.
  const env = { ...process.env, PATH: `${path.join(environment, "bin")}:${process.env["PATH"] ?? ""}` };
  const args = [path.join(import.meta.dirname, "kfp-local/measure.py"), ...command];
  const ended = spawnSync(python, args, { cwd: folder, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const lines = ended.stdout.trimEnd().split("\n");
  const { wall, cpu, code } = JSON.parse(lines.at(-1) ?? "{}") as { wall: number; cpu: number; code: number };
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${String(code)}: ${ended.stderr.slice(-2000)}`);
  return { wall, cpu, stdout: lines.slice(0, -1).join("\n") };
}

function checked(sample: Sample, output: unknown): Sample {
  if (output !== OUTPUT) throw new Error(`the pipeline gave ${String(output)}, not ${String(OUTPUT)}`);
  return sample;
}

function medianOf(samples: readonly Sample[]): Sample {
  return { wall: median(samples.map(({ wall }) => wall)), cpu: median(samples.map(({ cpu }) => cpu)) };
}
