import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/values/value.ts";
import { constant, parametersOf, resolve } from "../resolving.ts";
import { IoType, parameter } from "../rows.ts";

const { OUTPUT, RUNTIME_VALUE_INPUT } = IoType;

describe("resolveInputs() of constants (DRV-31)", () => {
  const given = (value: JsonValue): object => ({
    task: {
      inputs: {
        parameters: {
          n: constant(value),
          "pipelinechannel--name": { componentInputParameter: "name" },
          "pipelinechannel--number": { componentInputParameter: "number" },
          "pipelinechannel--nothing": { componentInputParameter: "nothing" },
        },
      },
    },
    component: {
      inputDefinitions: {
        parameters: {
          "pipelinechannel--nothing": { isOptional: true, parameterType: "STRING" },
          n: { isOptional: true, parameterType: "STRING" },
        },
      },
    },
    parent: { inputs: [parameter("name", "world", RUNTIME_VALUE_INPUT), parameter("number", 5, OUTPUT, "prep")] },
    job: { createTime: "2023-11-14T22:13:20Z" },
    pipelineRoot: "s3://b/demo/run-1",
  });
  const channel = (name: string): string => `{{$.inputs.parameters['pipelinechannel--${name}']}}`;

  test.for([
    ["plain", '"plain" RUNTIME_VALUE_INPUT ROOT'],
    [5, '"5" RUNTIME_VALUE_INPUT ROOT'],
    [["{{$.pipeline_job_uuid}}"], '"[\\"run-1\\"]" RUNTIME_VALUE_INPUT ROOT'],
    [null, '"" RUNTIME_VALUE_INPUT ROOT'],
    [channel("name"), '"world" COMPONENT_INPUT ROOT'],
    [channel("number"), '"5" COMPONENT_INPUT prep'],
    [`Hello ${channel("name")}`, '"Hello world" RUNTIME_VALUE_INPUT ROOT'],
    [`${channel("name")}${channel("number")}!`, '"world5!" RUNTIME_VALUE_INPUT ROOT'],
    [`[${channel("nothing")}]`, '"[]" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.workspace_path}}/data", '"/kfp-workspace/data" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.workspace_path}}", '"/kfp-workspace" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_job_name}}", '"My run" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_job_resource_name}}", '"argo-abc" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_job_uuid}}", '"run-1" RUNTIME_VALUE_INPUT ROOT'],
    ["id={{$.pipeline_job_uuid}}", '"id=run-1" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_job_create_time_utc}}", '"2023-11-14T22:13:20Z" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_task_name}}", '"train" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_task_uuid}}", '"root" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_root}}", '"s3://b/demo/run-1" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.pipeline_root}}/x", '"{{$.pipeline_root}}/x" RUNTIME_VALUE_INPUT ROOT'],
    ["{{$.inputs.parameters['x']}}", "\"{{$.inputs.parameters['x']}}\" RUNTIME_VALUE_INPUT ROOT"],
    ["{{$.outputs.artifacts['x'].uri}}", "\"{{$.outputs.artifacts['x'].uri}}\" RUNTIME_VALUE_INPUT ROOT"],
  ] as const)("gives %j as %s", async ([value, expected]) => {
    expect((await parametersOf(given(value as JsonValue)))[0]).toBe(`n=${expected}`);
  });

  test("is omitted when it is exactly a channel that gives nothing", async () => {
    expect((await parametersOf(given(channel("nothing")))).filter((text) => text.startsWith("n="))).toEqual([]);
  });

  test("keeps the type of a channel that is the whole constant", async () => {
    const parameters = { n: constant(channel("number")), "pipelinechannel--number": { componentInputParameter: "number" } };
    expect((await parametersOf({ ...given(""), task: { inputs: { parameters } }, component: {} }))[0]).toBe(
      "n=5 COMPONENT_INPUT prep",
    );
  });

  describe("in lists and structs", () => {
    const nothing = { isOptional: true, parameterType: "STRING" };
    const component = { inputDefinitions: { parameters: { "pipelinechannel--nothing": nothing } } };
    const struct = (value: JsonValue, inputs = {}): Promise<string[]> => {
      const base = given(value) as { task: { inputs: { parameters: object } }; component: object };
      const parameters = { ...base.task.inputs.parameters, ...inputs };
      return parametersOf({ ...base, task: { inputs: { parameters } }, component });
    };
    test("placeholders are resolved where the constant stands, each as text, keys too", async () => {
      const value = {
        a: [channel("number"), 1],
        [`k-${channel("name")}`]: { id: "{{$.pipeline_job_uuid}}", t: "{{$.pipeline_task_name}}" },
      };
      expect((await struct(value))[0]).toBe('n={"a":["5",1],"k-world":{"id":"run-1","t":"train"}} RUNTIME_VALUE_INPUT ROOT');
    });
    test("inserted text is never read again and cannot change the shape", async () => {
      const evil = `"}],{{$.pipeline_job_uuid}}${channel("number")}`;
      const inputs = [parameter("name", evil, RUNTIME_VALUE_INPUT), parameter("number", 5, OUTPUT)];
      const base = given([channel("name"), { x: channel("name") }]);
      expect((await parametersOf({ ...base, component, parent: { inputs } }))[0]).toContain(JSON.stringify([evil, { x: evil }]));
    });
    test("a channel the task lacks is refused, other text that looks like a placeholder stays", async () => {
      await expect(struct([channel("unknown")])).rejects.toThrow(/refers to "pipelinechannel--unknown"/);
      expect((await struct(["{{$.inputs.parameters['x']}}", "{{$.pipeline_root}}/x"]))[0]).toBe(
        'n=["{{$.inputs.parameters[\'x\']}}","{{$.pipeline_root}}/x"] RUNTIME_VALUE_INPUT ROOT',
      );
    });
    test("keys that become the same are refused", async () => {
      await expect(struct({ world: 1, [channel("name")]: 2 })).rejects.toThrow(/two keys of one struct become the same text/);
    });
    test("an input of the task without the compiler's prefix is one too", async () => {
      expect((await struct(["{{$.inputs.parameters['m']}}"], { m: constant("M") }))[1]).toBe('n=["M"] RUNTIME_VALUE_INPUT ROOT');
    });
  });

  describe("as defaults of components", () => {
    const withDefault = (defaultValue: JsonValue, parameterType = "STRING"): Promise<string[]> =>
      parametersOf({
        component: {
          inputDefinitions: {
            parameters: {
              d: { parameterType, isOptional: true, defaultValue },
              e: { parameterType: "STRING", defaultValue: "E" },
            },
          },
        },
      });
    test.for([
      ["id {{$.pipeline_job_uuid}}", "STRING", '"id run-1"'],
      ["{{$.pipeline_task_name}}", "STRING", '"train"'],
      [["{{$.pipeline_job_name}}"], "LIST", '["My run"]'],
      ["{{$.inputs.parameters['e']}}", "STRING", '"E"'],
      ["{{$.inputs.parameters['x']}}", "STRING", "\"{{$.inputs.parameters['x']}}\""],
    ] as const)("%j is resolved before anybody gets it", async ([value, type, text]) => {
      expect((await withDefault(value as JsonValue, type))[0]).toBe(`d=${text} COMPONENT_DEFAULT_INPUT ROOT`);
    });
  });

  test("an integer that was rounded is refused by name", async () => {
    const task = { inputs: { parameters: { n: constant(2 ** 53) } } };
    const component = { inputDefinitions: { parameters: { n: { parameterType: "NUMBER_INTEGER" } } } };
    await expect(resolve({ task, component })).rejects.toThrow(
      /input "n" of task "root\.train" is an integer beyond 9007199254740991 .*pass it as a string/,
    );
  });

  test("never looks at inserted text again", async () => {
    const inputs = [parameter("name", channel("number"), RUNTIME_VALUE_INPUT), parameter("number", 5, OUTPUT)];
    expect((await parametersOf({ ...given(`<${channel("name")}>`), parent: { inputs } }))[0]).toContain(
      JSON.stringify(`<${channel("number")}>`),
    );
  });

  test("keeps the root placeholder when no root is known", async () => {
    const { pipelineRoot: _, ...rest } = given("{{$.pipeline_root}}") as { pipelineRoot: string };
    expect((await parametersOf(rest))[0]).toBe('n="{{$.pipeline_root}}" RUNTIME_VALUE_INPUT ROOT');
  });

  test("refuses channels that the task does not declare, and circles", async () => {
    await expect(resolve(given(channel("unknown")))).rejects.toThrow(
      /refers to "pipelinechannel--unknown", which the task does not declare/,
    );
    const parameters = {
      "pipelinechannel--a": constant(channel("b")),
      "pipelinechannel--b": constant(`x${channel("a")}`),
    };
    await expect(resolve({ task: { inputs: { parameters } } })).rejects.toThrow(/inputs refer in a circle/);
  });
});
