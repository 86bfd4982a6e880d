/** A loop of n iterations costs O(n) calls and, where the server answers lean, O(n) bytes. */
import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import type { MethodStats } from "../fakes/call-stats.ts";
import { valueToJson } from "../../src/core/values/value.ts";
import { simulate } from "./simulate.ts";

const file = {
  name: "wide_loop",
  text: readFileSync(new URL("../fixtures/pipelines/wide_loop.yaml", import.meta.url), "utf8"),
};

/** The same with a second step in each iteration, which takes what the first one made. */
const twoSteps = {
  name: "wide_loop",
  text: file.text.replace(
    "      tasks:\n        echo:\n",
    [
      ...[
        "      tasks:",
        "        again:",
        "          cachingOptions: {}",
        "          componentRef:",
        "            name: comp-echo",
      ],
      ...["          dependentTasks:", "          - echo", "          inputs:", "            parameters:", "              item:"],
      ...["                taskOutputParameter:", "                  outputParameterKey: echoed"],
      ...["                  producerTask: echo", "          taskInfo:", "            name: again", "        echo:", ""],
    ].join("\n"),
  ),
};

/** The traffic of a run that is too large to be read whole, by RPC name. */
async function loopOf(iterations: number, leanAnswers: boolean, pipeline = file): Promise<Readonly<Record<string, MethodStats>>> {
  // Values of one length, so that only their number counts.
  const items = Array.from({ length: iterations }, (_, index) => 1000 + index);
  const { outcome, tasks, traffic } = await simulate(pipeline, { passesForLarge: true, leanAnswers, parameters: { items } });
  const root = tasks.find(({ name }) => name === "ROOT");
  const outputs = root?.outputs?.parameters.toSorted((a, b) => Number(a.producer?.iteration) - Number(b.producer?.iteration));
  const values = outputs?.map(({ value }) => valueToJson(value!));
  if (outcome !== "succeeded" || values?.length !== iterations) throw new Error(`${outcome}: ${JSON.stringify(values)}`);
  return traffic;
}

const calls = (traffic: Readonly<Record<string, MethodStats>>): Record<string, number> =>
  Object.fromEntries(Object.entries(traffic).map(([method, stats]) => [method, stats.calls]));
const bytes = (traffic: Readonly<Record<string, MethodStats>>): number =>
  Object.values(traffic).reduce((sum, { requestBytes, responseBytes }) => sum + requestBytes + responseBytes, 0);

describe("a wide loop", () => {
  test.for([
    { name: "of one step", pipeline: file, limit: 15_000 },
    { name: "of a step that takes what another made", pipeline: twoSteps, limit: 30_000 },
  ])("$name costs the same bytes for each iteration, however many there are", async ({ pipeline, limit }, { expect }) => {
    const sizes = [8, 16, 24];
    const totals: number[] = [];
    for (const size of sizes) totals.push(bytes(await loopOf(size, true, pipeline)));
    const [first = 0, second = 0, third = 0] = totals;
    // What is not of the iterations falls out of the difference; its growth from one difference to the next is the square term.
    expect(third - second).toBeLessThan((second - first) * 1.05);
    expect((second - first) / 8).toBeLessThan(limit);
  });

  test.for([true, false])("makes as many calls for each iteration, lean answers: %s", async (leanAnswers, { expect }) => {
    const few = calls(await loopOf(10, leanAnswers));
    const many = calls(await loopOf(20, leanAnswers));
    const each = Object.fromEntries(Object.entries(many).map(([method, count]) => [method, (count - (few[method] ?? 0)) / 10]));
    // Rows of the loop or the root: the driver's parent, the launcher's parent, and the answer to the write. GetTask is also the own row.
    expect(each).toEqual({
      ...{ GetRun: 2, GetTask: 3, CreateTask: 1, CreateArtifactsBulk: 1, UpdateTasksBulk: 1, ListTasks: 1 },
    });
  });
});
