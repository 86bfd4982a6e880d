/**
 * Every input of CreatePVC and DeletePVC from each kind of source: a literal, an input of the pipeline around, the output of another task, an
 * optional input that was not given, a value of a wrong type.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { errorMessage } from "../../../src/core/errors.ts";
import { IoType, TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { CLAIM_COMPONENTS, claimTask, startClaimRun, type ClaimRun } from "../../support/claim-pipeline.ts";

/** A text of the JSON that the cluster is asked with, or of the error. */
type Outcome = string | { readonly error: string };

interface ClaimInput {
  readonly task: "createpvc" | "deletepvc";
  readonly input: string;
  readonly value: JsonValue;
  readonly makes: string;
  /** Nothing is given. */
  readonly missing: Outcome;
  /** Null is given: an empty text where one is declared, docs/spec/resolver.md#type-normalisation-and-literals. */
  readonly empty: Outcome;
  /** A value of a type that the input does not take, and what becomes of it: where a text is declared, its text. */
  readonly wrong: JsonValue;
  readonly says: Outcome;
}

const GENERATED = '"metadata":{"name":"';
const odd = { a: 1 };
/** The cluster says what a name is. */
const notAName = { wrong: odd, says: { error: "Kubernetes answered 422" } };
const aList = {
  empty: { error: "is null, but LIST needs a list" },
  wrong: "v",
  says: { error: "is a string, but LIST needs a list" },
};
const aStruct = {
  empty: { error: "is null, but STRUCT needs a" },
  wrong: "v",
  says: { error: "is a string, but STRUCT needs a" },
};
const noVolume = '"storageClassName":""}';
const TABLE: readonly ClaimInput[] = [
  {
    ...{ task: "createpvc", input: "pvc_name", value: "v", makes: '"name":"v"' },
    ...{ missing: GENERATED, empty: GENERATED, ...notAName },
  },
  {
    ...{ task: "createpvc", input: "pvc_name_suffix", value: "-v", makes: '-v"}' },
    ...{ missing: GENERATED, empty: GENERATED, ...notAName },
  },
  {
    ...{
      task: "createpvc",
      input: "size",
      value: "7Gi",
      makes: '"storage":"7Gi"',
      missing: { error: "volumeSize not provided" },
    },
    ...{ empty: { error: 'failed to parse pvc size ""' }, wrong: odd, says: { error: "failed to parse pvc size" } },
  },
  {
    ...{ task: "createpvc", input: "storage_class_name", value: "v", makes: '"storageClassName":"v"' },
    ...{ missing: '"storageClassName":"standard"', empty: '"storageClassName":""', wrong: 5, says: '"storageClassName":"5"' },
  },
  {
    ...{ task: "createpvc", input: "volume_name", value: "v", makes: '"volumeName":"v"' },
    ...{ missing: noVolume, empty: noVolume, wrong: 5, says: '"volumeName":"5"' },
  },
  {
    ...{ task: "createpvc", input: "annotations", value: { a: "v" }, makes: '"annotations":{"a":"v"}' },
    ...{ missing: GENERATED, ...aStruct },
  },
  {
    ...{ task: "createpvc", input: "data_source", value: { kind: "PersistentVolumeClaim", name: "v" } },
    ...{ makes: '"kind":"PersistentVolumeClaim","name":"v"', missing: noVolume, ...aStruct },
  },
  {
    ...{ task: "createpvc", input: "access_modes", value: ["ReadOnlyMany"], makes: '"accessModes":["ReadOnlyMany"]' },
    ...{ missing: { error: "access_modes not provided" }, ...aList },
  },
  {
    ...{ task: "deletepvc", input: "pvc_name", value: "v", makes: "DELETE v" },
    ...{ missing: { error: "pvc_name not provided" }, empty: { error: "resource name may not be empty" } },
    // A claim that is not there counts as deleted.
    ...{ wrong: odd, says: 'GET {"a":1}' },
  },
];

const OTHERS = { createpvc: { access_modes: ["ReadWriteOnce"], size: "5Gi", storage_class_name: "" }, deletepvc: {} };

const SOURCES: Readonly<Record<string, (value: JsonValue) => JsonObject>> = {
  literal: (constant) => ({ runtimeValue: { constant } }),
  input: () => ({ componentInputParameter: "i" }),
  output: () => ({ taskOutputParameter: { producerTask: "make", outputParameterKey: "o" } }),
};

function parameterType(value: JsonValue): string {
  if (Array.isArray(value)) return "LIST";
  return typeof value === "object" ? "STRUCT" : typeof value === "number" ? "NUMBER_INTEGER" : "STRING";
}

/** The pipeline around, with the task in it; what its driver asks of the cluster. */
async function asked(
  { task, input }: ClaimInput,
  value: JsonValue,
  source: JsonObject,
  given: readonly JsonValue[],
): Promise<string> {
  const { [input]: _, ...others } = OTHERS[task] as JsonObject;
  const claim = claimTask(task, others);
  Object.assign((claim["inputs"] as { parameters: JsonObject }).parameters, { [input]: source });
  const type = parameterType(value);
  const run = await startClaimRun({
    tasks: {
      around: {
        taskInfo: { name: "around" },
        componentRef: { name: "comp-around" },
        inputs: { parameters: Object.fromEntries(given.map((constant) => ["i", { runtimeValue: { constant } }])) },
      },
    },
    components: {
      "comp-around": {
        inputDefinitions: { parameters: { i: { parameterType: type, isOptional: true } } },
        dag: {
          tasks: {
            make: { taskInfo: { name: "make" }, componentRef: { name: "comp-make" } },
            [task]: { ...claim, dependentTasks: ["make"] },
          },
        },
      },
      "comp-make": { executorLabel: "exec-make", outputDefinitions: { parameters: { o: { parameterType: type } } } },
    },
    executors: { "exec-make": { container: { image: "busybox", command: ["true"] } } },
  });
  const around = await run.dag("around", await run.root());
  await makeOutput(run, around, value);
  if (task === "deletepvc") run.kubernetes.claims.set("ns/v", { metadata: { name: "v" }, spec: {} });
  await run.claim(task, around);
  const { method, path, body } = run.kubernetes.requests.at(-1)!;
  return task === "deletepvc" ? `${method} ${decodeURIComponent(path.split("/").at(-1) ?? "")}` : JSON.stringify(body);
}

async function makeOutput({ fake, runId }: ClaimRun, parentTaskId: string, value: JsonValue): Promise<void> {
  await fake.api.createTask(runId, {
    ...{ name: "make", scopePath: "root.around.make", parentTaskId, type: TaskType.RUNTIME, state: TaskState.SUCCEEDED },
    outputs: {
      parameters: [{ parameterKey: "o", value: jsonToValue(value), type: IoType.OUTPUT, producer: { taskName: "make" } }],
    },
  });
}

test("the table has every input there is", () => {
  const declared = Object.entries(CLAIM_COMPONENTS).flatMap(([component, body]) =>
    Object.keys((body as { inputDefinitions: { parameters: JsonObject } }).inputDefinitions.parameters).map(
      (input) => `${component.replace("comp-", "")}.${input}`,
    ),
  );
  expect(TABLE.map(({ task, input }) => `${task}.${input}`).toSorted()).toEqual(declared.toSorted());
});

interface Ending {
  readonly isRefused: boolean;
  /** What the cluster is asked, or the error. */
  readonly text: string;
}

function ending(made: Promise<string>): Promise<Ending> {
  return made.then(
    (text) => ({ isRefused: false, text }),
    (error: unknown) => ({ isRefused: true, text: errorMessage(error) }),
  );
}

function like(outcome: Outcome): Ending {
  const [isRefused, text] = typeof outcome === "string" ? [false, outcome] : [true, outcome.error];
  return { isRefused, text: expect.stringContaining(text) as string };
}

describe.for(TABLE.map((row) => [`${row.task}.${row.input}`, row] as const))("%s", ([, row]) => {
  test.for(Object.entries(SOURCES))("from the %s", async ([, source]) => {
    expect(await ending(asked(row, row.value, source(row.value), [row.value]))).toEqual(like(row.makes));
  });

  test.for(Object.entries(SOURCES))("of a wrong type, from the %s", async ([, source]) => {
    expect(await ending(asked(row, row.wrong, source(row.wrong), [row.wrong]))).toEqual(like(row.says));
  });

  test("without a value: its optional input is not there, or null", async () => {
    const source = { componentInputParameter: "i" };
    expect(await ending(asked(row, row.value, source, []))).toEqual(like(row.missing));
    expect(await ending(asked(row, row.value, source, [null]))).toEqual(like(row.empty));
  });
});
