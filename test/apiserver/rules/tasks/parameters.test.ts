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
    const { add, update, call, get } = await startTaskWorld(by);
    const side = (parameters: JsonObject[]): JsonObject => (parameters.length === 0 ? {} : { parameters });
    const of = (parameters: JsonObject[]) => ({ inputs: side(parameters), outputs: side(parameters) });
    // The parameters of tasks with others below them are kept in another way.
    for (const type of ["RUNTIME", "LOOP"]) {
      const change = { ...of(sent), state: "SUCCEEDED", cache_fingerprint: type };
      const made = [await add({ name: "one", type, ...of(stored) }), await add({ name: "two", type, ...of(stored) })];
      const [one = "", two = ""] = made.map(taskIdOf);
      for (const task of made) expect(task).toMatchObject(of(stored));
      expect(await get(one)).toMatchObject(of(stored));
      const answer = await update(one, change);
      expect([answer["inputs"], answer["outputs"]]).toEqual([side(merged), side(merged)]);
      const { tasks } = await call("UpdateTasksBulk", { run_id: "r", tasks: { [two]: change } });
      expect((tasks as JsonObject)[two]).toMatchObject(of(merged));
      // And so does everybody who reads them.
      const shown = [await get(one), await get(two)];
      expect(shown).toEqual([answer, (tasks as JsonObject)[two]]);
      for (const reply of [await call("ListTasks", { run_id: "r" }), await call("GetRun", { run_id: "r", view: "FULL" })]) {
        expect(reply["tasks"]).toEqual(expect.arrayContaining(shown));
      }
      const { task: hit } = await call("FindCachedTask", { cache_fingerprint: type });
      expect([one, two]).toContain((hit as JsonObject)["task_id"]);
      expect(hit).toMatchObject(of(merged));
      expect(await add({ name: "one", type, ...of(stored) })).toMatchObject(of(merged));
    }
  });

  test.for([
    { from: "RUNTIME", to: "LOOP" },
    { from: "LOOP", to: "RUNTIME" },
    { from: "ROOT", to: "DAG" },
    { from: "DAG", to: "IMPORTER" },
    { from: "CONDITION", to: "EXIT_HANDLER" },
    { from: "CONDITION_BRANCH", to: "TASK_TYPE_UNSPECIFIED" },
  ])("stay with a task whose type changes from $from to $to", async ({ from, to }, { expect }) => {
    const { add, update, get } = await startTaskWorld(by);
    const parameters = [entry("COMPONENT_INPUT", "a", 1, P), entry("ITERATOR_OUTPUT", "x", 1, at("0"))];
    const made = await add({ type: from, inputs: { parameters }, outputs: { parameters } });
    const taskId = taskIdOf(made);
    expect(await update(taskId, { type: to })).toMatchObject({ inputs: { parameters }, outputs: { parameters } });
    const more = entry("ITERATOR_OUTPUT", "x", 2, at("1"));
    const changed = [entry("COMPONENT_INPUT", "a", 9, P), ...parameters.slice(1), more];
    const sent = {
      inputs: { parameters: [changed[0] as JsonObject, more] },
      outputs: { parameters: [changed[0] as JsonObject, more] },
    };
    const wanted = { inputs: { parameters: changed }, outputs: { parameters: changed } };
    expect(await update(taskId, sent)).toMatchObject(wanted);
    expect(await update(taskId, { type: from })).toMatchObject(wanted);
    expect(await get(taskId)).toMatchObject(wanted);
  });

  test.for(["RUNTIME", "LOOP"])("S4 of many at once are all there, one by one and in bulk: %s", async (type, { expect }) => {
    const { add, update, call, get } = await startTaskWorld(by);
    const taskId = taskIdOf(await add({ type }));
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
