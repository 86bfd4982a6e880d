/**
 * Lists of three rows for every kind of list, with what each row has under each key: written by hand from the table of keys.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { ApiWay } from "./api-ways.ts";

/** What a row has under a key; null: nothing, which no predicate matches and which sorts first. */
export type CellValue = string | number | null;

/** How a value of a column is written in a filter. */
export type ValueKind = "text" | "number" | "time";

/** A column: what the rows have in it, in the order of `ids`; `refused`: a key that cannot be compared. */
export type ListColumn = { readonly kind: ValueKind; readonly values: readonly CellValue[] } | "refused";

/** A list to look at. */
export interface FilledList {
  readonly ids: readonly string[];
  readonly columns: Readonly<Record<string, ListColumn>>;
  /** Members of the request besides paging. */
  readonly scope: JsonObject;
}

/** A kind of list. */
export interface ListCase {
  /** As in the table of keys in docs/spec/api-server.md#sort. */
  readonly resource: string;
  readonly method: string;
  /** Member of the answer that holds the rows, and of a row that is its id. */
  readonly rows: string;
  readonly id: string;
  /** Member of the request that holds the sort order. */
  readonly sortBy: "sort_by" | "order_by";
  readonly defaultKey: string;
  readonly hasTags: boolean;
  /** A text key that every row has. */
  readonly textKey: string;
  fill(this: void, api: ApiWay): Promise<FilledList>;
}

/** The least that can be run. */
export const SMALL_SPEC: JsonObject = {
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  root: { dag: { tasks: {} } },
};

const text = (...values: (string | null)[]): ListColumn => ({ kind: "text", values });
const number = (...values: (number | null)[]): ListColumn => ({ kind: "number", values });
const time = (...values: number[]): ListColumn => ({ kind: "time", values });

/** A member of an answer that is a text. */
export function textAt(reply: JsonObject, key: string): string {
  const value = reply[key];
  if (typeof value !== "string") throw new Error(`The answer has no ${key}: ${JSON.stringify(reply)}`);
  return value;
}

async function fillRuns({ call, server, setTime }: ApiWay): Promise<FilledList> {
  const { experiment_id: other } = await call("CreateExperiment", { experiment: { display_name: "other" } });
  const recurring = { display_name: "s", max_concurrency: "1", pipeline_spec: SMALL_SPEC };
  const { recurring_run_id: schedule } = await call("CreateRecurringRun", { recurring_run: recurring });
  const add = async (run: JsonObject) => await call("CreateRun", { run: { pipeline_spec: SMALL_SPEC, ...run } });
  const first = await add({ run_id: "run-b", display_name: "alpha" });
  await add({
    run_id: "run-a",
    display_name: "Beta",
    description: "long text",
    scheduled_at: "1970-01-01T01:23:20Z",
    experiment_id: other as string,
  });
  setTime(1_500);
  await add({ run_id: "run-c", display_name: "beta%", description: "long_text", recurring_run_id: schedule as string });
  setTime(2_000);
  server.runs.finishRun("run-a", 3);
  await call("ArchiveRun", { run_id: "run-a" });
  setTime(1_800);
  server.runs.finishRun("run-c", 5);
  const ids = ["run-b", "run-a", "run-c"];
  const names = text("alpha", "Beta", "beta%");
  const states = text("PENDING", "SUCCEEDED", "FAILED");
  return {
    ids,
    scope: {},
    columns: {
      run_id: text(...ids),
      id: text(...ids),
      display_name: names,
      name: names,
      created_at: time(1_000, 1_000, 1_500),
      finished_at: time(0, 2_000, 1_800),
      description: text("", "long text", "long_text"),
      scheduled_at: time(1_000, 5_000, 1_500),
      storage_state: text("AVAILABLE", "ARCHIVED", "AVAILABLE"),
      status: states,
      state: states,
      namespace: text("", "", ""),
      experiment_id: text(textAt(first, "experiment_id"), other as string, textAt(first, "experiment_id")),
      recurring_run_id: text("", "", schedule as string),
      state_history: "refused",
      runtime_details: "refused",
    },
  };
}

async function addRun(call: ApiWay["call"]): Promise<void> {
  await call("CreateRun", { run: { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC } });
}

async function fillTasks({ call }: ApiWay): Promise<FilledList> {
  await addRun(call);
  const add = async (task: JsonObject) => textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
  const a = await add({ name: "root", type: "ROOT", state: "RUNNING", scope_path: "root" });
  const b = await add({
    ...{ name: "fit", display_name: "Fit it", type: "RUNTIME", state: "SUCCEEDED", scope_path: "root.fit", parent_task_id: a },
    ...{ cache_fingerprint: "abc", create_time: "1970-01-01T00:20:00Z", end_time: "1970-01-01T00:25:00Z" },
  });
  const c = await add({
    ...{ name: "fit", display_name: "fit_it", type: "LOOP", state: "SKIPPED", scope_path: "root.loop.fit", parent_task_id: a },
    ...{ cache_fingerprint: "ab", create_time: "1970-01-01T00:10:00Z" },
  });
  return {
    ids: [a, b, c],
    scope: { run_id: "r" },
    columns: {
      task_id: text(a, b, c),
      name: text("root", "fit", "fit"),
      display_name: text("", "Fit it", "fit_it"),
      run_id: text("r", "r", "r"),
      cache_fingerprint: text("", "abc", "ab"),
      create_time: time(1_000, 1_200, 600),
      start_time: time(1_000, 1_200, 600),
      end_time: time(0, 1_500, 0),
      status: number(1, 2, 3),
      type: number(1, 2, 5),
      parent_task_id: text(null, a, a),
      scope_path: text("root", "root.fit", "root.loop.fit"),
      pods: "refused",
      status_metadata: "refused",
      state_history: "refused",
      type_attributes: "refused",
      inputs: "refused",
      outputs: "refused",
    },
  };
}

async function addTask(call: ApiWay["call"], name: string): Promise<string> {
  const task = { name, type: "RUNTIME", scope_path: `root.${name}` };
  return textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
}

async function fillArtifacts({ call, setTime }: ApiWay): Promise<FilledList> {
  await addRun(call);
  const taskId = await addTask(call, "t");
  const add = async (artifact: JsonObject) =>
    textAt(await call("CreateArtifact", { run_id: "r", task_id: taskId, producer_key: "k", artifact }), "artifact_id");
  const a = await add({ name: "model", type: "Model", uri: "s3://b/model", description: "the best" });
  const b = await add({ name: "loss", type: "Metric", number_value: 0.5 });
  setTime(1_001);
  const c = await add({ name: "loss", type: "Metric", number_value: -2, uri: "s3://a" });
  return {
    ids: [a, b, c],
    scope: {},
    columns: {
      artifact_id: text(a, b, c),
      id: text(a, b, c),
      namespace: text("", "", ""),
      type: number(2, 6, 6),
      uri: text("s3://b/model", null, "s3://a"),
      name: text("model", "loss", "loss"),
      description: text("the best", "", ""),
      created_at: time(1_000, 1_000, 1_001),
      last_update: time(1_000, 1_000, 1_001),
      number_value: number(null, 0.5, -2),
      metadata: "refused",
    },
  };
}

async function fillLinks({ call }: ApiWay): Promise<FilledList> {
  await addRun(call);
  const [first, second] = [await addTask(call, "one"), await addTask(call, "two")];
  const artifact = { name: "m", type: "Model" };
  const made = await call("CreateArtifact", { run_id: "r", task_id: first, producer_key: "m", artifact });
  const artifactId = textAt(made, "artifact_id");
  const link = { artifact_id: artifactId, run_id: "r", task_id: second };
  await call("CreateArtifactTask", {
    artifact_task: { ...link, type: "TASK_OUTPUT_INPUT", key: "x", producer: { task_name: "one" } },
  });
  await call("CreateArtifactTask", {
    artifact_task: { ...link, type: "COMPONENT_INPUT", key: "y", producer: { task_name: "zero", iteration: "3" } },
  });
  const { artifact_tasks: rows } = await call("ListArtifactTasks", { run_ids: ["r"] });
  const idOf = (key: string) => textAt((rows as JsonObject[]).find((row) => row["key"] === key) ?? {}, "id");
  const ids = [idOf("m"), idOf("x"), idOf("y")];
  return {
    ids,
    scope: { run_ids: ["r"] },
    columns: {
      id: text(...ids),
      artifact_id: text(artifactId, artifactId, artifactId),
      task_id: text(first, second, second),
      type: number(9, 2, 3),
      run_id: text("r", "r", "r"),
      producer: text("one", "one", "zero"),
      key: text("m", "x", "y"),
    },
  };
}

async function fillExperiments({ call, setTime }: ApiWay): Promise<FilledList> {
  const { experiments } = await call("ListExperiments");
  const [standard = {}] = experiments as JsonObject[];
  const a = textAt(standard, "experiment_id");
  const add = async (experiment: JsonObject) => textAt(await call("CreateExperiment", { experiment }), "experiment_id");
  const b = await add({ display_name: "trials", description: "of July" });
  setTime(1_400);
  const c = await add({ display_name: "Trials", description: "of August" });
  const run = { display_name: "r", pipeline_spec: SMALL_SPEC, experiment_id: b };
  await call("CreateRun", { run });
  await call("ArchiveExperiment", { experiment_id: c });
  const names = text("Default", "trials", "Trials");
  return {
    ids: [a, b, c],
    scope: {},
    columns: {
      id: text(a, b, c),
      experiment_id: text(a, b, c),
      name: names,
      display_name: names,
      created_at: time(1_000, 1_000, 1_400),
      last_run_created_at: time(0, 1_400, 0),
      description: text(textAt(standard, "description"), "of July", "of August"),
      namespace: text("", "", ""),
      storage_state: text("AVAILABLE", "AVAILABLE", "ARCHIVED"),
    },
  };
}

async function fillPipelines({ call, setTime }: ApiWay): Promise<FilledList> {
  const add = async (pipeline: JsonObject) => textAt(await call("CreatePipeline", { pipeline }), "pipeline_id");
  const a = await add({ name: "train", display_name: "Train it", description: "a", tags: { team: "red", area: "vision" } });
  setTime(1_020);
  const b = await add({ name: "serve", description: "b", tags: { team: "blue" } });
  setTime(1_010);
  const c = await add({ name: "test", display_name: "train it" });
  return {
    ids: [a, b, c],
    scope: {},
    columns: {
      id: text(a, b, c),
      pipeline_id: text(a, b, c),
      name: text("train", "serve", "test"),
      display_name: text("Train it", "serve", "train it"),
      created_at: time(1_000, 1_020, 1_010),
      description: text("a", "b", ""),
      namespace: text("", "", ""),
    },
  };
}

async function fillVersions({ call, server, setTime }: ApiWay): Promise<FilledList> {
  const { pipeline_id: pipelineId } = await call("CreatePipeline", { pipeline: { name: "p" } });
  const add = async (name: string, displayName: string, description: string, tags: Record<string, string>) => {
    const upload = { name, displayName, description, tags, text: JSON.stringify(SMALL_SPEC) };
    return (await server.pipelines.uploadVersion(pipelineId as string, upload)).decode().pipelineVersionId;
  };
  const a = await add("v1", "first", "x", { team: "red", area: "vision" });
  setTime(1_020);
  const b = await add("v2", "Second", "", { team: "blue" });
  const c = await add("v3", "second", "y", {});
  return {
    ids: [a, b, c],
    scope: { pipeline_id: pipelineId as string },
    columns: {
      id: text(a, b, c),
      pipeline_version_id: text(a, b, c),
      name: text("v1", "v2", "v3"),
      display_name: text("first", "Second", "second"),
      created_at: time(1_000, 1_020, 1_020),
      status: text("READY", "READY", "READY"),
      description: text("x", "", "y"),
      pipeline_spec: "refused",
    },
  };
}

async function fillRecurringRuns({ call, setTime }: ApiWay): Promise<FilledList> {
  const add = async (change: JsonObject) => {
    const recurring = { max_concurrency: "1", mode: "ENABLE", pipeline_spec: SMALL_SPEC, ...change };
    return textAt(await call("CreateRecurringRun", { recurring_run: recurring }), "recurring_run_id");
  };
  const a = await add({ display_name: "nightly", description: "n" });
  setTime(1_100);
  const b = await add({ display_name: "Weekly" });
  const c = await add({ display_name: "hourly" });
  setTime(1_300);
  await call("DisableRecurringRun", { recurring_run_id: a });
  const names = text("nightly", "Weekly", "hourly");
  return {
    ids: [a, b, c],
    scope: {},
    columns: {
      id: text(a, b, c),
      recurring_run_id: text(a, b, c),
      name: names,
      display_name: names,
      created_at: time(1_000, 1_100, 1_100),
      updated_at: time(1_300, 1_100, 1_100),
      description: text("n", "", ""),
    },
  };
}

/** All kinds of lists. */
export const LIST_CASES: readonly ListCase[] = [
  {
    ...{ resource: "runs", method: "ListRuns", rows: "runs", id: "run_id", sortBy: "sort_by", defaultKey: "created_at" },
    ...{ hasTags: false, textKey: "display_name", fill: fillRuns },
  },
  {
    ...{ resource: "tasks", method: "ListTasks", rows: "tasks", id: "task_id", sortBy: "order_by", defaultKey: "create_time" },
    ...{ hasTags: false, textKey: "name", fill: fillTasks },
  },
  {
    ...{ resource: "artifacts", method: "ListArtifacts", rows: "artifacts", id: "artifact_id", sortBy: "sort_by" },
    ...{ defaultKey: "created_at", hasTags: false, textKey: "name", fill: fillArtifacts },
  },
  {
    ...{ resource: "links", method: "ListArtifactTasks", rows: "artifact_tasks", id: "id", sortBy: "sort_by", defaultKey: "id" },
    ...{ hasTags: false, textKey: "key", fill: fillLinks },
  },
  {
    ...{ resource: "experiments", method: "ListExperiments", rows: "experiments", id: "experiment_id", sortBy: "sort_by" },
    ...{ defaultKey: "created_at", hasTags: false, textKey: "name", fill: fillExperiments },
  },
  {
    ...{ resource: "pipelines", method: "ListPipelines", rows: "pipelines", id: "pipeline_id", sortBy: "sort_by" },
    ...{ defaultKey: "created_at", hasTags: true, textKey: "name", fill: fillPipelines },
  },
  {
    ...{ resource: "pipeline versions", method: "ListPipelineVersions", rows: "pipeline_versions", id: "pipeline_version_id" },
    ...{ sortBy: "sort_by", defaultKey: "created_at", hasTags: true, textKey: "name", fill: fillVersions },
  },
  {
    ...{ resource: "recurring runs", method: "ListRecurringRuns", rows: "recurringRuns", id: "recurring_run_id" },
    ...{ sortBy: "sort_by", defaultKey: "created_at", hasTags: false, textKey: "name", fill: fillRecurringRuns },
  },
];
