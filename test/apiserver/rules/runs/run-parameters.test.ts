/**
 * What parameters a run takes, over both transports.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { startWay, WAYS } from "../../../support/api-ways.ts";
import { SMALL_SPEC } from "../../../support/list-cases.ts";

const run = (change: JsonObject = {}): JsonObject => ({ run: { display_name: "r", pipeline_spec: SMALL_SPEC, ...change } });

const declared = (definition: JsonObject): JsonObject => ({
  ...SMALL_SPEC,
  root: { inputDefinitions: { parameters: { p: definition } }, dag: { tasks: {} } },
});

// docs/spec/api-server.md#createrun (parameter checks)
describe.for([WAYS[0], WAYS[3]].filter((by) => by !== undefined))("parameters of a run over $name", (by) => {
  const types: Record<string, readonly JsonValue[]> = {
    STRING: ["", "text"],
    NUMBER_INTEGER: [0, -3, 3e5],
    NUMBER_DOUBLE: [0, 1.5, -2],
    BOOLEAN: [true, false],
    LIST: [[], [1, "a", null]],
    STRUCT: [{}, { a: null }],
  };
  const values: readonly JsonValue[] = ["", "text", 0, -3, 3e5, 1.5, -2, true, false, [], [1, "a", null], {}, { a: null }, null];

  test.for(Object.entries(types))("of type %s take the values of that type only", async ([type, fitting], { expect }) => {
    const api = await startWay(by);
    const fits = (value: JsonValue) =>
      fitting.some((one) => JSON.stringify(one) === JSON.stringify(value)) ||
      // A whole number is a number in JSON, and a double of any size is one too.
      (type === "NUMBER_DOUBLE" && typeof value === "number") ||
      (type === "NUMBER_INTEGER" && typeof value === "number" && value % 1 === 0);
    for (const value of values) {
      const request = run({ pipeline_spec: declared({ parameterType: type }), runtime_config: { parameters: { p: value } } });
      const { code, message } = await api.send("CreateRun", request);
      expect(code, `${JSON.stringify(value)}: ${message}`).toBe(fits(value) ? "OK" : "INVALID_ARGUMENT");
      if (code !== "OK") expect(message).toContain('"p"');
    }
  });

  test.for<{ name: string; definition: JsonObject; parameters: JsonObject; code: string; says?: RegExp }>([
    {
      name: "a required one that is missing",
      definition: { parameterType: "STRING" },
      parameters: {},
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    { name: "one with a default", definition: { parameterType: "STRING", defaultValue: "d" }, parameters: {}, code: "OK" },
    { name: "an optional one", definition: { parameterType: "STRING", isOptional: true }, parameters: {}, code: "OK" },
    {
      name: "null for an optional one",
      definition: { parameterType: "STRING", isOptional: true },
      parameters: { p: null },
      code: "INVALID_ARGUMENT",
      says: /"p".*null/,
    },
    {
      name: "all that are not declared, by name",
      definition: { parameterType: "STRING", isOptional: true },
      parameters: { q: 1, z: 2 },
      code: "INVALID_ARGUMENT",
      says: /"q".*"z"/,
    },
    {
      name: "one of the literals",
      definition: { parameterType: "STRING", literals: ["red", "blue"] },
      parameters: { p: "blue" },
      code: "OK",
    },
    {
      name: "none of the literals",
      definition: { parameterType: "STRING", literals: ["red", "blue"] },
      parameters: { p: "green" },
      code: "INVALID_ARGUMENT",
      says: /"p".*"red", "blue"/,
    },
    {
      name: "one of the numbers among literals",
      definition: { parameterType: "NUMBER_INTEGER", literals: [1, 2] },
      parameters: { p: 2 },
      code: "OK",
    },
    {
      name: "the status of a task",
      definition: { parameterType: "TASK_FINAL_STATUS" },
      parameters: { p: {} },
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    {
      name: "the configuration of a task",
      definition: { parameterType: "TASK_CONFIG" },
      parameters: { p: {} },
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    { name: "one without type", definition: {}, parameters: { p: "x" }, code: "INVALID_ARGUMENT", says: /"p"/ },
  ])("$name: $code", async ({ definition, parameters, code, says }, { expect }) => {
    const api = await startWay(by);
    const outcome = await api.send("CreateRun", run({ pipeline_spec: declared(definition), runtime_config: { parameters } }));
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says ?? /^$/)]);
    // Defaults are the driver's business: nothing is merged into what is stored.
    if (code === "OK") {
      const isEmpty = Object.keys(parameters).length === 0;
      expect(outcome.reply["runtime_config"]).toEqual(isEmpty ? undefined : { parameters });
    }
  });
});
