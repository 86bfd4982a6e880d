/** Pipelines whose steps end together, run often, with other processes that take the processor away. @module */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { runCli, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { parseResult } from "./run-results.ts";

export const RACES = ["two-subdags", "race-nested-loops", "exit-after-subdags"] as const;

export interface RaceOptions {
  readonly fixture: (typeof RACES)[number];
  readonly isolation: "in-process" | "process";
  readonly folder: string;
  readonly runs: number;
}

/** What is wrong with each run, in words; empty when all ended as they must. The second run of a cached pipeline has drivers race. */
export async function wrongEnds(programs: Programs, { fixture, isolation, folder, runs }: RaceOptions): Promise<string[]> {
  const wrong: string[] = [];
  const file = join(root, "test/fixtures/races", `${fixture}.yaml`);
  for (let run = 1; run <= runs; run += 1) {
    const args = ["run", file, "--isolation", isolation, "--home", `home-${fixture}-${isolation}`, "--output", "json"];
    const { code, stdout, stderr } = await runCli(programs, args, { cwd: folder });
    if (code !== 0) {
      wrong.push(`run ${run}: exit code ${code}: ${stderr.slice(-500)}`);
      continue;
    }
    const { tasks } = parseResult(stdout);
    const open = tasks.filter(({ state }) => state !== "SUCCEEDED" && state !== "CACHED");
    if (open.length > 0) wrong.push(`run ${run}: ${open.map(({ scopePath, state }) => `${scopePath} ${state}`).join(", ")}`);
    const told = tasks.find(({ name }) => name === "e")?.inputs.parameters["st"];
    if (fixture === "exit-after-subdags" && (told as { state?: string } | undefined)?.state !== "SUCCEEDED") {
      wrong.push(`run ${run}: the exit task is told ${JSON.stringify(told)}`);
    }
  }
  return wrong;
}

/** Processes that do nothing but count. @returns What ends them. */
export function startBusyProcesses(count: number): () => void {
  // Each ends by itself in the end, whatever becomes of the test.
  const program = "const end = Date.now() + 1_800_000; while (Date.now() < end);";
  const children = Array.from({ length: count }, () => spawn(process.execPath, ["-e", program], { stdio: "ignore" }));
  return () => {
    for (const child of children) child.kill("SIGKILL");
  };
}
