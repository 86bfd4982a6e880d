/** The fixture pipeline `wide_loop` with many iterations. @module */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { parseResult } from "./run-results.ts";

export interface WideLoop {
  readonly items: readonly number[];
  /** The collected output. */
  readonly collected: unknown;
  /** Per iteration, in order: its index, its item, what it made, its state. */
  readonly iterations: readonly unknown[];
}

/** Runs it in one process. @throws With the end of its output when it fails. */
export async function runWideLoop(programs: Programs, folder: string, iterations: number): Promise<WideLoop> {
  const items = Array.from({ length: iterations }, (_, index) => index * 3);
  const params = join(folder, `items-${iterations}.json`);
  writeFileSync(params, JSON.stringify({ items }));
  const args = ["run", join(root, "test/fixtures/pipelines/wide_loop.yaml"), "--params", params, "--output", "json"];
  const ended = await runCli(programs, args, { cwd: folder });
  if (ended.code !== 0) throw new Error(`the run failed: ${ended.stderr.slice(-2000)}`);
  const { outputs, tasks } = parseResult(ended.stdout);
  const echoes = tasks.filter(({ name }) => name === "echo");
  return {
    items,
    collected: outputs.parameters["Output"],
    iterations: echoes.map((task) => [
      ...[task.iterationIndex, task.inputs.parameters["item"], task.outputs.parameters["echoed"], task.state],
    ]),
  };
}

/** What {@link WideLoop.iterations} has to be. */
export function expectedIterations(items: readonly number[]): unknown[] {
  return items.map((item, index) => [index, item, item, "SUCCEEDED"]);
}
