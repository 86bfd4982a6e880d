/** A loop of 3000 iterations, eight at a time, that a person cancels. @module */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { runCli, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { parseResult } from "./run-results.ts";
import { storedRuns, succeededTasks } from "./stored-runs.ts";

export interface WideLoopCancel {
  /** New. */
  readonly home: string;
  readonly isolation: string;
  readonly signal: "SIGINT" | "SIGTERM";
  /** So many steps have succeeded when the signal comes. */
  readonly steps: number;
}

/** @returns What is wrong, in words: it must end in time, begin no more drivers, leave every row final, and say so in one line. */
export async function cancelWideLoop(
  programs: Programs,
  { home, isolation, signal: name, steps }: WideLoopCancel,
): Promise<string[]> {
  const driversBegun = (): number => {
    const [run = ""] = readdirSync(join(home, "runs"));
    return readFileSync(join(home, "runs", run, "log"), "utf8").split("driver starts").length - 1;
  };
  let sentMs = 0;
  let begunBefore = 0;
  const wide = join(root, "test/fixtures/cases/wide-loop-3000.yaml");
  const args = ["run", wide, "--home", home, "--isolation", isolation, "--parallelism", "8", "--output", "json"];
  let polling: NodeJS.Timeout | undefined;
  const { code, stdout, stderr } = await runCli(programs, args, {
    cwd: dirname(home),
    // The display does not say how each step of a wide loop ends.
    onStderr: (_text, signal) => {
      polling ??= setInterval(() => {
        if (sentMs > 0 || succeededTasks(home) < steps) return;
        sentMs = Date.now();
        begunBefore = driversBegun();
        signal(name);
      }, 100);
    },
  }).finally(() => clearInterval(polling));
  const tookMs = Date.now() - sentMs;
  const wrong: string[] = [];
  const must = (holds: boolean, otherwise: string): void => {
    if (!holds) wrong.push(otherwise);
  };
  must(sentMs > 0 && tookMs < 10_000, `it took ${tookMs} ms after the signal`);
  must(code === 130, `it ended with ${String(code)}: ${stderr.slice(-2000)}`);
  // Eight were under way, eight more may have begun before the signal was seen.
  const begun = driversBegun() - begunBefore;
  must(begun <= 16, `${begun} drivers began after the signal`);
  const result = parseResult(stdout);
  const failed = result.tasks.filter(({ state }) => state !== "SUCCEEDED");
  const succeeded = result.tasks.length - failed.length;
  must(succeeded >= steps, `only ${succeeded} steps had succeeded`);
  for (const { scopePath, iterationIndex, state, error } of failed) {
    const isRight = state === "FAILED" && error === "cancelled by user";
    must(isRight, `${scopePath}[${String(iterationIndex)}] is ${state}: ${String(error)}`);
  }
  const stored = storedRuns(home);
  const wanted = [{ state: "FAILED", tasks: { FAILED: failed.length, SUCCEEDED: succeeded } }];
  const isStored = result.state === "FAILED" && isDeepStrictEqual(stored, wanted);
  must(isStored, `the result says ${result.state}, the home ${JSON.stringify(stored)}, not ${JSON.stringify(wanted)}`);
  // One line says it; a step whose program was under way may have one of its own.
  const after = stderr.slice(stderr.indexOf("cancelling:"), stderr.indexOf("\nRun ")).split("\n");
  const lines = after.filter((line) => /started$|FAILED/.test(line));
  // The loop says how many did what.
  must(stderr.includes("cancelling:") && lines.length <= 8 + 1, `too many lines: ${lines.join("\n")}`);
  must(!/has been shut down|not begun/.test(stderr), `lines of the machinery: ${stderr.slice(-2000)}`);
  return wrong;
}
