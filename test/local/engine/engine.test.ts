/** Order, numbers and outcomes of the engine, with an executor that only says what it was asked. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { HostError } from "../../../src/core/errors.ts";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import type { PodSpecPatch } from "../../../src/driver/pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../../../src/driver/result.ts";
import { runPipeline } from "../../../src/local/engine/engine.ts";
import type { EngineOptions } from "../../../src/local/engine/engine-deps.ts";
import type { EngineEvent } from "../../../src/local/engine/engine-event.ts";
import type { DriveRequest, LaunchRequest, TaskExecutor } from "../../../src/local/engine/task-executor.ts";
import { systemClock } from "../../../src/node/system-clock.ts";

type Tasks = Record<string, JsonObject>;

const step = (more: JsonObject = {}): JsonObject => ({ taskInfo: { name: "s" }, componentRef: { name: "comp-step" }, ...more });
const after = (...dependentTasks: string[]): JsonObject => step({ dependentTasks });
const sub = (name: string, more: JsonObject = {}): JsonObject => ({ taskInfo: { name }, componentRef: { name }, ...more });
const iterated = { parameterIterator: { itemInput: "i", items: { raw: "[]" } } };
const completed = { triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } };

function specOf(root: Tasks, dags: Record<string, Tasks> = {}): JsonObject {
  return {
    pipelineInfo: { name: "p" },
    root: { dag: { tasks: root } },
    components: {
      "comp-step": { executorLabel: "exec" },
      "comp-import": { executorLabel: "import" },
      ...Object.fromEntries(Object.entries(dags).map(([name, tasks]) => [name, { dag: { tasks } }])),
    },
    deploymentSpec: {
      executors: {
        exec: { container: { image: "i" } },
        import: { importer: { artifactUri: { constant: "s3://b/x" }, typeSchema: {} } },
      },
    },
  };
}

type Answer = Partial<DriverResult> | Error;

interface Script {
  /** Answers of drivers by scope path, with iterations as `root.loop[1].task`; a list is one per attempt, the last one for all further. */
  drivers?: Record<string, Answer | Answer[]>;
  /** Exit codes of launchers by place; a list is one per attempt. */
  exitCodes?: Record<string, number | number[]>;
  parallelism?: number;
  capacity?: Record<string, number>;
  /** Resources of steps by scope path. */
  resources?: Record<string, PodSpecPatch["containers"][0]["resources"]>;
  /** The signal is aborted before the run. */
  stopped?: boolean;
  /** Called in the middle of every launch. */
  during?: (place: string, controller: AbortController, log: string[]) => Promise<void> | void;
  /** What stops exit tasks; absent: the same as all others. */
  exitTasks?: AbortController;
}

function aborted(): AbortController {
  const controller = new AbortController();
  controller.abort("SIGTERM");
  return controller;
}

const nameOf = ({ scopePath, iterations }: { scopePath: string; iterations: readonly number[] }): string =>
  `${scopePath}${iterations.length === 0 ? "" : `[${iterations.join(",")}]`}`;

async function run(
  spec: JsonObject,
  { drivers = {}, exitCodes = {}, parallelism = 4, stopped = false, during, exitTasks, ...script }: Script = {},
) {
  const controller = new AbortController();
  if (stopped) controller.abort("SIGINT");
  const log: string[] = [];
  const events: EngineEvent[] = [];
  const attempts = new Map<string, number>();
  const driven = new Map<string, DriveRequest["options"]>();
  const launches: LaunchRequest[] = [];
  const state = { running: 0, most: 0 };
  const launch = async (place: string): Promise<{ exitCode: number }> => {
    state.running += 1;
    state.most = Math.max(state.most, state.running);
    log.push(`launch ${place}`);
    await during?.(place, controller, log);
    await new Promise(setImmediate);
    state.running -= 1;
    const attempt = attempts.get(place) ?? 0;
    attempts.set(place, attempt + 1);
    const code = exitCodes[place] ?? 0;
    return { exitCode: typeof code === "number" ? code : (code[attempt] ?? 0) };
  };
  const executor: TaskExecutor = {
    async drive({ place, options }) {
      const name = nameOf(place);
      log.push(`drive ${name}`);
      driven.set(name, options);
      await new Promise(setImmediate);
      const answers = [drivers[name] ?? {}].flat();
      const answer = answers[Math.min(log.filter((line) => line === `drive ${name}`).length, answers.length) - 1] ?? {};
      if (answer instanceof Error) throw answer;
      const resources = script.resources?.[place.scopePath] ?? {};
      const patch: PodSpecPatch = { containers: [{ name: "main", command: [], env: [], resources }] };
      const result = options.type === "CONTAINER" ? { cached: false, podSpecPatch: patch } : {};
      return { taskId: `id of ${name}`, ...result, ...answer };
    },
    launch: (request) => {
      launches.push(request);
      return launch(nameOf(request.place));
    },
    importArtifact: ({ place, argv }) => {
      log.push(`argv ${argv.slice(0, 4).join(" ")}`);
      return launch(nameOf(place));
    },
  };
  const options: EngineOptions = {
    pipeline: parsePipelineSpec(spec),
    pipelineName: "p",
    runId: "r",
    runName: "wf",
    runDisplayName: "d",
    namespace: "ns",
    runtimeConfig: "{}",
    cacheDisabled: false,
    publishLogs: true,
    logLevel: "1",
    apiServer: { address: "127.0.0.1", port: "1", tlsEnabled: false, caCertPath: "" },
    kubernetesConfigs: new Map(),
    parallelism,
    ...(script.capacity === undefined ? {} : { capacity: script.capacity }),
  };
  let pods = 0;
  const outcome = await runPipeline(
    {
      executor,
      // Pauses between attempts take no time.
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      driverFolder: () => "/unused",
      newPod: () => ({ name: `pod-${(pods += 1)}`, uid: "u", namespace: "ns" }),
      onEvent: (event) => events.push(event),
      signal: controller.signal,
      ...(exitTasks === undefined
        ? {}
        : { exitTasks: { signal: exitTasks.signal, onBodyCut: (taskId) => log.push(`cut ${taskId}`) } }),
    },
    options,
  );
  const ended = Object.fromEntries(
    events.flatMap((event) => (event.kind === "ended" ? [[nameOf(event.place), event.outcome]] : [])),
  );
  return { outcome, log, events, ended, driven, launches, most: state.most };
}

describe("runPipeline()", () => {
  test("starts a task when all it depends on has succeeded, the root driver first", async () => {
    const { outcome, log } = await run(specOf({ c: after("a", "b"), a: step(), b: after("a") }));
    expect(outcome).toBe("succeeded");
    expect(log).toEqual([
      "drive root",
      "drive root.a",
      "launch root.a",
      "drive root.b",
      "launch root.b",
      "drive root.c",
      "launch root.c",
    ]);
  });

  describe("a run that is stopped, and exit tasks", () => {
    const exit = { ...after("exit-handler-1"), ...completed };
    const spec = specOf(
      { "exit-handler-1": sub("body"), clean: exit, ignores: { ...after("a"), ...completed }, a: step(), last: after("clean") },
      { body: { x: step(), y: after("x") } },
    );
    const stopAtX = async (place: string, controller: AbortController): Promise<void> => {
      if (place === "root.exit-handler-1.x") controller.abort("SIGTERM");
      if (place === "root.a") while (!controller.signal.aborted) await new Promise(setImmediate);
    };

    test("run after a body that had begun, once what is open in it has its end; nothing else does", async () => {
      const { outcome, log, ended } = await run(spec, { during: stopAtX, exitTasks: new AbortController() });
      expect(outcome).toBe("failed");
      expect(ended).toMatchObject({ root: "failed", "root.exit-handler-1": "failed", "root.clean": "succeeded" });
      expect(log.slice(log.indexOf("cut id of root.exit-handler-1"))).toEqual([
        "cut id of root.exit-handler-1",
        "drive root.clean",
        "launch root.clean",
      ]);
      expect(log.filter((line) => /ignores|last|\.y$/.test(line))).toEqual([]);
    });

    test.for([
      { name: "not without time of their own", more: {} },
      { name: "not when that is over", more: { exitTasks: aborted() } },
      { name: "not when nothing had begun", more: { exitTasks: new AbortController(), stopped: true } },
    ])("$name", async ({ more }) => {
      const { outcome, log } = await run(spec, { during: stopAtX, ...more });
      expect(outcome).toBe("failed");
      expect(log.filter((line) => /clean|cut/.test(line))).toEqual([]);
    });

    test("one that runs already is left alone", async () => {
      const stopAtClean = (place: string, controller: AbortController): void => {
        if (place === "root.clean") controller.abort("SIGTERM");
      };
      const { ended, log, launches } = await run(spec, { during: stopAtClean, exitTasks: new AbortController() });
      expect(ended).toMatchObject({ "root.exit-handler-1": "succeeded", "root.clean": "succeeded", root: "failed" });
      expect(log).not.toContain("cut id of root.exit-handler-1");
      expect(launches.find(({ place }) => place.scopePath === "root.clean")?.signal.aborted).toBe(false);
    });
  });

  test("leaves the launcher out for a cache hit, and goes on", async () => {
    const { log, ended } = await run(specOf({ a: step(), b: after("a") }), {
      drivers: { "root.a": { cached: true, podSpecPatch: undefined as never } },
    });
    expect(log).toEqual(["drive root", "drive root.a", "drive root.b", "launch root.b"]);
    expect(ended).toMatchObject({ "root.a": "succeeded", "root.b": "succeeded" });
  });

  test("says of what runs that it runs, not of what is skipped, cached or stopped before", async () => {
    const { events } = await run(
      specOf(
        {
          ...{ ran: step(), cached: step(), skipped: step(), skippedDag: sub("body"), broken: step() },
          loop: sub("body", { parameterIterator: { itemInput: "i", items: { raw: "[1]" } } }),
          imported: { ...step(), componentRef: { name: "comp-import" } },
        },
        { body: { x: step() } },
      ),
      {
        drivers: {
          "root.cached": { cached: true, podSpecPatch: undefined as never },
          "root.skipped": { condition: false },
          "root.skippedDag": { condition: false },
          "root.broken": new Error("no"),
          "root.loop": { iterationCount: 1 },
        },
      },
    );
    const running = events.flatMap((event) => (event.kind === "running" ? [`${event.taskKind} ${event.place.scopePath}`] : []));
    expect(running.toSorted()).toEqual(["importer root.imported", "loop root.loop", "step root.loop.x", "step root.ran"]);
  });

  test("says it once, however often a step is tried, and when it has a place", async () => {
    const retried = { ...step(), retryPolicy: { maxRetryCount: 2 } };
    const { events, log } = await run(specOf({ a: retried, b: step() }), { exitCodes: { "root.a": [1, 0] }, parallelism: 1 });
    expect(log.filter((line) => line === "launch root.a")).toHaveLength(2);
    expect(events.filter(({ kind }) => kind === "running")).toHaveLength(2);
    const order = events.flatMap(({ kind, place }) =>
      kind === "running" || kind === "ended" ? [`${kind} ${place.scopePath}`] : [],
    );
    expect(order.indexOf("running root.b")).toBeGreaterThan(order.indexOf("running root.a"));
  });

  test.for([
    { name: "a step", root: { a: step(), b: after("a") } },
    { name: "a branch", root: { a: sub("inner"), b: after("a") } },
  ])("skips $name whose condition is false, and omits what depends on it", async ({ root }, { expect }) => {
    const { outcome, ended, log } = await run(specOf(root, { inner: { x: step() } }), {
      drivers: { "root.a": { condition: false } },
    });
    expect(ended).toEqual({ "root.a": "skipped", root: "succeeded" });
    expect(outcome).toBe("succeeded");
    expect(log).toEqual(["drive root", "drive root.a"]);
  });

  test("repeats the body of a loop, each iteration with its index, also in nested DAGs", async () => {
    const spec = specOf(
      { loop: sub("body", { parameterIterator: { itemInput: "i", items: { raw: "[1,2]" } } }), after: after("loop") },
      { body: { x: step(), deep: sub("leaf") }, leaf: { y: step() } },
    );
    const { log, driven } = await run(spec, { drivers: { "root.loop": { iterationCount: 2 } } });
    expect(log.filter((line) => line.startsWith("launch")).toSorted()).toEqual([
      "launch root.after",
      "launch root.loop.deep.y[0]",
      "launch root.loop.deep.y[1]",
      "launch root.loop.x[0]",
      "launch root.loop.x[1]",
    ]);
    expect(driven.get("root.loop.deep.y[1]")).toMatchObject({ iterationIndex: 1, parentTaskId: "id of root.loop.deep[1]" });
    expect(driven.get("root.loop.x[0]")).toMatchObject({ iterationIndex: 0, parentTaskId: "id of root.loop" });
    expect(driven.get("root.loop")).not.toHaveProperty("iterationIndex");
    expect(log.at(-1)).toBe("launch root.after");
  });

  test("drives an inner loop with the outer index and its body with its own", async () => {
    const iterator = { parameterIterator: { itemInput: "i", items: { raw: "[]" } } };
    const spec = specOf({ outer: sub("o", iterator) }, { o: { inner: sub("i", iterator) }, i: { x: step() } });
    const { driven } = await run(spec, {
      drivers: {
        "root.outer": { iterationCount: 2 },
        "root.outer.inner[0]": { iterationCount: 1 },
        "root.outer.inner[1]": { iterationCount: 1 },
      },
    });
    expect(driven.get("root.outer.inner[1]")).toMatchObject({ iterationIndex: 1 });
    expect(driven.get("root.outer.inner.x[1,0]")).toMatchObject({ iterationIndex: 0 });
  });

  test("counts a loop over nothing as succeeded", async () => {
    const iterator = { parameterIterator: { itemInput: "i", items: { raw: "[]" } } };
    const { ended } = await run(specOf({ loop: sub("body", iterator), b: after("loop") }, { body: { x: step() } }), {
      drivers: { "root.loop": { iterationCount: 0 } },
    });
    expect(ended).toMatchObject({ "root.loop": "succeeded", "root.b": "succeeded" });
  });

  test("keeps to the limit of steps, and to a loop's own", async () => {
    const iterator = { parameterIterator: { itemInput: "i", items: { raw: "[]" } } };
    const drivers = { "root.loop": { iterationCount: 20 } };
    const body = { body: { x: step() } };
    expect((await run(specOf({ loop: sub("body", iterator) }, body), { drivers, parallelism: 3 })).most).toBe(3);
    const limited = sub("body", { ...iterator, iteratorPolicy: { parallelismLimit: 2 } });
    expect((await run(specOf({ loop: limited }, body), { drivers, parallelism: 8 })).most).toBe(2);
  });

  test("drivers do not run ahead of steps that wait for a place, in whatever loops they are", async () => {
    const spec = specOf(
      { outer: sub("comp-outer", iterated) },
      { "comp-outer": { inner: sub("comp-inner", iterated) }, "comp-inner": { x: step() } },
    );
    const drivers = Object.fromEntries([
      ["root.outer", { iterationCount: 10 }],
      ...Array.from({ length: 10 }, (_, index) => [`root.outer.inner[${index}]`, { iterationCount: 10 }]),
    ]);
    const drivenWhenIdle: number[] = [];
    const { log, most } = await run(spec, {
      drivers,
      parallelism: 2,
      during: async (_place, _controller, soFar) => {
        for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        drivenWhenIdle.push(
          soFar.filter((line) => /^drive .*x/.test(line)).length - soFar.filter((line) => line.startsWith("launch")).length,
        );
      },
    });
    expect(log.filter((line) => line.startsWith("launch"))).toHaveLength(100);
    expect(most).toBe(2);
    // One is in line, two drivers are under way when it gets there, and one has a place but has not begun.
    expect(Math.max(...drivenWhenIdle)).toBeLessThanOrEqual(4);
  });

  test("drivers that wait for steps are not begun once the run is stopped, and give their places to those of exit tasks", async () => {
    const { log } = await run(
      specOf(
        {
          "exit-handler-1": sub("body"),
          clean: step({ dependentTasks: ["exit-handler-1"], ...completed }),
          loop: sub("x", iterated),
        },
        { body: { a: step() }, x: { x: step() } },
      ),
      {
        drivers: { "root.loop": { iterationCount: 50 } },
        parallelism: 2,
        exitTasks: new AbortController(),
        during: async (place, controller, soFar) => {
          const turns = async (most: number): Promise<void> => {
            for (let turn = 0; turn < most && !soFar.includes("launch root.clean"); turn += 1) await new Promise(setImmediate);
          };
          if (place === "root.clean") return;
          if (place.startsWith("root.loop")) {
            await turns(500);
            soFar.push(`end ${place}`);
          } else {
            await turns(20);
            controller.abort("SIGTERM");
            soFar.push("stopped");
          }
        },
      },
    );
    expect(log.slice(log.indexOf("stopped"))).toEqual([
      ...["stopped", "cut id of root.exit-handler-1", "drive root.clean", "launch root.clean", "end root.loop.x[0]"],
    ]);
  });

  test("goes on with independent tasks after a failure, and fails in the end", async () => {
    const { outcome, ended, events } = await run(specOf({ a: step(), b: after("a"), c: step(), d: after("c") }), {
      exitCodes: { "root.a": 3 },
    });
    expect(outcome).toBe("failed");
    expect(ended).toEqual({ "root.a": "failed", "root.c": "succeeded", "root.d": "succeeded", root: "failed" });
    expect(events.find((event) => event.kind === "ended" && event.place.scopePath === "root.a")).toMatchObject({ exitCode: 3 });
  });

  test("runs exit tasks after success and after failure", async () => {
    for (const exitCode of [0, 1]) {
      const { outcome, ended } = await run(
        specOf({ body: sub("b"), exit: { ...after("body"), ...completed } }, { b: { x: step() } }),
        {
          exitCodes: { "root.body.x": exitCode },
        },
      );
      expect(ended["root.exit"]).toBe("succeeded");
      expect(outcome).toBe(exitCode === 0 ? "succeeded" : "failed");
    }
  });

  test("fails a task whose driver fails, with the driver's message", async () => {
    const { outcome, events } = await run(specOf({ a: step() }), { drivers: { "root.a": new Error("no such input") } });
    expect(outcome).toBe("failed");
    expect(events.find((event) => event.kind === "ended" && event.place.scopePath === "root.a")).toMatchObject({
      outcome: "failed",
      error: "no such input",
    });
  });

  const shortOfProcesses = new HostError("FILE_WRITE_FAILED", "Cannot start driver", {
    cause: Object.assign(new Error("spawn EAGAIN"), { code: "EAGAIN" }),
  });

  test("runs a driver again that could not do its work, twice at most, and says so", async () => {
    const { outcome, log, events } = await run(specOf({ a: step() }), {
      drivers: { "root.a": [shortOfProcesses, shortOfProcesses, {}] },
    });
    expect(outcome).toBe("succeeded");
    expect(log).toEqual(["drive root", "drive root.a", "drive root.a", "drive root.a", "launch root.a"]);
    expect(events.filter(({ kind }) => kind === "redriving")).toMatchObject([
      { retryIndex: 1, error: "Cannot start driver" },
      { retryIndex: 2, error: "Cannot start driver" },
    ]);
    const { ended, log: all } = await run(specOf({ a: step() }), { drivers: { "root.a": shortOfProcesses } });
    expect(ended["root.a"]).toBe("failed");
    expect(all.filter((line) => line === "drive root.a")).toHaveLength(3);
  });

  test("does not run a driver again that says what is wrong", async () => {
    const { log } = await run(specOf({ a: step() }), { drivers: { "root.a": new Error("no such input") } });
    expect(log).toEqual(["drive root", "drive root.a"]);
  });

  test("runs as many steps as their requests leave room for, and one that is larger than the machine alone", async () => {
    const running = new Set<string>();
    const together: string[] = [];
    const { outcome, events } = await run(
      specOf({ a: step(), b: step(), c: step(), huge: step(), loop: sub("x", iterated), plain: step() }, { x: { huge: step() } }),
      {
        drivers: { "root.loop": { iterationCount: 2 } },
        parallelism: 8,
        capacity: { cpu: 2, memory: 1e9 },
        resources: {
          "root.a": { requests: { cpu: "1500m" } },
          "root.b": { limits: { cpu: "0.5" } },
          "root.c": { requests: { cpu: "100m" }, limits: { cpu: "64" } },
          "root.huge": { requests: { memory: "2G" } },
          "root.loop.huge": { requests: { cpu: "64", memory: "2G" } },
        },
        during: async (place) => {
          running.add(place);
          for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
          together.push([...running].toSorted().join(" "));
          running.delete(place);
        },
      },
    );
    expect(outcome).toBe("succeeded");
    const largest = together.filter((places) => !together.some((others) => others !== places && others.includes(places)));
    expect(largest.filter((places) => places.includes("huge")).toSorted()).toEqual([
      ...["root.huge", "root.loop.huge[0]", "root.loop.huge[1]"],
    ]);
    for (const places of largest) expect(places.includes("root.a") && places.includes("root.b root.c")).toBe(false);
    expect(largest.some((places) => places.startsWith("root.a root.b"))).toBe(true);
    expect(events.filter(({ kind }) => kind === "alone")).toEqual([
      {
        kind: "alone",
        place: { scopePath: "root.huge", iterations: [] },
        excess: [{ resource: "memory", asked: 2e9, available: 1e9 }],
      },
      {
        kind: "alone",
        place: { scopePath: "root.loop.huge", iterations: [0] },
        excess: [
          { resource: "cpu", asked: 64, available: 2 },
          { resource: "memory", asked: 2e9, available: 1e9 },
        ],
      },
    ]);
  });

  test("tries again as often as the retry policy says, with a fresh pod and the attempt's index", async () => {
    const policy = { retryPolicy: { maxRetryCount: 2, backoffDuration: "0s", backoffFactor: 2 } };
    const { outcome, launches, events } = await run(specOf({ a: step(policy) }), { exitCodes: { "root.a": [1, 1, 0] } });
    expect(outcome).toBe("succeeded");
    expect(launches.map(({ retryIndex }) => retryIndex)).toEqual([0, 1, 2]);
    expect(new Set(launches.map(({ pod }) => pod.name)).size).toBe(3);
    expect(events.filter(({ kind }) => kind === "retrying")).toHaveLength(2);
  });

  test("gives up after the last retry", async () => {
    const policy = { retryPolicy: { maxRetryCount: 1 } };
    const { outcome, launches } = await run(specOf({ a: step(policy) }), { exitCodes: { "root.a": [1, 1, 0] } });
    expect(outcome).toBe("failed");
    expect(launches).toHaveLength(2);
  });

  test("says no retry index without a policy", async () => {
    expect((await run(specOf({ a: step() }))).launches[0]).not.toHaveProperty("retryIndex");
  });

  test("starts importers with the flags of the compiled workflow and no driver", async () => {
    const { log } = await run(specOf({ importer: { taskInfo: { name: "i" }, componentRef: { name: "comp-import" } } }));
    expect(log).toEqual(["drive root", "argv --executor_type importer --task_name importer", "launch root.importer"]);
  });

  test("starts nothing new once it is stopped", async () => {
    const { outcome, log } = await run(specOf({ a: step(), b: after("a"), exit: { ...after("a"), ...completed } }), {
      during: (_, controller) => controller.abort("SIGINT"),
    });
    expect(outcome).toBe("failed");
    expect(log).toEqual(["drive root", "drive root.a", "launch root.a"]);
  });

  test.for(["step", "importer"])(
    "begins no driver and no %s that waited for a place once it is stopped",
    async (kind, { expect }) => {
      const body = kind === "step" ? { x: step() } : { x: { taskInfo: { name: "x" }, componentRef: { name: "comp-import" } } };
      const { outcome, log, events, ended } = await run(
        specOf({ loop: sub("body", { parameterIterator: { itemInput: "i", items: { raw: "[]" } } }) }, { body }),
        {
          drivers: { "root.loop": { iterationCount: 500 } },
          parallelism: 2,
          during: (_, controller) => controller.abort("SIGINT"),
        },
      );
      expect(outcome).toBe("failed");
      // One launch stops the run; nothing of the 500 iterations begins after it.
      const stop = log.findIndex((line) => line.startsWith("launch"));
      expect(log.slice(stop + 1)).toEqual([]);
      expect(log.filter((line) => line.startsWith("drive")).length).toBeLessThanOrEqual(2 + 4);
      // Nothing is said of the hundreds that never had their turn.
      const told = events.filter((event) => event.kind === "started").map(({ place }) => nameOf(place));
      expect(Object.keys(ended).toSorted()).toEqual(told.toSorted());
      expect(told.length).toBeLessThan(10);
      expect(ended).toMatchObject({ root: "failed", "root.loop": "failed" });
      // And of those whose program never ran, the display has nothing to say.
      const cut = events.flatMap((event) => (event.kind === "ended" && event.isCut === true ? [nameOf(event.place)] : []));
      expect(cut).toEqual(expect.arrayContaining(["root", "root.loop"]));
    },
  );

  test("does not begin at all when it is stopped before", async () => {
    const { outcome, log, events } = await run(specOf({ a: step() }), { stopped: true });
    expect({ outcome, log, events }).toEqual({ outcome: "failed", log: [], events: [] });
  });

  test("a failure that is ignored downstream still fails the run: the failed task is a leaf of Argo's DAG, its consumer an exit hook", async () => {
    const { outcome, ended } = await run(specOf({ boom: step(), say: { ...after("boom"), ...completed } }), {
      exitCodes: { "root.boom": 1 },
    });
    expect(ended).toMatchObject({ "root.boom": "failed", "root.say": "succeeded" });
    expect(outcome).toBe("failed");
  });
});
