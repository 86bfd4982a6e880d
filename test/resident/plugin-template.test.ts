import fc from "fast-check";
import { describe, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import {
  formatPlugin,
  isPluginTemplate,
  parsePlugin,
  parsePluginTask,
  PLUGIN_KEY,
  pluginArguments,
  STANDARD_INPUTS,
  STANDARD_OUTPUTS,
  type DriverCall,
} from "../../src/resident/plugin-template.ts";

const CONTAINER = { inputs: ["task-name", "parent-dag-task-id"], outputs: ["pod-spec-patch", "condition"] };
const CALL: DriverCall = {
  flags: { type: "CONTAINER", run_id: "run-1", http_proxy: "" },
  inputs: { task_name: "task-name", parent_task_id: "parent-dag-task-id" },
  outputs: { pod_spec_patch_path: "pod-spec-patch", condition_path: "condition" },
  args: [],
  env: {},
};

/** As the controller hands it out: values filled in. */
function template(plugin: JsonValue, extra: JsonObject = {}): JsonObject {
  return {
    name: "system-container-driver",
    inputs: {
      parameters: [
        { name: "task-name", value: "train" },
        { name: "parent-dag-task-id", value: "7d0c" },
        { name: "iteration-index", default: "-1", value: "3" },
        { name: "kubernetes-config", default: "" },
      ],
    },
    outputs: {
      parameters: [
        { name: "pod-spec-patch", valueFrom: { supplied: {}, default: "" } },
        { name: "cached-decision", default: "false", valueFrom: { supplied: {}, default: "false" } },
        { name: "condition", valueFrom: { supplied: {} } },
      ],
    },
    plugin: { [PLUGIN_KEY]: plugin },
    ...extra,
  };
}

describe("formatPlugin()", () => {
  test("leaves out what every compiled workflow has", ({ expect }) => {
    expect(formatPlugin(CALL, CONTAINER)).toEqual({ v: 1, type: "CONTAINER", run_id: "run-1", http_proxy: "" });
  });

  test("writes inputs and outputs of other names", ({ expect }) => {
    const call = { ...CALL, inputs: { ...CALL.inputs, task_name: "name" }, outputs: { condition_path: "go" } };
    expect(formatPlugin(call, CONTAINER)).toMatchObject({
      inputs: { task_name: "name", parent_task_id: "parent-dag-task-id" },
      outputs: { condition_path: "go" },
    });
  });

  test("says that an input of a standard name is not used", ({ expect }) => {
    const call = { ...CALL, inputs: { task_name: "task-name" } };
    expect(formatPlugin(call, CONTAINER)).toMatchObject({ inputs: { task_name: "task-name" } });
  });

  test.for(["v", "env", "args", "inputs", "outputs", "Type", "a-b", "", "__proto__"])(
    "rejects the flag %j",
    (flag, { expect }) => {
      const flags = Object.fromEntries([[flag, "x"]]);
      expect(() => formatPlugin({ ...CALL, flags }, CONTAINER)).toThrow(/not the name of a flag/);
    },
  );
});

describe("parsePlugin()", () => {
  test("is the inverse of formatPlugin(), through JSON", ({ expect }) => {
    const name = fc
      .stringMatching(/^[a-z][a-z0-9_]{0,12}$/)
      .filter((text) => !["v", "env", "args", "inputs", "outputs"].includes(text));
    const texts = fc.dictionary(name, fc.string(), { maxKeys: 6, noNullPrototype: true });
    const some = (names: readonly string[]) => fc.subarray([...names, "other"]);
    const call = fc.record({
      flags: fc.oneof(texts, fc.constant(CALL.flags)),
      inputs: fc.oneof(texts, fc.subarray(Object.entries(STANDARD_INPUTS)).map(Object.fromEntries)),
      outputs: fc.oneof(texts, fc.subarray(Object.entries(STANDARD_OUTPUTS)).map(Object.fromEntries)),
      args: fc.array(fc.string(), { maxLength: 3 }),
      env: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), fc.string(), { maxKeys: 3, noNullPrototype: true }),
    }) as fc.Arbitrary<DriverCall>;
    const declared = fc.record({
      inputs: some(Object.values(STANDARD_INPUTS)),
      outputs: some(Object.values(STANDARD_OUTPUTS)),
    });
    fc.assert(
      fc.property(call, declared, (given, names) => {
        const plugin = JSON.parse(JSON.stringify(formatPlugin(given, names))) as JsonObject;
        expect(parsePlugin(plugin, names)).toEqual(given);
      }),
    );
  });

  test.for<{ name: string; plugin: JsonValue; message: RegExp }>([
    { name: "a text", plugin: "x", message: /not an object/ },
    { name: "null", plugin: null, message: /not an object/ },
    { name: "a list", plugin: [], message: /not an object/ },
    { name: "no version", plugin: { type: "DAG" }, message: /its format is null, and this driver reads 1/ },
    { name: "a later version", plugin: { v: 2 }, message: /its format is 2/ },
    { name: "the version as a text", plugin: { v: "1" }, message: /its format is "1"/ },
    { name: "a flag that is not a text", plugin: { v: 1, run_id: 7 }, message: /flag "run_id" is not a text/ },
    { name: "a flag with dashes", plugin: { v: 1, "--type": "DAG" }, message: /a name that it cannot have: "--type"/ },
    { name: "args that are not a list", plugin: { v: 1, args: "--x" }, message: /args is not a list/ },
    { name: "args that are not texts", plugin: { v: 1, args: [1] }, message: /args is not a list of texts/ },
    { name: "inputs that are not an object", plugin: { v: 1, inputs: [] }, message: /inputs is not an object/ },
    { name: "an output that is not a text", plugin: { v: 1, outputs: { x_path: {} } }, message: /outputs "x_path"/ },
    { name: "a variable that is not a text", plugin: { v: 1, env: { A: null } }, message: /env "A" is not a text/ },
    { name: "a variable of a bad name", plugin: { v: 1, env: { "A B": "" } }, message: /env has a name/ },
  ])("rejects: $name", ({ plugin, message }, { expect }) => {
    expect(() => parsePlugin(plugin, CONTAINER)).toThrow(message);
  });

  test("takes a name of JavaScript's own for a name", ({ expect }) => {
    const plugin = JSON.parse('{"v":1,"__proto__":{"run_id":"x"}}') as JsonObject;
    expect(() => parsePlugin(plugin, CONTAINER)).toThrow(/a name that it cannot have: "__proto__"/);
  });
});

describe("parsePluginTask()", () => {
  test.for<{ name: string; json: JsonValue | undefined }>([
    { name: "nothing", json: undefined },
    { name: "a template with a container", json: { container: {} } },
    { name: "a plugin of others", json: { plugin: { other: {} } } },
    { name: "an http template", json: { http: {} } },
    { name: "a text", json: "x" },
  ])("leaves alone: $name", ({ json }, { expect }) => {
    expect(isPluginTemplate(json)).toBe(false);
    expect(parsePluginTask(json)).toBeUndefined();
  });

  test("reads values of inputs and defaults of outputs", ({ expect }) => {
    const task = parsePluginTask(template({ v: 1, type: "CONTAINER" }));
    expect(task).toEqual({
      templateName: "system-container-driver",
      call: {
        flags: { type: "CONTAINER" },
        inputs: {
          task_name: "task-name",
          parent_task_id: "parent-dag-task-id",
          iteration_index: "iteration-index",
          kubernetes_config: "kubernetes-config",
        },
        outputs: {
          pod_spec_patch_path: "pod-spec-patch",
          cached_decision_path: "cached-decision",
          condition_path: "condition",
        },
        args: [],
        env: {},
      },
      inputs: new Map([
        ["task-name", "train"],
        ["parent-dag-task-id", "7d0c"],
        ["iteration-index", "3"],
        ["kubernetes-config", ""],
      ]),
      outputs: [{ name: "pod-spec-patch", default: "" }, { name: "cached-decision", default: "false" }, { name: "condition" }],
    });
  });

  test("reads numbers and booleans as Argo's texts", ({ expect }) => {
    const inputs = {
      parameters: [
        { name: "iteration-index", value: 3 },
        { name: "b", value: true },
      ],
    };
    const outputs = { parameters: [{ name: "iteration-count", valueFrom: { default: 0 } }] };
    const task = parsePluginTask(template({ v: 1 }, { inputs, outputs }));
    expect(task?.inputs).toEqual(
      new Map([
        ["iteration-index", "3"],
        ["b", "true"],
      ]),
    );
    expect(task?.outputs).toEqual([{ name: "iteration-count", default: "0" }]);
  });

  test("reads a template without parameters", ({ expect }) => {
    const task = parsePluginTask(template({ v: 1 }, { inputs: {}, outputs: {}, name: 7 }));
    expect(task).toMatchObject({ templateName: "", outputs: [] });
  });
});

describe("pluginArguments()", () => {
  test("gives every flag its value, and files the names of outputs", ({ expect }) => {
    const task = parsePluginTask(template({ v: 1, type: "CONTAINER", http_proxy: "", args: ["--new", "x"] }));
    expect(pluginArguments(task!, "team-a")).toEqual([
      "--new",
      "x",
      "--type=CONTAINER",
      "--http_proxy=",
      "--task_name=train",
      "--parent_task_id=7d0c",
      "--iteration_index=3",
      "--kubernetes_config=",
      "--pod_spec_patch_path=pod-spec-patch",
      "--cached_decision_path=cached-decision",
      "--condition_path=condition",
      "--namespace=team-a",
    ]);
  });

  test("rejects an input without a value", ({ expect }) => {
    const task = parsePluginTask(template({ v: 1, inputs: { task_name: "nobody" } }));
    expect(() => pluginArguments(task!, "team-a")).toThrow(/--task_name takes its value from input "nobody", which has none/);
  });
});
