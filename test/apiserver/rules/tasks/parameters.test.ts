/**
 * How parameters are merged, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { startTaskWorld, taskIdOf } from "../../../support/task-world.ts";

// docs/spec/api-server.md#parameter-merge
describe.for(WAYS)("parameters of an update, over $name", (by) => {
  const entry = (type: string, key: string, value: number, producer?: JsonObject): JsonObject => ({
    ...{ type, parameter_key: key, value },
    ...(producer === undefined ? {} : { producer }),
  });
  const P = { task_name: "a" };
  const at = (iteration: string) => ({ ...P, iteration });

  test.for<{ name: string; stored: JsonObject[]; sent: JsonObject[]; merged: JsonObject[] }>([
    {
      name: "S5 one key, another value",
      stored: [entry("OUTPUT", "acc", 1, { task_name: "train" })],
      sent: [entry("OUTPUT", "acc", 2, { task_name: "train" })],
      merged: [entry("OUTPUT", "acc", 2, { task_name: "train" })],
    },
    {
      name: "another producer",
      stored: [entry("OUTPUT", "acc", 1, { task_name: "train" })],
      sent: [entry("OUTPUT", "acc", 1, { task_name: "eval" })],
      merged: [entry("OUTPUT", "acc", 1, { task_name: "train" }), entry("OUTPUT", "acc", 1, { task_name: "eval" })],
    },
    {
      name: "a producer where there was none",
      stored: [entry("OUTPUT", "acc", 1)],
      sent: [entry("OUTPUT", "acc", 1, P)],
      merged: [entry("OUTPUT", "acc", 1), entry("OUTPUT", "acc", 1, P)],
    },
    {
      name: "a producer without a name, which is not none",
      stored: [entry("OUTPUT", "acc", 1)],
      sent: [entry("OUTPUT", "acc", 2, {})],
      merged: [entry("OUTPUT", "acc", 1), entry("OUTPUT", "acc", 2, {})],
    },
    {
      name: "S6 another iteration",
      stored: [entry("ITERATOR_OUTPUT", "x", 1, at("0"))],
      sent: [entry("ITERATOR_OUTPUT", "x", 1, at("1"))],
      merged: [entry("ITERATOR_OUTPUT", "x", 1, at("0")), entry("ITERATOR_OUTPUT", "x", 1, at("1"))],
    },
    {
      name: "the same iteration, another value",
      stored: [entry("ITERATOR_OUTPUT", "x", 1, at("0"))],
      sent: [entry("ITERATOR_OUTPUT", "x", 9, at("0"))],
      merged: [entry("ITERATOR_OUTPUT", "x", 9, at("0"))],
    },
    ...["ITERATOR_OUTPUT", "ITERATOR_INPUT", "ITERATOR_INPUT_RAW", "COLLECTED_INPUTS"].flatMap((type) => [
      {
        name: `${type} without iteration, another value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 2, P)],
        merged: [entry(type, "x", 1, P), entry(type, "x", 2, P)],
      },
      {
        name: `${type} without iteration, the same value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 1, P)],
        merged: [entry(type, "x", 1, P)],
      },
      {
        name: `${type} without producer, another value`,
        stored: [entry(type, "x", 1)],
        sent: [entry(type, "x", 2)],
        merged: [entry(type, "x", 1), entry(type, "x", 2)],
      },
    ]),
    ...["COMPONENT_DEFAULT_INPUT", "TASK_OUTPUT_INPUT", "COMPONENT_INPUT", "RUNTIME_VALUE_INPUT", "OUTPUT", "ONE_OF_OUTPUT"].map(
      (type) => ({
        name: `${type} without iteration, another value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 2, P)],
        merged: [entry(type, "x", 2, P)],
      }),
    ),
    {
      name: "another type",
      stored: [entry("COMPONENT_INPUT", "n", 1, P)],
      sent: [entry("TASK_OUTPUT_INPUT", "n", 1, P)],
      merged: [entry("COMPONENT_INPUT", "n", 1, P), entry("TASK_OUTPUT_INPUT", "n", 1, P)],
    },
    {
      name: "one key twice in the request",
      stored: [entry("OUTPUT", "a", 0)],
      sent: [entry("OUTPUT", "b", 1), entry("OUTPUT", "b", 2)],
      merged: [entry("OUTPUT", "a", 0), entry("OUTPUT", "b", 2)],
    },
    { name: "an empty list", stored: [entry("OUTPUT", "a", 0)], sent: [], merged: [entry("OUTPUT", "a", 0)] },
    {
      name: "API-7: a stable order: stored ones keep their place",
      stored: [entry("OUTPUT", "c", 1), entry("OUTPUT", "a", 1), entry("OUTPUT", "b", 1)],
      sent: [entry("OUTPUT", "z", 1), entry("OUTPUT", "a", 2), entry("OUTPUT", "0", 1)],
      merged: [
        entry("OUTPUT", "c", 1),
        entry("OUTPUT", "a", 2),
        entry("OUTPUT", "b", 1),
        entry("OUTPUT", "z", 1),
        entry("OUTPUT", "0", 1),
      ],
    },
    {
      name: "API-7: keys that would be one text when they were joined with dashes",
      stored: [entry("OUTPUT", "a-b", 1, { task_name: "c" })],
      sent: [entry("OUTPUT", "a", 1, { task_name: "b-c" })],
      merged: [entry("OUTPUT", "a-b", 1, { task_name: "c" }), entry("OUTPUT", "a", 1, { task_name: "b-c" })],
    },
  ])("$name", async ({ stored, sent, merged }, { expect }) => {
    const { add, update, call } = await startTaskWorld(by);
    const ids = [];
    for (const name of ["one", "two"]) {
      const task = await add({ name, inputs: { parameters: stored }, outputs: { parameters: stored } });
      ids.push(taskIdOf(task));
    }
    const change = { inputs: { parameters: sent }, outputs: { parameters: sent } };
    const wanted = { inputs: { parameters: merged }, outputs: { parameters: merged } };
    expect(await update(ids[0] as string, change)).toMatchObject(wanted);
    const { tasks } = await call("UpdateTasksBulk", { run_id: "r", tasks: { [ids[1] as string]: change } });
    expect(tasks).toMatchObject({ [ids[1] as string]: wanted });
  });

  test("S4 of many at once are all there, one by one and in bulk", async ({ expect }) => {
    const { add, update, call, get } = await startTaskWorld(by);
    const taskId = taskIdOf(await add());
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map(async (key, index) => {
        const change = { outputs: { parameters: [entry("OUTPUT", key, index)] } };
        if (index % 2 === 0) await update(taskId, change);
        else await call("UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: change } });
      }),
    );
    const { parameters } = (await get(taskId))["outputs"] as JsonObject;
    expect(((parameters ?? []) as JsonObject[]).map((one) => one["parameter_key"] as string).toSorted()).toEqual(keys.toSorted());
  });
});
