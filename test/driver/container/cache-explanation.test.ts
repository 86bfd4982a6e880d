/** What a driver says of its look into the cache, what it costs, and what keeps entries apart. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { IoArtifactSchema, IoParameterSchema, TaskState, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { jsonToValue, type JsonValue } from "../../../src/core/values/value.ts";
import { differingInputs, type TaskInputs } from "../../../src/driver/container/cache-explanation.ts";
import type { DriverDeps, DriverSettings } from "../../../src/driver/deps.ts";
import { drive } from "../../../src/driver/drive.ts";
import type { DriverResult } from "../../../src/driver/result.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { startFakeApi, type FakeApi } from "../../fakes/kfp-api.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

const text = { parameterType: "STRING" };
const digest = `sha256:${"a".repeat(64)}`;

function pipeline({ image = "busybox", cacheKey = "" } = {}): JsonObject {
  const task = {
    taskInfo: { name: "say" },
    componentRef: { name: "comp-say" },
    cachingOptions: { enableCache: true, cacheKey },
    inputs: { parameters: { word: { componentInputParameter: "word" } } },
  };
  return {
    pipelineInfo: { name: "demo" },
    schemaVersion: "2.1.0",
    root: { inputDefinitions: { parameters: { word: { ...text, isOptional: true } } }, dag: { tasks: { say: task } } },
    components: { "comp-say": { executorLabel: "exec-say", inputDefinitions: { parameters: { word: text } } } },
    deploymentSpec: { executors: { "exec-say": { container: { image, command: ["true"] } } } },
  };
}

interface SayOptions {
  readonly word?: string;
  readonly level?: number;
  readonly settings?: Partial<DriverSettings>;
  readonly iterationIndex?: number;
  readonly listTasksFails?: boolean;
}

class Run {
  readonly fake: FakeApi;
  readonly runId: string;

  constructor(fake: FakeApi, runId: string) {
    this.fake = fake;
    this.runId = runId;
  }

  static async start(fake: FakeApi, spec: JsonObject = pipeline()): Promise<Run> {
    return new Run(fake, await fake.createRun(spec));
  }

  deps(logger: RecordingLogger, { settings = {}, listTasksFails = false }: SayOptions): DriverDeps {
    const { api, clock } = this.fake;
    const never = () => Promise.reject(new Error("not asked for"));
    return {
      ...{ clock, logger },
      api: new Proxy(api, {
        get: (target, name) =>
          name === "listTasks" && listTasksFails ? () => Promise.reject(new Error("no")) : (Reflect.get(target, name) as unknown),
      }),
      files: { ...nodeFileSystem, stat: () => Promise.resolve(undefined) },
      kube: () =>
        Promise.resolve({
          getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
          ...{ createVolumeClaim: never, findVolumeClaim: never, deleteVolumeClaim: never },
        }),
      randomUuid: () => "salt",
      settings: { fingerprintsEnvironment: true, ...settings },
    };
  }

  /** Root and `say`, and what was logged and called for the latter. */
  async say(options: SayOptions = {}): Promise<DriverResult & { logger: RecordingLogger; calls: string[] }> {
    const { word = "hi", level = 2, iterationIndex } = options;
    const logger = new RecordingLogger(level);
    const deps = this.deps(logger, options);
    const common = {
      ...{ pipelineName: "demo", runName: "wf", runDisplayName: "Demo", namespace: "ns", conditionPath: "/unused" },
      ...{ runId: this.runId, pod: { name: "pod", uid: "uid" } },
    };
    const { taskId: parentTaskId } = await drive(deps, {
      ...{ type: "ROOT_DAG", ...common, parentTaskIdPath: "/unused", iterationCountPath: "/unused" },
      runtimeConfig: JSON.stringify({ parameterValues: { word } }),
    });
    this.fake.takeCalls();
    const result = await drive(deps, {
      ...{ type: "CONTAINER", ...common, taskName: "say", parentTaskId, kubernetesConfig: "" },
      ...{ cachedDecisionPath: "/unused", podSpecPatchPath: "/unused", cacheDisabled: false, publishLogs: "true" },
      logLevel: String(level),
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
      ...(iterationIndex === undefined ? {} : { iterationIndex }),
    });
    return { ...result, logger, calls: this.fake.takeCalls() };
  }

  async end(taskId: string, state: TaskState): Promise<PipelineTask> {
    return this.fake.api.updateTask(this.runId, taskId, { state });
  }
}

const MISS = "No cached task has this fingerprint";

describe("a miss at level 2", () => {
  test("names the parts of the key by digest, the same in every run but for what differs", async () => {
    const fake = await startFakeApi();
    const partsOf = ({ logger }: { logger: RecordingLogger }): string[] =>
      String(logger.lines.find(({ message }) => message === MISS)?.fields["parts"]).split(" ");
    const first = partsOf(await (await Run.start(fake)).say());
    const other = partsOf(await (await Run.start(fake)).say({ word: "ho" }));
    expect(first.map((part) => part.split("=")[0])).toEqual(["image", "command", "outputs", "parameter.word"]);
    expect(first.filter((part) => !other.includes(part)).map((part) => part.split("=")[0])).toEqual(["parameter.word"]);
  });

  test.for([
    { name: "components", specs: undefined, key: "image" },
    { name: "a custom key", specs: pipeline({ cacheKey: "mine" }), key: "component and custom cache key" },
  ])("names the salt beside the parts of $name, by digest", async ({ specs, key }, { expect }) => {
    const fake = await startFakeApi();
    const partsOf = async (fingerprintSalt: string): Promise<string> => {
      const { logger } = await (await Run.start(fake, specs)).say({ settings: { fingerprintSalt } });
      return String(logger.lines.find(({ message }) => message === MISS)?.fields["parts"]);
    };
    const [none, spring, summer] = [await partsOf(""), await partsOf("spring"), await partsOf("summer")];
    expect(none).toMatch(new RegExp(`^${key}`));
    expect(none).not.toContain("salt");
    expect(spring).toMatch(/ salt=[0-9a-f]{12}$/);
    expect(summer).toMatch(/ salt=[0-9a-f]{12}$/);
    expect(spring).not.toBe(summer);
    expect(spring).not.toContain("spring");
  });

  test("with nothing to compare with, says so", async () => {
    const { logger, calls } = await (await Run.start(await startFakeApi())).say();
    expect(logger.messages(2)).toEqual([MISS, expect.stringMatching(/^This run has no earlier task of this name/)]);
    expect(calls).toEqual(["getRun", "findCachedTask", "listTasks", "createTask"]);
  });

  test("says which inputs the newest task of the name had otherwise, and never their values", async () => {
    const run = await Run.start(await startFakeApi());
    const first = await run.say({ word: "secret-one", iterationIndex: 0 });
    await run.fake.api.updateTask(run.runId, first.taskId, {
      inputs: { parameters: [{ parameterKey: "word", value: jsonToValue("secret-two") }] },
      cacheFingerprint: "0".repeat(64),
    });
    const { logger } = await run.say({ word: "secret-one", iterationIndex: 1 });
    const line = logger.lines.at(-1);
    expect(line?.message).toBe("The newest task of this name in the run had other inputs: word");
    expect(line?.fields).toMatchObject({ comparedTaskId: first.taskId, comparedState: "RUNNING", comparedIteration: 0 });
    expect(JSON.stringify(logger.lines)).not.toContain("secret");
  });

  test.for([
    {
      name: "it has this fingerprint and was skipped",
      change: { state: TaskState.SKIPPED },
      says: /has this fingerprint, but only a SUC/,
    },
    {
      name: "it failed, so it has no fingerprint",
      change: { state: TaskState.FAILED },
      says: /failed: only a SUCCEEDED task is an entry/,
    },
    {
      name: "its claims or settings differ",
      change: { cacheFingerprint: "0".repeat(64) },
      says: /had the same inputs; its claims/,
    },
  ])("the newest task of the name: $name", async ({ change, says }) => {
    const run = await Run.start(await startFakeApi());
    const first = await run.say({ iterationIndex: 0 });
    await run.fake.api.updateTask(run.runId, first.taskId, change);
    const { logger } = await run.say({ iterationIndex: 1 });
    expect(logger.messages(2).at(-1)).toMatch(says);
  });

  test("that cannot be explained does not fail the task", async () => {
    const { logger, podSpecPatch } = await (await Run.start(await startFakeApi())).say({ listTasksFails: true });
    expect(podSpecPatch).toBeDefined();
    expect(logger.messages(2).at(-1)).toBe("Cannot look for earlier tasks of this name");
  });
});

test("a hit at level 2 names the task it comes from, with no call more", async () => {
  const fake = await startFakeApi();
  const first = await Run.start(fake);
  const { taskId } = await first.say();
  await first.end(taskId, TaskState.SUCCEEDED);
  const second = await (await Run.start(fake)).say();
  expect(second.cached).toBe(true);
  expect(second.logger.lines.find(({ level }) => level === 2)).toMatchObject({
    message: "The outputs come from the cache",
    fields: { cachedTaskId: taskId, cachedRunId: first.runId },
  });
  expect(second.calls).not.toContain("listTasks");
});

test("at level 1 nothing is said of the cache, and no call is made for it", async () => {
  const { logger, calls } = await (await Run.start(await startFakeApi())).say({ level: 1 });
  expect(logger.messages(2)).toEqual([]);
  expect(calls).toEqual(["getRun", "findCachedTask", "createTask"]);
});

describe("KFP_FINGERPRINT_SALT", () => {
  const salted = { settings: { fingerprintSalt: "spring" } };
  const pinned = pipeline({ image: `busybox@${digest}`, cacheKey: "mine" });
  test.for<{ name: string; first: SayOptions; second: SayOptions; specs?: readonly JsonObject[]; cached: boolean }>([
    { name: "empty is none", first: {}, second: { settings: { fingerprintSalt: "" } }, cached: true },
    { name: "set for the second only", first: {}, second: salted, cached: false },
    { name: "the same for both", first: salted, second: salted, cached: true },
    { name: "another text", first: salted, second: { settings: { fingerprintSalt: "summer" } }, cached: false },
    {
      ...{ name: "a custom key and another image digest", first: salted, second: salted, cached: false },
      specs: [pinned, pipeline({ image: `busybox@sha256:${"b".repeat(64)}`, cacheKey: "mine" })],
    },
    {
      ...{ name: "a custom key and the same image digest", first: salted, second: salted, cached: true },
      specs: [pinned, pipeline({ image: `busybox:1@${digest}`, cacheKey: "mine" })],
    },
  ])("$name", async ({ first, second, specs: [firstSpec, secondSpec] = [], cached }) => {
    const fake = await startFakeApi();
    const run = await Run.start(fake, firstSpec);
    await run.end((await run.say(first)).taskId, TaskState.SUCCEEDED);
    expect((await (await Run.start(fake, secondSpec)).say(second)).cached).toBe(cached);
  });
});

describe("differingInputs()", () => {
  const inputs = (parameters: Record<string, JsonValue>, artifacts: Record<string, string[]> = {}): TaskInputs => ({
    parameters: Object.entries(parameters).map(([parameterKey, value]) =>
      create(IoParameterSchema, { parameterKey, value: jsonToValue(value) }),
    ),
    artifacts: Object.entries(artifacts).map(([artifactKey, ids]) =>
      create(IoArtifactSchema, { artifactKey, artifacts: ids.map((artifactId) => ({ artifactId })) }),
    ),
  });

  test("compares values and ids, whatever the order of links and of members", () => {
    expect(
      differingInputs(inputs({ a: { x: 1, y: 2 } }, { d: ["1", "2"] }), inputs({ a: { y: 2, x: 1 } }, { d: ["2", "1"] })),
    ).toEqual([]);
    expect(differingInputs(inputs({ a: 1, b: 2, c: 3 }, { d: ["1"] }), inputs({ a: 1, b: 3, e: 4 }, { d: ["1", "2"] }))).toEqual([
      "b",
      "c",
      "d",
      "e",
    ]);
  });
});
