/** A server that is gone after any of the calls of a run: the next one brings the run to the same end. */
import { describe, expect, test } from "vitest";
import type { RunResult } from "../../../src/local/results/run-result.ts";
import { statesOf } from "../../support/run-results.ts";
import { runCut } from "../../support/resumed-runs.ts";

/** A task that was served from the cache has no log of its own. */
function artifactsOf({ artifacts }: RunResult["outputs"]): string[] {
  return Object.keys(artifacts).filter((key) => key !== "executor-logs");
}

/** All of a result but ids, times, places and the words of failures. */
function essence(result: RunResult): unknown {
  // Of two tasks that do the same one may find what the other has done, or not.
  const states = Object.entries(statesOf(result)).map(([name, state]) => [name, state === "CACHED" ? "SUCCEEDED" : state]);
  const parameters = result.tasks.map(({ scopePath, iterationIndex, inputs, outputs }) =>
    JSON.stringify([scopePath, iterationIndex, inputs.parameters, outputs.parameters, artifactsOf(outputs)]),
  );
  return {
    state: result.state,
    states: Object.fromEntries(states) as unknown,
    outputs: result.outputs.parameters,
    parameters: parameters.map((text) => text.replaceAll(/(?<=[a-z]-)[0-9a-f]{5}(?=[\\"])/g, "XXXXX")).toSorted(),
    notRun: result.notRun.map(({ scopePath, iterations }) => `${scopePath}[${iterations.join(",")}]`),
  };
}

const isLong = process.env["KFP_RUNTIME_TEST_LONG"] === "1";
/** Cuts of one pipeline; all of its calls in a long test. */
const CUTS = 2;

const pipelines = ["exit_handler", "wide_loop", ...(isLong ? ["branches", "failures", "nested_loops"] : [])];

describe.each(pipelines)("%s", (name) => {
  test("cut after any of its calls ends as one that was not cut", { timeout: isLong ? 1_800_000 : 120_000 }, async () => {
    const { result, calls } = await runCut(name, []);
    const wanted = essence(result);
    const step = isLong ? 1 : Math.max(1, Math.floor(calls / CUTS));
    for (let cut = isLong ? 0 : Math.floor(step / 2); cut < calls; cut += step) {
      const resumed = await runCut(name, [cut]);
      expect(essence(resumed.result), `cut after ${cut} of ${calls} calls`).toEqual(wanted);
    }
  });
});

test("cut again and again, a run ends all the same", { timeout: 120_000 }, async () => {
  const wanted = essence((await runCut("wide_loop", [])).result);
  expect(essence((await runCut("wide_loop", [3, 9, 6])).result)).toEqual(wanted);
});
