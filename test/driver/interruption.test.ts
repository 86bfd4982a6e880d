/** A driver that is told to stop, at every one of its calls: its task is FAILED, its parents follow, and a repeated driver takes over. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { TaskState, type PipelineTask } from "../../src/core/kfp-types.ts";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import { HandOver, stoppableApi } from "../../src/driver/interruption.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import { runDriver } from "../../src/driver/run.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { FileSystem } from "../../src/ports/file-system.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";

const pipeline: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  root: {
    dag: {
      tasks: {
        say: { taskInfo: { name: "say" }, componentRef: { name: "comp-say" }, cachingOptions: { enableCache: true } },
        sub: { taskInfo: { name: "sub" }, componentRef: { name: "comp-sub" } },
        never: { taskInfo: { name: "never" }, componentRef: { name: "comp-say" }, triggerPolicy: { condition: "1 == 2" } },
      },
    },
  },
  components: {
    "comp-say": { executorLabel: "exec-say" },
    "comp-sub": { dag: { tasks: { inner: { taskInfo: { name: "inner" }, componentRef: { name: "comp-say" } } } } },
  },
  deploymentSpec: { executors: { "exec-say": { container: { image: "busybox", command: ["true"] } } } },
};

type Moment = "when it is sent" | "when it is done and not answered";

/** Stops at the nth call. */
function stopAt(api: KfpApi, n: number, moment: Moment, controller: AbortController, reason: unknown = "SIGTERM"): KfpApi {
  let calls = 0;
  return new Proxy(api, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        calls += 1;
        const isTheOne = calls === n;
        if (isTheOne && moment === "when it is sent") controller.abort(reason);
        const answer: unknown = await (Reflect.apply(member, target, args) as Promise<unknown>);
        if (isTheOne) controller.abort(reason);
        return answer;
      };
    },
  });
}

class Stage {
  readonly fake: FakeApi;
  readonly runId: string;
  #pods = 0;

  constructor(fake: FakeApi, runId: string) {
    this.fake = fake;
    this.runId = runId;
  }

  static async open(): Promise<Stage> {
    const fake = await startFakeApi();
    return new Stage(fake, await fake.createRun(pipeline));
  }

  options(name: "root" | "say" | "sub" | "never", parentTaskId: string): DriverOptions {
    this.#pods += 1;
    const pod = { name: `pod-${String(this.#pods)}`, uid: `uid-${String(this.#pods)}` };
    const common = {
      ...{ pipelineName: "demo", runId: this.runId, runName: "wf", runDisplayName: "Demo", namespace: "ns", pod },
      conditionPath: "/out/condition",
    };
    const paths = { parentTaskIdPath: "/out/task-id", iterationCountPath: "/out/count" };
    if (name === "root") return { type: "ROOT_DAG", ...common, ...paths, runtimeConfig: "{}" };
    if (name === "sub") return { type: "DAG", ...common, ...paths, taskName: name, parentTaskId };
    return {
      ...{ type: "CONTAINER", ...common, taskName: name, parentTaskId, kubernetesConfig: "" },
      ...{ cachedDecisionPath: "/out/cached", podSpecPatchPath: "/out/patch", cacheDisabled: false, publishLogs: "true" },
      logLevel: "1",
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
    };
  }

  drive(
    options: DriverOptions,
    { api = this.fake.api, signal, files = {} }: { api?: KfpApi; signal?: AbortSignal; files?: Partial<FileSystem> } = {},
  ): Promise<number> {
    const { clock, logger } = this.fake;
    return runDriver(driverArguments(options, { address: "ml-pipeline", port: "8887" }), {
      environment: { KFP_POD_NAME: options.pod.name, KFP_POD_UID: options.pod.uid },
      stdout: { write: () => undefined },
      stderr: { write: () => undefined },
      clock,
      files: {
        ...nodeFileSystem,
        stat: () => Promise.resolve(undefined),
        makeDirectory: () => Promise.resolve(),
        writeText: () => Promise.resolve(),
        ...files,
      },
      randomUuid: () => "salt",
      createLogger: () => logger,
      connect: () => Promise.resolve({ api }),
      kube: () =>
        Promise.resolve({
          getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
          getSecret: () => Promise.reject(new Error("not asked for")),
          getPodAnnotations: () => Promise.reject(new Error("not asked for")),
          createVolumeClaim: () => Promise.reject(new Error("not asked for")),
          findVolumeClaim: () => Promise.reject(new Error("not asked for")),
          deleteVolumeClaim: () => Promise.reject(new Error("not asked for")),
        }),
      signal,
    });
  }

  async row(name: string): Promise<PipelineTask> {
    const { tasks } = await this.fake.api.listTasks(this.runId);
    const found = tasks.filter((task) => task.name === name);
    expect(found, name).toHaveLength(1);
    return found[0] as PipelineTask;
  }

  async root(): Promise<string> {
    expect(await this.drive(this.options("root", ""))).toBe(0);
    return (await this.row("ROOT")).taskId;
  }
}

const stopped = "the driver was told to stop by SIGTERM (signal: terminated)";

describe("a driver that is told to stop", () => {
  const fresh = [
    { name: "root", row: "ROOT", calls: 2 },
    { name: "sub", row: "sub", calls: 2 },
    { name: "say", row: "say", calls: 3 },
    { name: "never", row: "never", calls: 3 },
  ] as const;
  const places = fresh.flatMap(({ name, row, calls }) =>
    Array.from({ length: calls }, (_, index) => index + 1).flatMap((n) =>
      (["when it is sent", "when it is done and not answered"] as const).map((moment) => ({ name, row, n, moment })),
    ),
  );

  test.for(places)("$name, call $n, $moment", async ({ name, row, n, moment }) => {
    const stage = await Stage.open();
    const parent = name === "root" ? "" : await stage.root();
    const controller = new AbortController();
    const api = stopAt(stage.fake.api, n, moment, controller);
    expect(await stage.drive(stage.options(name, parent), { api, signal: controller.signal })).toBe(143);
    const left = await stage.row(row);
    expect(left).toMatchObject({ state: TaskState.FAILED, statusMetadata: { message: stopped } });
    expect(left.endTime).toBeDefined();
    expect((await stage.row("ROOT")).state).toBe(TaskState.FAILED);

    // Argo repeats the driver in another pod.
    expect(await stage.drive(stage.options(name, parent))).toBe(0);
    const again = await stage.row(row);
    expect(again).toMatchObject({
      taskId: left.taskId,
      state: name === "never" ? TaskState.SKIPPED : TaskState.RUNNING,
      statusMetadata: { message: "" },
    });
  });

  test.for(places)(
    "$name, call $n, $moment: nothing says FAILED when another process takes over",
    async ({ name, row, n, moment }) => {
      const stage = await Stage.open();
      const parent = name === "root" ? "" : await stage.root();
      const controller = new AbortController();
      const api = stopAt(stage.fake.api, n, moment, controller, new HandOver("this process ends"));
      expect(await stage.drive(stage.options(name, parent), { api, signal: controller.signal })).toBe(1);
      const { tasks } = await stage.fake.api.listTasks(stage.runId);
      expect(tasks.filter(({ state }) => state === TaskState.FAILED)).toEqual([]);

      expect(await stage.drive(stage.options(name, parent))).toBe(0);
      expect((await stage.row(row)).state).toBe(name === "never" ? TaskState.SKIPPED : TaskState.RUNNING);
    },
  );

  test.for([2, 3])("a repeated one, at call %i: an update under way does not undo the report", async (n) => {
    const stage = await Stage.open();
    const root = await stage.root();
    expect(await stage.drive(stage.options("sub", root))).toBe(0);
    const controller = new AbortController();
    const api = stopAt(stage.fake.api, n, "when it is sent", controller);
    const exitCode = await stage.drive(stage.options("sub", root), { api, signal: controller.signal });
    // The third call is one too many where nothing is to be republished: then the driver has ended well.
    if (!controller.signal.aborted) return expect(exitCode).toBe(0);
    expect(exitCode).toBe(143);
    expect((await stage.row("sub")).state).toBe(TaskState.FAILED);
  });

  test.for(["say", "sub"] as const)("while its output files are written: %s", async (name) => {
    const stage = await Stage.open();
    const root = await stage.root();
    const controller = new AbortController();
    const writeText = () => {
      controller.abort("SIGINT");
      return new Promise<never>(() => undefined);
    };
    const { signal } = controller;
    expect(await stage.drive(stage.options(name, root), { signal, files: { writeText } })).toBe(130);
    const message = "the driver was told to stop by SIGINT (signal: interrupt)";
    expect(await stage.row(name)).toMatchObject({ state: TaskState.FAILED, statusMetadata: { message } });
    expect((await stage.row("ROOT")).state).toBe(TaskState.FAILED);
  });

  test("while it reads a flag's file: nothing is known yet, and it ends", async () => {
    const stage = await Stage.open();
    const controller = new AbortController();
    const readText = () => {
      controller.abort("SIGTERM");
      return new Promise<never>(() => undefined);
    };
    const options = { ...stage.options("root", ""), runtimeConfig: "@/no/such/pipe" } as DriverOptions;
    expect(await stage.drive(options, { signal: controller.signal, files: { readText } })).toBe(143);
    expect((await stage.fake.api.listTasks(stage.runId)).tasks).toEqual([]);
  });

  test("with nobody at the API server: says so, and ends", async () => {
    const stage = await Stage.open();
    const root = await stage.root();
    await stage.fake.server.close();
    const exitCode = await stage.drive(stage.options("say", root), { signal: AbortSignal.abort("SIGTERM") });
    expect(exitCode).toBe(143);
    expect(stage.fake.logger.messages("error").at(-1)).toMatch(/^driver failed: /);
  });
});

test("output files that cannot be written fail the task: without them no launcher follows (DRV-4)", async () => {
  const stage = await Stage.open();
  const root = await stage.root();
  const writeText = () => Promise.reject(new Error("no space left on device"));
  expect(await stage.drive(stage.options("say", root), { files: { writeText } })).toBe(1);
  const row = await stage.row("say");
  expect(row.state).toBe(TaskState.FAILED);
  expect(row.statusMetadata?.message).toMatch(/^Cannot write driver output file .*no space left on device$/);
  expect((await stage.row("ROOT")).state).toBe(TaskState.FAILED);
});

describe("stoppableApi()", () => {
  test("waits for what was sent, three seconds at most, and begins nothing", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    let begun = 0;
    const silent = {
      getRun: () => {
        begun += 1;
        return new Promise<never>(() => undefined);
      },
    } as unknown as KfpApi;
    const { api, settle } = stoppableApi(silent, controller.signal);
    const call = api.getRun("r", "FULL");
    controller.abort("SIGTERM");
    await expect(call).rejects.toThrow("told to stop by SIGTERM");
    await expect(api.getRun("r", "FULL")).rejects.toThrow("told to stop by SIGTERM");
    expect(begun).toBe(1);
    let settled = false;
    const waiting = settle(clock).then(() => {
      settled = true;
    });
    clock.advance(2999);
    await Promise.resolve();
    expect(settled).toBe(false);
    clock.advance(1);
    await waiting;
  });
});
