import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/values/value.ts";
import { constant, outcomeOf, parametersOf, resolve } from "../resolving.ts";
import { IoType, TaskState, TaskType, parameter, row } from "../rows.ts";

const { COMPONENT_INPUT, ITERATOR_INPUT, ITERATOR_OUTPUT, OUTPUT, ONE_OF_OUTPUT, RUNTIME_VALUE_INPUT } = IoType;
const fromParent = (key: string, selector?: string): object => ({
  inputs: { parameters: { n: { componentInputParameter: key, ...(selector && { parameterExpressionSelector: selector }) } } },
});
const fromTask = { inputs: { parameters: { n: { taskOutputParameter: { producerTask: "prep", outputParameterKey: "x" } } } } };
const declares = (definition: object): object => ({ inputDefinitions: { parameters: { n: definition } } });
const STRING = declares({ parameterType: "STRING" });

describe("resolveInputs() of a component input", () => {
  const candidates = (...inputs: ReturnType<typeof parameter>[]): object => ({ parent: { inputs } });

  test.for([
    { name: "one candidate", inputs: [parameter("p", "v", RUNTIME_VALUE_INPUT)], expected: ['n="v" COMPONENT_INPUT ROOT'] },
    {
      name: "one candidate of another iteration",
      inputs: [parameter("p", "v", ITERATOR_INPUT, "loop#3")],
      iterationIndex: 1,
      expected: ['n="v" COMPONENT_INPUT loop#1'],
    },
    {
      name: "the candidate of the iteration",
      inputs: [parameter("p", "a", ITERATOR_INPUT, "loop#0"), parameter("p", "b", ITERATOR_INPUT, "loop#1")],
      iterationIndex: 1,
      expected: ['n="b" COMPONENT_INPUT loop#1'],
    },
    {
      name: "without a match the candidate that has no iteration",
      inputs: [parameter("p", "a", ITERATOR_INPUT, "loop#0"), parameter("p", "b", COMPONENT_INPUT)],
      iterationIndex: 7,
      expected: ['n="b" COMPONENT_INPUT ROOT#7'],
    },
    {
      name: "else the lowest iteration",
      inputs: [parameter("p", "b", ITERATOR_INPUT, "loop#4"), parameter("p", "a", ITERATOR_INPUT, "loop#2")],
      expected: ['n="a" COMPONENT_INPUT loop#2'],
    },
    {
      name: "a null item of the iteration, as an empty text",
      inputs: [parameter("p", "a", ITERATOR_INPUT, "loop#0"), parameter("p", null, ITERATOR_INPUT, "loop#1")],
      iterationIndex: 1,
      expected: ['n="" COMPONENT_INPUT loop#1'],
    },
  ])("takes $name", async ({ inputs, iterationIndex, expected }) => {
    const given = {
      task: fromParent("p"),
      component: STRING,
      ...candidates(...inputs),
      ...(iterationIndex !== undefined && { iterationIndex }),
    };
    expect(await parametersOf(given)).toEqual(expected);
  });

  test("takes the parent's iteration without one of its own (DRV-33)", async () => {
    const inputs = [parameter("p", "a", ITERATOR_INPUT, "loop#0"), parameter("p", "b", ITERATOR_INPUT, "loop#1")];
    expect(await parametersOf({ task: fromParent("p"), component: STRING, parent: { inputs, index: 1 } })).toEqual([
      'n="b" COMPONENT_INPUT loop#1',
    ]);
  });

  test("does not depend on the order of the candidates (DRV-27)", async () => {
    const inputs = [
      parameter("p", "a", ITERATOR_INPUT, "loop#1"),
      parameter("p", "b", ITERATOR_INPUT, "loop#1"),
      parameter("p", "c", COMPONENT_INPUT, "x#1"),
      parameter("p", "d", ITERATOR_INPUT, "loop#2"),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(inputs, { minLength: 4 }),
        fc.option(fc.constantFrom(1, 2, 9), { nil: undefined }),
        async (shuffled, index) => {
          const given = { task: fromParent("p"), component: STRING, ...(index !== undefined && { iterationIndex: index }) };
          expect(await parametersOf({ ...given, parent: { inputs: shuffled } })).toEqual(
            await parametersOf({ ...given, parent: { inputs } }),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test("is an error when its producer is not recorded", async () => {
    const entry = parameter("p", "v", COMPONENT_INPUT);
    delete entry.producer;
    await expect(resolve({ task: fromParent("p"), parent: { inputs: [entry] } })).rejects.toThrow(/its value is not recorded/);
  });
});

describe("resolveInputs() of nothing", () => {
  test.for([
    {
      name: "optional with default",
      definition: { isOptional: true, defaultValue: 3 },
      expected: ["n=3 COMPONENT_DEFAULT_INPUT ROOT"],
    },
    {
      name: "optional with a null default",
      definition: { isOptional: true, defaultValue: null },
      expected: ["n=null COMPONENT_DEFAULT_INPUT ROOT"],
    },
    { name: "optional", definition: { isOptional: true }, expected: [] },
    { name: "required", definition: {}, expected: 'Cannot resolve input "n" of task "root.train": the resolved input is null' },
    {
      name: "required with default",
      definition: { defaultValue: 3 },
      expected: 'Cannot resolve input "n" of task "root.train": the resolved input is null',
    },
  ])("for an input that is $name: $expected", async ({ definition, expected }) => {
    for (const inputs of [[], [parameter("p", undefined, COMPONENT_INPUT)], [parameter("p", null, COMPONENT_INPUT)]]) {
      const resolved = parametersOf({
        task: fromParent("p"),
        component: declares({ parameterType: "NUMBER_INTEGER", ...definition }),
        parent: { inputs },
      });
      expect(await outcomeOf(resolved)).toEqual(expected);
    }
  });

  test("stamps the iteration on a default, and does not convert it", async () => {
    const definition = { parameterType: "STRING", isOptional: true, defaultValue: 3, literals: ["a"] };
    expect(await parametersOf({ task: fromParent("p"), component: declares(definition), iterationIndex: 2 })).toEqual([
      "n=3 COMPONENT_DEFAULT_INPUT ROOT#2",
    ]);
  });

  test("is an error for an input that is not declared", async () => {
    await expect(resolve({ task: fromParent("p") })).rejects.toThrow(/the resolved input is null/);
  });
});

describe("resolveInputs() of component defaults", () => {
  test.for([
    { name: "a default", definition: { defaultValue: 1 }, expected: ["n=1 COMPONENT_DEFAULT_INPUT ROOT"] },
    {
      name: "a default of an optional input",
      definition: { defaultValue: null, isOptional: true },
      expected: ["n=null COMPONENT_DEFAULT_INPUT ROOT"],
    },
    { name: "an optional input", definition: { isOptional: true }, expected: [] },
    { name: "a TASK_CONFIG input", definition: { parameterType: "TASK_CONFIG" }, expected: [] },
    {
      name: "a required input",
      definition: {},
      expected: expect.stringContaining('input "n" of task "root.train": it is required') as string,
    },
  ])("adds what the task does not mention: $name", async ({ definition, expected }) => {
    const resolved = parametersOf({ component: declares(definition) });
    expect(await outcomeOf(resolved)).toEqual(expected);
  });

  test("leaves a TASK_CONFIG input of the task spec alone", async () => {
    expect(await parametersOf({ task: fromParent("p"), component: declares({ parameterType: "TASK_CONFIG" }) })).toEqual([]);
  });
});

describe("resolveInputs() of a task output", () => {
  const produced = (type: TaskType, outputs: ReturnType<typeof parameter>[], options: object = {}): object => ({
    task: fromTask,
    tasks: { prep: { componentRef: { name: type === TaskType.RUNTIME ? "leaf" : "prep" } } },
    components: { prep: { dag: { tasks: {} } } },
    rows: (root: ReturnType<typeof row>) => [
      row("prep", { parent: root, id: "prep", type, outputs, state: TaskState.SUCCEEDED, ...options }),
    ],
  });
  const items = (...iterations: (number | undefined)[]): ReturnType<typeof parameter>[] =>
    iterations.map((i) => parameter("x", `v${i ?? ""}`, ITERATOR_OUTPUT, i === undefined ? "a" : `a#${i}`));

  test.for([
    {
      name: "an output",
      type: TaskType.RUNTIME,
      outputs: [parameter("x", "v", OUTPUT, "prep")],
      expected: ['n="v" TASK_OUTPUT_INPUT prep'],
    },
    {
      name: "an output of a DAG",
      type: TaskType.DAG,
      outputs: [parameter("x", "v", OUTPUT, "a")],
      expected: ['n="v" TASK_OUTPUT_INPUT a'],
    },
    {
      name: "a OneOf",
      type: TaskType.DAG,
      outputs: [parameter("x", "v", ONE_OF_OUTPUT, "condition-2")],
      expected: ['n="v" TASK_OUTPUT_INPUT condition-2'],
    },
    {
      name: "a single iterator output of a leaf, bare",
      type: TaskType.RUNTIME,
      outputs: items(2),
      expected: ['n="v2" TASK_OUTPUT_INPUT a#2'],
    },
    {
      name: "a single iterator output of a loop, as a list",
      type: TaskType.LOOP,
      outputs: items(2),
      expected: ['n=["v2"] COLLECTED_INPUTS prep'],
    },
    {
      name: "iterator outputs in iteration order",
      type: TaskType.LOOP,
      outputs: items(10, 9, 0),
      expected: ['n=["v0","v9","v10"] COLLECTED_INPUTS prep'],
    },
    {
      name: "list order when an iteration is lost",
      type: TaskType.DAG,
      outputs: items(1, undefined, 1),
      expected: ['n=["v1","v","v1"] COLLECTED_INPUTS prep'],
    },
    {
      name: "several outputs of one key",
      type: TaskType.RUNTIME,
      outputs: items(0, 1),
      expected: expect.stringMatching(/multiple outputs with producer key "x" .* outside a loop collection/) as string,
    },
    {
      name: "outputs and iterator outputs",
      type: TaskType.DAG,
      outputs: [...items(0), parameter("x", "v", OUTPUT, "b")],
      expected: expect.stringMatching(/multiple outputs with producer key/) as string,
    },
    {
      name: "an iteration twice",
      type: TaskType.LOOP,
      outputs: [...items(1), parameter("x", "w", ITERATOR_OUTPUT, "b#1")],
      expected: expect.stringMatching(/holds iteration 1 more than once/) as string,
    },
    {
      name: "no such output",
      type: TaskType.RUNTIME,
      outputs: [parameter("y", 1, OUTPUT)],
      expected: expect.stringContaining(
        'Cannot resolve input "n" of task "root.train": producer "prep" has no output "x"',
      ) as string,
    },
  ])("takes $name", async ({ type, outputs, expected }) => {
    const resolved = parametersOf(produced(type, outputs));
    expect(await outcomeOf(resolved)).toEqual(expected);
  });

  test("is an empty list for a loop without iterations, counted or not", async () => {
    for (const options of [{ count: 0, state: TaskState.SKIPPED }, {}]) {
      expect(await parametersOf(produced(TaskType.LOOP, [], options))).toEqual(["n=[] COLLECTED_INPUTS prep"]);
    }
  });

  test("fails on a skipped producer", async () => {
    await expect(resolve(produced(TaskType.RUNTIME, [], { state: TaskState.SKIPPED }))).rejects.toThrow(
      /producer "prep" has no output "x"/,
    );
  });

  describe("of a task that did not succeed", () => {
    const always = { ...fromTask, triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } };
    const component = (definition: object): object => ({ component: { inputDefinitions: { parameters: { n: definition } } } });
    const withDefault = component({ parameterType: "STRING", isOptional: true, defaultValue: "d" });
    const failed = produced(TaskType.RUNTIME, [], { state: TaskState.FAILED });
    const notStarted = { ...failed, rows: () => [] };
    const default_ = ['n="d" COMPONENT_DEFAULT_INPUT ROOT'];

    test.for([
      { name: "a failed one", given: { ...failed, task: always, ...withDefault }, expected: default_ },
      {
        name: "a skipped one",
        given: { ...produced(TaskType.RUNTIME, [], { state: TaskState.SKIPPED }), task: always, ...withDefault },
        expected: default_,
      },
      { name: "one that never started", given: { ...notStarted, task: always, ...withDefault }, expected: default_ },
      {
        name: "none for an optional input without default",
        given: { ...failed, task: always, ...component({ parameterType: "STRING", isOptional: true }) },
        expected: [],
      },
      {
        name: "what a failed one has published all the same",
        given: {
          ...produced(TaskType.RUNTIME, [parameter("x", "v", OUTPUT, "prep")], { state: TaskState.FAILED }),
          task: always,
          ...withDefault,
        },
        expected: ['n="v" TASK_OUTPUT_INPUT prep'],
      },
      {
        name: "no default in an ordinary task",
        given: { ...failed, ...withDefault },
        expected: expect.stringContaining('producer "prep" has no output "x"') as string,
      },
      {
        name: "no default for an output that a succeeded one lacks",
        given: { ...produced(TaskType.RUNTIME, []), task: always, ...withDefault },
        expected: expect.stringContaining('producer "prep" has no output "x"') as string,
      },
      {
        name: "no default for a task that the spec does not have",
        given: { ...notStarted, tasks: {}, task: always, ...withDefault },
        expected: expect.stringContaining('"prep" not found') as string,
      },
      {
        name: "nothing for a required input",
        given: { ...failed, task: always, ...component({ parameterType: "STRING" }) },
        expected: expect.stringContaining("the task that gives it did not succeed, and the input has no default") as string,
      },
    ])("an exit task takes $name", async ({ given, expected }) => {
      expect(await outcomeOf(parametersOf(given))).toEqual(expected);
    });

    test("leaves a gap in a text, and the default where it is all there is", async () => {
      const channel = "{{$.inputs.parameters['pipelinechannel--prep-x']}}";
      const inputs = (n: string): object => ({
        parameters: { n: { runtimeValue: { constant: n } }, "pipelinechannel--prep-x": fromTask.inputs.parameters.n },
      });
      const given = (n: string): object => ({ ...failed, ...withDefault, task: { ...always, inputs: inputs(n) } });
      expect(await parametersOf(given(`<${channel}>`))).toEqual(['n="<>" RUNTIME_VALUE_INPUT ROOT']);
      expect(await parametersOf(given(channel))).toEqual(default_);
    });
  });

  test("overwrites the iteration of the producer", async () => {
    const given = {
      ...produced(TaskType.RUNTIME, [parameter("x", "v", ITERATOR_OUTPUT, "prep#1")], { index: 1 }),
      iterationIndex: 1,
      parent: { index: 5 },
    };
    expect(await parametersOf(given)).toEqual(['n="v" TASK_OUTPUT_INPUT prep#1']);
  });

  test("finds the sibling of the own iteration, and of the parent's without one", async () => {
    const rows = (root: ReturnType<typeof row>): ReturnType<typeof row>[] =>
      [0, 1].map((index) => row("prep", { parent: root, index, outputs: [parameter("x", index, OUTPUT, `prep#${index}`)] }));
    const given = { task: fromTask, tasks: { prep: { componentRef: { name: "leaf" } } }, rows };
    expect(await parametersOf({ ...given, iterationIndex: 1 })).toEqual(["n=1 TASK_OUTPUT_INPUT prep#1"]);
    expect(await parametersOf({ ...given, parent: { index: 0 } })).toEqual(["n=0 TASK_OUTPUT_INPUT prep#0"]);
    await expect(resolve(given)).rejects.toThrow(/producerTask task "prep" not found in "root"/);
  });
});

describe("resolveInputs() of typed inputs", () => {
  const typed = (value: JsonValue, definition: object, selector?: string): object => ({
    task: fromParent("p", selector),
    component: declares(definition),
    parent: { inputs: [parameter("p", value, RUNTIME_VALUE_INPUT)] },
  });

  test("converts to text for STRING only, after the selector", async () => {
    expect(await parametersOf(typed({ A_a: 1.5 }, { parameterType: "STRING" }, 'parseJson(string_value)["A_a"]'))).toEqual([
      'n="1.5" COMPONENT_INPUT ROOT',
    ]);
    await expect(resolve(typed("1", { parameterType: "NUMBER_INTEGER" }))).rejects.toThrow(/input "n" of task "root.train"/);
  });

  test("checks literals", async () => {
    const literal = { parameterType: "STRING", literals: ["a", "b"] };
    expect(await parametersOf(typed("a", literal))).toHaveLength(1);
    await expect(resolve(typed("c", literal))).rejects.toThrow(/validating parameter/);
  });

  test("refuses an integer that a selector would pick rounded", async () => {
    const select = (json: string): Promise<string[] | string> => {
      const n = { ...constant(json), parameterExpressionSelector: 'parseJson(string_value)["a"]' };
      return outcomeOf(parametersOf({ task: { inputs: { parameters: { n } } } }));
    };
    expect(await select('{"a": [1, 9007199254740993]}')).toMatch(
      /Cannot resolve input "n".*: member a\[1\] is an integer beyond/,
    );
    expect(await select('{"a": 1, "b": 9007199254740993}')).toEqual(["n=1 RUNTIME_VALUE_INPUT ROOT"]);
  });

  test("names the input when a selector fails", async () => {
    await expect(resolve(typed("{}", { parameterType: "STRING" }, 'parseJson(string_value)["zzz"]'))).rejects.toThrow(
      /^Cannot resolve input "n" of task "root.train": .*no such key/,
    );
  });
});

describe("resolveInputs() of unsupported sources", () => {
  test.for([
    { runtimeValue: { runtimeParameter: "p" } },
    { runtimeValue: { constantValue: { stringValue: "x" } } },
    { runtimeValue: {} },
    {},
  ])("says not implemented: %j", async (source) => {
    await expect(resolve({ task: { inputs: { parameters: { n: source } } } })).rejects.toThrow(/not implemented/);
  });
});
