/** A failure while a driver still reads what it is to do: a FAILED row, parents that follow, and the same end when it runs again. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ApiError } from "../../src/core/errors.ts";
import { TaskState } from "../../src/core/kfp-types.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { DriverStage } from "../support/driver-stage.ts";

const spec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  root: {
    dag: {
      tasks: {
        sub: { taskInfo: { name: "sub" }, componentRef: { name: "comp-sub" } },
        import: { taskInfo: { name: "import" }, componentRef: { name: "comp-import" } },
      },
    },
  },
  components: {
    "comp-sub": { dag: { tasks: { say: { taskInfo: { name: "say" }, componentRef: { name: "comp-say" } } } } },
    "comp-say": { executorLabel: "exec" },
    "comp-import": { executorLabel: "exec-import" },
  },
  deploymentSpec: {
    executors: {
      exec: { container: { image: "busybox", command: ["true"] } },
      "exec-import": { importer: { artifactUri: { constant: "s3://b/x" }, typeSchema: { schemaTitle: "system.Artifact" } } },
    },
  },
};

/** The server with another pipeline, from now on. */
function withSpec(api: KfpApi, change: (sound: JsonObject) => JsonObject): KfpApi {
  return new Proxy(api, {
    get(target, name) {
      if (name !== "getRun") return Reflect.get(target, name) as unknown;
      return async (...args: Parameters<KfpApi["getRun"]>) => {
        const run = await target.getRun(...args);
        return { ...run, pipelineSource: { case: "pipelineSpec", value: change(structuredClone(spec)) } };
      };
    },
  });
}

interface Fault {
  readonly change?: (sound: JsonObject) => JsonObject;
  readonly options?: (sound: DriverOptions) => DriverOptions;
}

const unreadable: Fault = { change: () => ({ root: 3 }) };
const unknownTask: Fault = { change: (sound) => ({ ...sound, root: { dag: { tasks: {} } } }) };
const noComponents: Fault = { change: (sound) => ({ ...sound, components: {} }) };

const faults: readonly { name: string; driver: "ROOT" | "sub" | "say" | "import"; fault: Fault; says: RegExp }[] = [
  { name: "a pipeline that cannot be read", driver: "ROOT", fault: unreadable, says: /pipeline/i },
  {
    ...{ name: "a runtime config that is not JSON", driver: "ROOT", says: /--runtime_config/ },
    fault: { options: (sound) => ({ ...sound, runtimeConfig: "{" }) as DriverOptions },
  },
  { name: "a root that is not a DAG", driver: "ROOT", fault: { change: (sound) => ({ ...sound, root: {} }) }, says: /DAG/ },
  { name: "a pipeline that cannot be read", driver: "sub", fault: unreadable, says: /pipeline/i },
  { name: "a pipeline without the task", driver: "sub", fault: unknownTask, says: /sub/ },
  { name: "a pipeline without the component", driver: "sub", fault: noComponents, says: /comp-sub/ },
  { name: "a pipeline that cannot be read", driver: "say", fault: unreadable, says: /pipeline/i },
  { name: "a pipeline without the task", driver: "say", fault: unknownTask, says: /sub|say/ },
  {
    ...{ name: "a Kubernetes config that is not JSON", driver: "say", says: /kubernetes_config/ },
    fault: { options: (sound) => ({ ...sound, kubernetesConfig: "{" }) as DriverOptions },
  },
  { name: "a pipeline that cannot be read", driver: "import", fault: unreadable, says: /pipeline/i },
  { name: "an importer driven as a container", driver: "import", fault: {}, says: /import/ },
];

async function prepare(driver: string): Promise<{ stage: DriverStage; options: () => DriverOptions }> {
  const stage = await DriverStage.open(spec);
  if (driver === "ROOT") return { stage, options: () => stage.rootOptions() };
  await stage.drive(stage.rootOptions());
  const root = (await stage.row("ROOT")).taskId;
  if (driver === "sub") return { stage, options: () => stage.dagOptions("sub", root) };
  if (driver === "import") return { stage, options: () => stage.containerOptions("import", root) };
  await stage.drive(stage.dagOptions("sub", root));
  const sub = (await stage.row("sub")).taskId;
  return { stage, options: () => stage.containerOptions("say", sub) };
}

describe("API-4: a failure before the driver knows its place", () => {
  test.for(faults)("$driver: $name", async ({ driver, fault: { change, options: changed }, says }) => {
    const { stage, options } = await prepare(driver);
    const api = change === undefined ? stage.fake.api : withSpec(stage.fake.api, change);
    // Argo repeats a driver that failed.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const sound = options();
      const driven = await stage.drive(changed?.(sound) ?? sound, { api });
      expect(driven.exitCode).toBe(1);
      expect(driven.files.size).toBe(0);
      const row = await stage.row(driver);
      expect(row.state).toBe(TaskState.FAILED);
      expect(row.statusMetadata?.message).toMatch(says);
      expect(row.endTime).toBeDefined();
      expect(row.pods.map(({ name }) => name)).toEqual([sound.pod.name]);
      const states = (await stage.rows()).map(({ name, state }) => `${name} ${TaskState[state] ?? ""}`);
      expect(states.filter((text) => !text.endsWith("FAILED"))).toEqual([]);
    }
    if (driver === "import") return;
    // With the fault mended the same row goes on.
    const failed = await stage.row(driver);
    expect((await stage.drive(options())).exitCode).toBe(0);
    expect(await stage.row(driver)).toMatchObject({ taskId: failed.taskId, state: TaskState.RUNNING });
  });

  test.for(["ROOT", "sub", "say"])("%s: a server that refuses the read gets no report either", async (driver) => {
    const { stage, options } = await prepare(driver);
    const before = (await stage.rows()).length;
    const refused = () => Promise.reject(new ApiError("API_REJECTED", "no", { details: { status: "PERMISSION_DENIED" } }));
    const api = new Proxy(stage.fake.api, {
      get: (target, name) => (name === "getRun" ? refused : (Reflect.get(target, name) as unknown)),
    });
    expect((await stage.drive(options(), { api })).exitCode).toBe(1);
    expect(await stage.rows()).toHaveLength(before);
  });

  test.for(["ROOT", "sub", "say"])("%s: an answer that cannot be read is reported: the server works", async (driver) => {
    const { stage, options } = await prepare(driver);
    const invalid = () => Promise.reject(new ApiError("API_RESPONSE_INVALID", "too deep", { details: { method: "GetRun" } }));
    const api = new Proxy(stage.fake.api, {
      get: (target, name) => (name === "getRun" ? invalid : (Reflect.get(target, name) as unknown)),
    });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expect((await stage.drive(options(), { api })).exitCode).toBe(1);
      expect(await stage.row(driver)).toMatchObject({
        state: TaskState.FAILED,
        statusMetadata: { message: expect.stringContaining("too deep") as string },
      });
      expect((await stage.row("ROOT")).state).toBe(TaskState.FAILED);
    }
    expect((await stage.drive(options())).exitCode).toBe(0);
    expect((await stage.row(driver)).state).toBe(TaskState.RUNNING);
  });

  test("a parent that does not exist leaves no row: there is no place for it", async () => {
    const { stage } = await prepare("sub");
    const rows = (await stage.rows()).length;
    const driven = await stage.drive(stage.containerOptions("say", "no-such-task", { kubernetesConfig: "{" }));
    expect(driven.exitCode).toBe(1);
    expect(await stage.rows()).toHaveLength(rows);
    expect(stage.fake.logger.messages("error")).toHaveLength(1);
  });
});
