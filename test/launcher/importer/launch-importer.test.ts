/** Importers against the real server. */
import { writeFile } from "node:fs/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { StorageError } from "../../../src/core/errors.ts";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask, type TaskInit } from "../../../src/core/kfp-types.ts";
import { jsonToValue, type JsonValue } from "../../../src/core/values/value.ts";
import { runLauncher, type LauncherHost } from "../../../src/launcher/run.ts";
import { FakeObjectStore } from "../../fakes/object-store.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";
import {
  artifactsOf,
  hostOf,
  launcherPipeline,
  startLauncherWorld,
  stateOf,
  type LauncherWorld,
} from "../../support/launcher-world.ts";

const dataset = { typeSchema: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } };

/** A root with an importer `get` that feeds its output `d`. Inputs of `get` by name: its sources in the task spec. */
function importerPipeline(inputs: Record<string, JsonObject> = {}, others: Record<string, string> = {}): JsonObject {
  const spec = launcherPipeline(
    { root: { tasks: { get: "comp-get", ...others }, artifacts: { d: { from: [["get", "artifact"]] } } } },
    { "comp-get": { artifacts: { artifact: "system.Dataset" } } },
  );
  declareInputs(spec, "root", inputs);
  return spec;
}

function declareInputs(spec: JsonObject, dagComponent: string, inputs: Record<string, JsonObject>): void {
  const components = spec["components"] as Record<string, JsonObject>;
  const dag = (dagComponent === "root" ? spec["root"] : components[dagComponent]) as {
    dag: { tasks: Record<string, JsonObject> };
  };
  Object.assign(dag.dag.tasks["get"] ?? {}, { inputs: { parameters: inputs }, taskInfo: { name: "Get it" } });
  Object.assign(components["comp-get"] ?? {}, {
    inputDefinitions: {
      parameters: Object.fromEntries(
        Object.keys(inputs).map((key) => [key, { parameterType: key === "n" ? "NUMBER_INTEGER" : "STRING" }]),
      ),
    },
  });
}

interface ImportOptions {
  readonly spec: JsonObject | string;
  readonly parent?: PipelineTask;
  readonly iteration?: number;
  readonly pod?: string;
  readonly host?: Omit<Partial<LauncherHost>, "environment">;
  readonly environment?: Readonly<Record<string, string>>;
}

async function runImporter(
  world: LauncherWorld,
  { spec, parent = world.root, iteration, pod = "pod-1", host = {}, environment = {} }: ImportOptions,
) {
  const logger = new RecordingLogger();
  world.takeCalls();
  const exitCode = await runLauncher(
    [
      ...["--executor_type", "importer", "--task_name", "get", "--pipeline_name", "p", "--run_id", world.runId],
      ...["--importer_spec", typeof spec === "string" ? spec : JSON.stringify(spec), "--parent_task_id", parent.taskId],
      ...["--iteration_index", String(iteration ?? -1), "--namespace", "ns", "--pod_name", pod, "--pod_uid", `${pod}-uid`],
    ],
    hostOf(world, { logger, environment, ...host }),
  );
  const calls = world.takeCalls();
  const { tasks } = await world.api.listTasks(world.runId, { parentId: parent.taskId });
  const rows = tasks.filter(({ name }) => name === "get");
  return { exitCode, calls, logger, rows, row: rows[0], root: await world.task(world.root.taskId) };
}

/** What the task gets as an input of its parent. */
async function giveInput(
  world: LauncherWorld,
  task: PipelineTask,
  key: string,
  value: JsonValue,
  iteration?: number,
): Promise<void> {
  const producer = { taskName: "x", ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) };
  const update: TaskInit = {
    inputs: { parameters: [{ parameterKey: key, value: jsonToValue(value), type: IoType.RUNTIME_VALUE_INPUT, producer }] },
  };
  await world.api.updateTask(world.runId, task.taskId, update);
}

const onlyArtifact = (row: PipelineTask | undefined) => row?.outputs?.artifacts[0]?.artifacts[0];

describe("launchImporter()", () => {
  test("I4 creates the task, the artifact and the links, and rolls up", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const spec = { ...dataset, artifactUri: { constant: "s3://b/d/f.txt" }, metadata: { rows: 3, nested: { a: [1] } } };
    const { exitCode, calls, row, root } = await runImporter(world, { spec });
    expect(exitCode).toBe(0);
    expect(calls).toEqual([
      "getRun",
      "createTask",
      "createArtifact",
      "createArtifactTasks",
      "updateTasks",
      "getRun",
      "updateTasks",
      "getRun",
    ]);
    expect(row).toMatchObject({
      name: "get",
      displayName: "Get it",
      scopePath: "root.get",
      type: TaskType.IMPORTER,
      pods: [{ name: "pod-1", uid: "pod-1-uid" }],
      typeAttributes: { downloadToWorkspace: false },
    });
    expect(row?.endTime).toBeDefined();
    expect(row && stateOf(row)).toBe("SUCCEEDED");
    expect(onlyArtifact(row)).toMatchObject({
      name: "f.txt",
      uri: "s3://b/d/f.txt",
      type: ArtifactType.Dataset,
    });
    // The name that people see names nothing else.
    expect(row?.outputs?.artifacts[0]).toMatchObject({ artifactKey: "artifact", producer: { taskName: "get" } });
    expect(Object.keys(onlyArtifact(row)?.metadata ?? {}).toSorted()).toEqual(["_kfp_schema_version", "nested", "rows"]);
    expect(artifactsOf(root)).toEqual([{ key: "d", name: "f.txt", uri: "s3://b/d/f.txt" }]);
    expect(root.outputs?.artifacts[0]?.producer?.taskName).toBe("get");
    expect(stateOf(root)).toBe("SUCCEEDED");
  });

  test.for([
    { reimport: false, distinct: 1 },
    { reimport: true, distinct: 2 },
  ])("I1, I2 with reimport $reimport two runs have $distinct artifacts", async ({ reimport, distinct }) => {
    const world = await startLauncherWorld(importerPipeline());
    const spec = { ...dataset, reimport, artifactUri: { constant: "s3://b/d" } };
    const first = await runImporter(world, { spec });
    const otherRun = await world.createRun({ ...importerPipeline(), defaultPipelineRoot: world.folder });
    const otherRoot = await world.api.createTask(otherRun, {
      name: "ROOT",
      scopePath: "root",
      type: TaskType.ROOT,
      state: TaskState.RUNNING,
    });
    const second = await runImporter(
      { ...world, runId: otherRun, root: otherRoot, task: (id) => world.api.getTask(otherRun, id) },
      { spec },
    );
    const ids = [first, second].map(({ row }) => onlyArtifact(row)?.artifactId);
    expect(new Set(ids).size).toBe(distinct);
  });

  test.for([false, true])("I5 run twice there is one task and one artifact (reimport %s)", async (reimport) => {
    const world = await startLauncherWorld(importerPipeline());
    const spec = { ...dataset, reimport, artifactUri: { constant: "s3://b/d" } };
    await runImporter(world, { spec });
    const { exitCode, rows, row, root } = await runImporter(world, { spec, pod: "pod-2" });
    expect(exitCode).toBe(0);
    expect(rows).toHaveLength(1);
    expect(row?.pods.map(({ name }) => name)).toEqual(["pod-1", "pod-2"]);
    expect(row && stateOf(row)).toBe("SUCCEEDED");
    expect(artifactsOf(root)).toHaveLength(1);
    expect(row && artifactsOf(row)).toHaveLength(1);
  });

  test("an attempt after a failure clears the old message (LAU-8)", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const failed = await runImporter(world, { spec: { ...dataset, artifactUri: { constant: "" } } });
    expect(failed.row?.statusMetadata?.message).toMatch(
      /^failed to create Artifact from ImporterSpec: .*must be a string that is not empty/,
    );
    expect(failed.root && stateOf(failed.root)).toBe("FAILED");
    const { row, root } = await runImporter(world, { spec: { ...dataset, artifactUri: { constant: "s3://b/d" } } });
    expect(row?.statusMetadata?.message ?? "").toBe("");
    expect([row && stateOf(row), stateOf(root)]).toEqual(["SUCCEEDED", "SUCCEEDED"]);
  });
});

describe("launchImporter(): a second attempt", () => {
  const spec = { ...dataset, artifactUri: { constant: "minio://b/d" }, downloadToWorkspace: true };

  test("the row says RUNNING and has the new pod while it works (LAU-8)", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const store = new FakeObjectStore();
    store.failures.push({ request: "download", error: new StorageError("OBJECT_ACCESS_DENIED", "denied") });
    const host = { openStore: () => Promise.resolve(store) };
    const failed = await runImporter(world, { spec, host });
    expect(failed.row && stateOf(failed.row)).toBe("FAILED");
    let during: PipelineTask | undefined;
    store.download = async () => {
      during = await world.task(failed.row?.taskId ?? "");
      return { objects: 1 };
    };
    const { exitCode } = await runImporter(world, { spec, host, pod: "pod-2" });
    expect(exitCode).toBe(0);
    expect([during && stateOf(during), during?.statusMetadata?.message]).toEqual(["RUNNING", ""]);
    expect(during?.pods.map(({ name }) => name)).toEqual(["pod-1", "pod-2"]);
  });

  test("a row that cannot be taken over fails the attempt (LAU-8)", async () => {
    const world = await startLauncherWorld(importerPipeline());
    await runImporter(world, { spec: { ...dataset, artifactUri: { constant: "" } } });
    world.server.faults.add({ method: "UpdateTask", kind: "status", code: "PERMISSION_DENIED" });
    const { exitCode, calls } = await runImporter(world, { spec: { ...dataset, artifactUri: { constant: "s3://b/d" } } });
    expect(exitCode).toBe(1);
    expect(calls).not.toContain("createArtifact");
  });
});

describe("launchImporter(): where the URI comes from (LAU-27)", () => {
  const spec = { ...dataset, artifactUri: { runtimeParameter: "uri" } };

  test("an input of the parent", async () => {
    const world = await startLauncherWorld(importerPipeline({ uri: { componentInputParameter: "where" } }));
    await giveInput(world, world.root, "where", "s3://b/from-parent");
    expect(onlyArtifact((await runImporter(world, { spec })).row)?.uri).toBe("s3://b/from-parent");
  });

  test("a constant of the task", async () => {
    const world = await startLauncherWorld(importerPipeline({ uri: { runtimeValue: { constant: "s3://b/const" } } }));
    expect(onlyArtifact((await runImporter(world, { spec })).row)?.uri).toBe("s3://b/const");
  });

  test("an output of a sibling", async () => {
    const source = { taskOutputParameter: { producerTask: "prep", outputParameterKey: "o" } };
    const world = await startLauncherWorld(importerPipeline({ uri: source }, { prep: "comp-prep" }));
    await world.row(world.root, "prep", {
      state: TaskState.SUCCEEDED,
      outputs: {
        parameters: [
          { parameterKey: "o", value: jsonToValue("s3://b/sibling"), type: IoType.OUTPUT, producer: { taskName: "prep" } },
        ],
      },
    });
    expect(onlyArtifact((await runImporter(world, { spec })).row)?.uri).toBe("s3://b/sibling");
  });

  test.for([
    { name: "the iteration's own value", iterated: true, uri: "s3://b/2" },
    { name: "a value without iteration", iterated: false, uri: "s3://b/all" },
  ])("I3 in a loop: $name", async ({ iterated, uri }) => {
    const pipeline = launcherPipeline(
      {
        root: { tasks: { loop: "comp-loop" } },
        "comp-loop": { tasks: { get: "comp-get" }, artifacts: { ds: { from: [["get", "artifact"]] } } },
      },
      { "comp-get": { artifacts: { artifact: "system.Dataset" } } },
    );
    declareInputs(pipeline, "comp-loop", { uri: { componentInputParameter: "where" } });
    const world = await startLauncherWorld(pipeline);
    const loop = await world.row(world.root, "loop", { type: TaskType.LOOP, iterationCount: 3 });
    if (iterated) for (const i of [1, 2]) await giveInput(world, loop, "where", `s3://b/${i}`, i);
    else await giveInput(world, loop, "where", "s3://b/all");
    const { exitCode, row } = await runImporter(world, { spec, parent: loop, iteration: 2 });
    expect(exitCode).toBe(0);
    expect(onlyArtifact(row)?.uri).toBe(uri);
    expect(row?.typeAttributes?.iterationIndex).toBe(2n);
    expect(row?.outputs?.artifacts[0]).toMatchObject({ type: IoType.ITERATOR_OUTPUT, producer: { iteration: 2n } });
    expect(artifactsOf(await world.task(loop.taskId))).toMatchObject([{ key: "ds", iteration: 2 }]);
  });

  test.for([
    { name: "no URI", change: {}, message: /has no artifact URI/ },
    { name: "a URI that is not text", change: { artifactUri: { constant: 5 } }, message: /must be a string/ },
    { name: "an unknown parameter", change: { artifactUri: { runtimeParameter: "zz" } }, message: /cannot find parameter "zz"/ },
    { name: "a bad percent-escape", change: { artifactUri: { constant: "s3://b/100%x" } }, message: /bad percent-escape/ },
    {
      name: "an image that is not a model (LAU-29)",
      change: { artifactUri: { constant: "oci://r/o/m:v1" } },
      message: /only a Model can be, not a Dataset/,
    },
    {
      name: "an image to the workspace",
      change: {
        artifactUri: { constant: "oci://r/o/m:v1" },
        typeSchema: { schemaTitle: "system.Model" },
        downloadToWorkspace: true,
      },
      message: /cannot be downloaded to the workspace/,
    },
    { name: "no type", change: { artifactUri: { constant: "s3://b/d" }, typeSchema: {} }, message: /artifact type must have/ },
  ])("fails, with the reason in the task: $name", async ({ change, message }) => {
    const world = await startLauncherWorld(importerPipeline());
    const { exitCode, row } = await runImporter(world, { spec: { ...dataset, ...change } });
    expect(exitCode).toBe(1);
    expect(row && stateOf(row)).toBe("FAILED");
    expect(row?.statusMetadata?.message).toMatch(/^failed to create Artifact from ImporterSpec: /);
    expect(row?.statusMetadata?.message).toMatch(message);
  });
});

describe("launchImporter(): models in images", () => {
  const model = { artifactUri: { runtimeParameter: "uri" }, typeSchema: { schemaTitle: "system.Model" } };

  test("a URI that turns out to be one fails where nothing can mount it, by name", async () => {
    const world = await startLauncherWorld(importerPipeline({ uri: { componentInputParameter: "where" } }));
    await giveInput(world, world.root, "where", "oci://r/o/m:v1");
    const { exitCode, row } = await runImporter(world, { spec: model, environment: { KFP_MODELCARS: "false" } });
    expect(exitCode).toBe(1);
    expect(row && stateOf(row)).toBe("FAILED");
    expect(row?.statusMetadata?.message).toBe(
      "failed to create Artifact from ImporterSpec: oci://r/o/m:v1 is a model in an image, and nothing can mount images here; " +
        "import it from a folder or a store",
    );
    expect(onlyArtifact(row)).toBeUndefined();
  });

  test("it is imported everywhere else", async () => {
    const world = await startLauncherWorld(importerPipeline({ uri: { componentInputParameter: "where" } }));
    await giveInput(world, world.root, "where", "oci://r/o/m:v1");
    const { exitCode, row } = await runImporter(world, { spec: model, environment: { KFP_MODELCARS: "true" } });
    expect(exitCode).toBe(0);
    expect(onlyArtifact(row)?.uri).toBe("oci://r/o/m:v1");
  });
});

describe("launchImporter(): metadata and names", () => {
  test("references to inputs are resolved in values, list items, keys and text, with their type where they stand alone (LAU-28)", async () => {
    const world = await startLauncherWorld(
      importerPipeline({ name: { runtimeValue: { constant: "iris" } }, n: { runtimeValue: { constant: 3 } } }),
    );
    const reference = (key: string): string => `{{$.inputs.parameters['${key}']}}`;
    const metadata = {
      exact: reference("n"),
      text: `v${reference("n")} of ${reference("name")}`,
      list: [reference("name"), "x"],
      [reference("name")]: "key",
      unknown: reference("zz"),
    };
    const { row } = await runImporter(world, { spec: { ...dataset, artifactUri: { constant: "s3://b/d" }, metadata } });
    const stored = onlyArtifact(row)?.metadata ?? {};
    const { exact, text, list, iris, unknown } = stored;
    expect([exact, text, iris, unknown].map((value) => value?.kind.value)).toEqual([3, "v3 of iris", "key", reference("zz")]);
    expect(list).toEqual(jsonToValue(["iris", "x"]));
  });

  test.for([
    ["s3://b/my%20m", "my m"],
    ["s3://b/d/", "d"],
    ["gs://b", "."],
    ["https://h/x/y.csv?sig=1", "y.csv"],
  ] as const)("%s is named %j", async ([constant, name]) => {
    const world = await startLauncherWorld(importerPipeline());
    const { row } = await runImporter(world, { spec: { ...dataset, artifactUri: { constant } } });
    expect(onlyArtifact(row)?.name).toBe(name);
  });

  test("a custom type keeps its title", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const spec = { typeSchema: { schemaTitle: "google.VertexModel" }, artifactUri: { constant: "s3://b/d" } };
    const { row } = await runImporter(world, { spec });
    expect(onlyArtifact(row)).toMatchObject({
      type: ArtifactType.Artifact,
      metadata: { _kfp_schema_title: jsonToValue("google.VertexModel") },
    });
  });
});

describe("launchImporter(): workspace", () => {
  test("the bytes are downloaded below the workspace", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const store = new FakeObjectStore();
    const downloads: string[] = [];
    store.download = (uri, localPath) => {
      downloads.push(`${uri} -> ${localPath}`);
      return Promise.resolve({ objects: 1 });
    };
    const spec = { ...dataset, artifactUri: { constant: "minio://b/d/f.txt" }, downloadToWorkspace: true };
    const { exitCode, row } = await runImporter(world, { spec, host: { openStore: () => Promise.resolve(store) } });
    expect(exitCode).toBe(0);
    expect(downloads).toEqual(["minio://b/d/f.txt -> /kfp-workspace/.artifacts/minio/b/d/f.txt"]);
    expect(row?.typeAttributes?.downloadToWorkspace).toBe(true);
  });

  test("a refused URI fails the task", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const store = new FakeObjectStore();
    store.refused.push("minio://b");
    const spec = { ...dataset, artifactUri: { constant: "minio://b/d/f.txt" }, downloadToWorkspace: true };
    const { row } = await runImporter(world, { spec, host: { openStore: () => Promise.resolve(store) } });
    expect(row?.statusMetadata?.message).toMatch(/outside the configured pipeline root/);
  });
});

describe("launchImporter(): when things go wrong", () => {
  const spec = { ...dataset, artifactUri: { constant: "s3://b/d" } };
  const denied = { kind: "status", code: "PERMISSION_DENIED" } as const;

  test.for([
    { spec: "{", message: /--importer_spec/ },
    { spec: "@/no/such/file", message: /--importer_spec from file/ },
  ])("a spec that cannot be read fails the task, which no driver has made: $spec", async ({ spec: text, message }) => {
    const world = await startLauncherWorld(importerPipeline());
    const { exitCode, rows, root, logger } = await runImporter(world, { spec: text });
    expect(exitCode).toBe(1);
    expect(rows.map(stateOf)).toEqual(["FAILED"]);
    expect(rows[0]?.statusMetadata?.message).toMatch(message);
    expect(stateOf(root)).toBe("FAILED");
    expect(logger.messages("error")[0]).toMatch(message);
  });

  test("one that is told to stop before it has made its task leaves a FAILED one", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const { exitCode, rows, root } = await runImporter(world, { spec, host: { signal: AbortSignal.abort("SIGTERM") } });
    expect(exitCode).toBe(143);
    expect(rows.map(stateOf)).toEqual(["FAILED"]);
    expect(rows[0]?.statusMetadata?.message).toMatch(/told to stop by SIGTERM/);
    expect(stateOf(root)).toBe("FAILED");
  });

  test("the spec may come from a file (LAU-40)", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const path = `${world.folder}/spec.json`;
    await writeFile(path, JSON.stringify(spec));
    expect((await runImporter(world, { spec: `@${path}` })).exitCode).toBe(0);
  });

  test("fields of a later SDK in the spec are a warning (LAU-5)", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const { exitCode, logger } = await runImporter(world, { spec: { ...spec, fromTheFuture: 1 } });
    expect(exitCode).toBe(0);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ fields: "fromTheFuture" }) as unknown }),
    );
  });

  test("no task can be created", async () => {
    const world = await startLauncherWorld(importerPipeline());
    world.server.faults.add({ method: "CreateTask", ...denied });
    const { exitCode, rows } = await runImporter(world, { spec });
    expect({ exitCode, rows }).toEqual({ exitCode: 1, rows: [] });
  });

  test.for([
    { method: "CreateArtifact", message: /^failed to create artifact: / },
    { method: "UpdateTasksBulk", message: /^failed to flush batch updates: / },
    { method: "GetRun", skip: 1, message: /^failed to refresh run/ },
  ])("I6 $method fails: the row says so, and the root fails with it (LAU-41)", async ({ message, ...fault }) => {
    const world = await startLauncherWorld(importerPipeline());
    world.server.faults.add({ ...fault, ...denied });
    const { exitCode, row, root } = await runImporter(world, { spec });
    expect(exitCode).toBe(1);
    expect(row?.statusMetadata?.message).toMatch(message);
    expect([row && stateOf(row), stateOf(root)]).toEqual(["FAILED", "FAILED"]);
  });

  test.for([false, true])("an answer that is lost does not make a second artifact (reimport %s)", async (reimport) => {
    const world = await startLauncherWorld(importerPipeline());
    world.server.faults.add({ method: "CreateArtifact", kind: "drop-after-commit" });
    const { exitCode, row } = await runImporter(world, { spec: { ...spec, reimport } });
    expect(exitCode).toBe(0);
    expect(row && artifactsOf(row)).toHaveLength(1);
  });

  test("told to stop while it downloads", async () => {
    const world = await startLauncherWorld(importerPipeline());
    const controller = new AbortController();
    const store = new FakeObjectStore();
    store.download = () => {
      controller.abort("SIGTERM");
      return new Promise(() => undefined);
    };
    const { exitCode, row } = await runImporter(world, {
      spec: { ...dataset, artifactUri: { constant: "minio://b/d" }, downloadToWorkspace: true },
      host: { signal: controller.signal, openStore: () => Promise.resolve(store) },
    });
    expect(exitCode).toBe(143);
    expect(row?.statusMetadata?.message).toMatch(/told to stop by SIGTERM/);
  });
});
