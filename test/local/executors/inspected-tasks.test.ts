import { describe, expect, test } from "vitest";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import {
  createInspectingExecutor,
  matchesTask,
  readTaskPatterns,
  waitingSteps,
} from "../../../src/local/executors/inspected-tasks.ts";
import type { StepRuntime } from "../../../src/local/steps/step-runtime.ts";
import type { DriveRequest, ImportRequest, LaunchRequest, TaskExecutor } from "../../../src/local/engine/task-executor.ts";

const step = { taskInfo: { name: "s" }, componentRef: { name: "comp-step" } };
const pipeline = parsePipelineSpec({
  pipelineInfo: { name: "p" },
  root: { dag: { tasks: { prepare: step, loop: { taskInfo: { name: "l" }, componentRef: { name: "comp-loop" } } } } },
  components: { "comp-step": { executorLabel: "exec" }, "comp-loop": { dag: { tasks: { train: step } } } },
  deploymentSpec: { executors: { exec: { container: { image: "i" } } } },
});

describe("readTaskPatterns()", () => {
  test.for(["train[", "train[x]", "loop.prepare", "rain", "", "[0]"])("refuses %o, naming the tasks there are", (text) => {
    expect(() => readTaskPatterns([text], pipeline)).toThrow(
      `Cannot inspect task "${text}": the pipeline has the tasks root, loop, loop.train, prepare`,
    );
  });
});

describe("matchesTask()", () => {
  const train = (...iterations: number[]) => ({ scopePath: "root.loop.train", iterations });
  test.for([
    { pattern: "train", place: train(0), matches: true },
    { pattern: "loop.train", place: train(0), matches: true },
    { pattern: "root.loop.train", place: train(0), matches: true },
    { pattern: "train[2]", place: train(2), matches: true },
    { pattern: "train[2]", place: train(0), matches: false },
    { pattern: "train[0,2]", place: train(0, 2), matches: true },
    { pattern: "train[2]", place: train(0, 2), matches: false },
    { pattern: "loop", place: train(0), matches: false },
    { pattern: "root", place: { scopePath: "root", iterations: [] }, matches: true },
  ])("$pattern at $place: $matches", ({ pattern, place, matches }) => {
    expect(matchesTask(place, readTaskPatterns([pattern], pipeline))).toBe(matches);
  });
});

describe("waitingSteps()", () => {
  const launcher = {
    environment: { A: "1" },
    mounts: [],
    stdout: { write: () => undefined },
    stderr: { write: () => undefined },
  };
  const steps: StepRuntime = {
    driverEnvironment: () => ({ A: "1", KFP_INSPECT_TASK: "other" }),
    prepare: () => Promise.resolve({ ...launcher, argv: ["--x"], end: () => Promise.resolve() }),
    importer: () => Promise.resolve({ ...launcher, end: () => Promise.resolve() }),
  };
  const place = { scopePath: "root", iterations: [] };

  test.for([
    { host: {}, address: "127.0.0.1:9229" },
    { host: { KFP_INSPECT: "off" }, address: "127.0.0.1:9229" },
    { host: { KFP_INSPECT: "127.0.0.1:9300" }, address: "127.0.0.1:9300" },
  ])("makes driver and launcher wait at $address, whatever the host filters", async ({ host, address }) => {
    const environment = { A: "1", KFP_INSPECT: address, KFP_INSPECT_TASK: "", KFP_INSPECT_TYPE: "" };
    const waiting = waitingSteps(steps, host);
    expect(waiting.driverEnvironment(place)).toEqual(environment);
    expect(await waiting.prepare({} as LaunchRequest)).toMatchObject({ argv: ["--x"], environment });
    expect((await waiting.importer({} as ImportRequest)).environment).toEqual(environment);
  });
});

test("createInspectingExecutor() starts programs for the tasks that match, and says so", async () => {
  const log: string[] = [];
  const executor = (name: string): TaskExecutor => {
    const note = <Result>(call: string, { place }: { place: { scopePath: string } }): Promise<Result> => {
      log.push(`${name} ${call} ${place.scopePath}`);
      return Promise.resolve({ exitCode: 0 } as Result);
    };
    return {
      drive: (request) => note("drive", request),
      launch: (request) => note("launch", request),
      importArtifact: (request) => note("import", request),
    };
  };
  const inspecting = createInspectingExecutor({
    patterns: readTaskPatterns(["train[1]"], pipeline),
    others: executor("others"),
    waiting: executor("waiting"),
    host: {},
    onNotice: (text) => log.push(text),
  });
  for (const iterations of [[0], [1]]) {
    const place = { scopePath: "root.loop.train", iterations };
    await inspecting.drive({ place } as unknown as DriveRequest);
    await inspecting.launch({ place } as unknown as LaunchRequest);
    await inspecting.importArtifact({ place } as unknown as ImportRequest);
  }
  expect(log).toEqual([
    "others drive root.loop.train",
    "others launch root.loop.train",
    "others import root.loop.train",
    "loop.train[1]: the driver waits for a debugger at 127.0.0.1:9229",
    "waiting drive root.loop.train",
    "loop.train[1]: the launcher waits for a debugger at 127.0.0.1:9229",
    "waiting launch root.loop.train",
    "loop.train[1]: the launcher waits for a debugger at 127.0.0.1:9229",
    "waiting import root.loop.train",
  ]);
});
