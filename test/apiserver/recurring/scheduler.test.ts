import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, onTestFinished, test } from "vitest";
import { parseListRequest } from "../../../src/apiserver/lists/list-query.ts";
import { Scheduler } from "../../../src/apiserver/recurring/scheduler.ts";
import { pipelineCalls } from "../../../src/apiserver/services/served-services.ts";
import { RecurringRunCalls } from "../../../src/apiserver/services/recurring-runs/recurring-run-service.ts";
import { RunLifecycle } from "../../../src/apiserver/services/run-lifecycle.ts";
import type { Store } from "../../../src/apiserver/store.ts";
import { openSqliteStore } from "../../../src/apiserver/sqlite/sqlite-store.ts";
import { secondsOfTimestamp } from "../../../src/apiserver/timestamps.ts";
import { RuntimeState, type Run } from "../../../src/core/kfp-types.ts";
import {
  CreateRecurringRunRequestSchema,
  RecurringRun_Mode as Mode,
} from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";

const SPEC = {
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  root: { inputDefinitions: { parameters: { when: { parameterType: "STRING", isOptional: true } } }, dag: {} },
};
const text = (value: string) => ({ kind: { case: "stringValue", value } }) as const;
const cron = (expression: string) => ({ trigger: { case: "cronSchedule", value: { cron: expression } } }) as const;
const every = (seconds: number) =>
  ({ trigger: { case: "periodicSchedule", value: { intervalSecond: BigInt(seconds) } } }) as const;

/** The first 200 runs, by the time they were due. */
function storedRuns(store: Store): { readonly runs: Run[]; readonly totalSize: number } {
  const query = parseListRequest("runs", { pageSize: 200, pageToken: "", sortBy: "scheduled_at", filter: "" });
  const { rows, totalSize } = store.runs.list({}, query);
  return { runs: rows.flatMap(({ runId }) => store.runs.find(runId)?.run ?? []), totalSize };
}

/** A scheduler on a store in memory, with a clock and timers of the test. */
class World {
  /** Wall clock; may be set. Timers go by another one. */
  nowMs = 1_000_000;
  #passedMs = 0;
  readonly store = openSqliteStore({ database: ":memory:", nowSeconds: 1_000, defaultExperimentId: "default" });
  readonly lifecycle = new RunLifecycle(this.store, () => this.seconds);
  readonly created: string[] = [];
  readonly problems: string[] = [];
  /** What the next creation of a run throws after it is stored. */
  failure: Error | undefined;
  timers: { readonly dueMs: number; readonly work: () => void }[] = [];
  scheduler = this.#newScheduler();
  readonly calls = new RecurringRunCalls({
    store: this.store,
    now: () => this.seconds,
    engine: { recurringRunChanged: () => this.scheduler.wake() },
  });
  #runs = 0;

  get seconds(): number {
    return Math.floor(this.nowMs / 1000);
  }

  #newScheduler(): Scheduler {
    return new Scheduler({
      store: this.store,
      nowMs: () => this.nowMs,
      newRunId: () => `run-${(this.#runs += 1)}`,
      createRun: (init, options) => {
        this.lifecycle.createRun(init, options);
        const { failure } = this;
        this.failure = undefined;
        if (failure !== undefined) throw failure;
      },
      setTimer: (work, delayMs) => {
        const timer = { dueMs: this.#passedMs + delayMs, work };
        this.timers.push(timer);
        return () => (this.timers = this.timers.filter((one) => one !== timer));
      },
      runCreated: (runId) => this.created.push(runId),
      onProblem: (_, reason) => this.problems.push(reason),
    });
  }

  /** As after the death of the process. */
  restart(): void {
    this.scheduler.stop();
    this.timers = [];
    this.scheduler = this.#newScheduler();
    this.scheduler.start();
  }

  schedule(change: object = {}): string {
    const request = create(CreateRecurringRunRequestSchema, {
      recurringRun: {
        displayName: "nightly",
        mode: Mode.ENABLE,
        maxConcurrency: 1n,
        trigger: cron("0 * * * * *"),
        pipelineSource: { case: "pipelineSpec", value: SPEC },
        ...change,
      },
    });
    return this.calls.createRecurringRun(request).decode().recurringRunId;
  }

  /** Lets time pass and every timer fire when it is due. */
  pass(seconds: number): void {
    const endMs = this.#passedMs + seconds * 1000;
    const goTo = (ms: number): void => {
      this.nowMs += ms - this.#passedMs;
      this.#passedMs = ms;
    };
    for (;;) {
      const next = this.timers.toSorted((left, right) => left.dueMs - right.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.timers = this.timers.filter((one) => one !== next);
      goTo(Math.max(this.#passedMs, next.dueMs));
      next.work();
    }
    goTo(endMs);
  }

  runs(): Run[] {
    return storedRuns(this.store).runs;
  }

  times(): number[] {
    return this.runs().map((run) => secondsOfTimestamp(run.scheduledAt));
  }

  finishAll(): void {
    for (const runId of this.store.runs.idsInStates([RuntimeState.PENDING])) {
      this.lifecycle.finishRun(runId, RuntimeState.SUCCEEDED);
    }
    this.scheduler.wake();
  }
}

function setUp(): World {
  const world = new World();
  onTestFinished(() => world.store.close());
  world.scheduler.start();
  return world;
}

// docs/spec/pipelines-and-python-client.md#scheduling
describe("a schedule", () => {
  test("makes a run at each time, named and numbered, with its macros replaced", ({ expect }) => {
    const world = setUp();
    const recurringRunId = world.schedule({
      maxConcurrency: 10n,
      description: "d",
      serviceAccount: "sa",
      runtimeConfig: {
        parameters: { when: text("[[ScheduledTime]] [[CurrentTime]] [[Index]] [[RunUUID]]") },
        pipelineRoot: "s3://r",
      },
    });
    world.pass(100);
    const [first, second, ...more] = world.runs();
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      recurringRunId,
      state: RuntimeState.PENDING,
      description: "d",
      serviceAccount: "sa",
      scheduledAt: { seconds: 1_020n },
      createdAt: { seconds: 1_020n },
      runtimeConfig: { parameters: { when: text("19700101001700 19700101001700 1 run-1") }, pipelineRoot: "s3://r" },
    });
    expect(first?.displayName).toMatch(/^nightly-[0-9a-f]{6}-1-[0-9a-f]{10}$/);
    expect(second?.displayName).toMatch(/^nightly-[0-9a-f]{6}-2-[0-9a-f]{10}$/);
    expect(world.created).toEqual(["run-1", "run-2"]);
  });

  test("without trigger makes one run at once", ({ expect }) => {
    const world = setUp();
    world.schedule({ trigger: undefined });
    world.pass(5_000);
    expect(world.times()).toEqual([1_000]);
    world.restart();
    world.pass(5_000);
    expect(world.times()).toEqual([1_000]);
  });

  test("does not drift, however late its timers are", ({ expect }) => {
    const world = setUp();
    world.schedule({ trigger: every(7), maxConcurrency: 10n });
    for (let round = 0; round < 8; round += 1) {
      world.nowMs += 900;
      world.pass(6);
    }
    expect(world.times()).toEqual([1_007, 1_014, 1_021, 1_028, 1_035, 1_042, 1_049]);
  });

  test("has at most max_concurrency runs under way, and goes on when one ends", ({ expect }) => {
    const world = setUp();
    world.schedule({ maxConcurrency: 2n });
    world.pass(600);
    expect(world.times()).toEqual([1_020, 1_080]);
    world.lifecycle.finishRun("run-1", RuntimeState.FAILED);
    world.scheduler.wake();
    world.pass(0);
    expect(world.times()).toEqual([1_020, 1_080, 1_140]);
  });

  test.for([
    { noCatchup: false, times: [1_020, 1_080, 1_140, 1_200, 1_260] },
    { noCatchup: true, times: [1_260] },
  ])("after a time in which nobody looked, with no_catchup=$noCatchup", ({ noCatchup, times }, { expect }) => {
    const world = setUp();
    world.schedule({ noCatchup, maxConcurrency: 10n });
    world.scheduler.stop();
    world.nowMs += 300_000;
    world.restart();
    world.pass(0);
    expect(world.times()).toEqual(times);
  });

  test("that is disabled makes nothing, and catches up when it is enabled", ({ expect }) => {
    const world = setUp();
    const recurringRunId = world.schedule({ maxConcurrency: 10n });
    world.calls.disableRecurringRun({ recurringRunId } as never);
    world.pass(200);
    expect(world.times()).toEqual([]);
    world.calls.enableRecurringRun({ recurringRunId } as never);
    world.pass(0);
    expect(world.times()).toEqual([1_020, 1_080, 1_140, 1_200]);
  });

  test("that is deleted makes nothing more; its runs stay", ({ expect }) => {
    const world = setUp();
    const recurringRunId = world.schedule({ maxConcurrency: 10n });
    world.pass(60);
    world.calls.deleteRecurringRun({ recurringRunId } as never);
    world.pass(600);
    expect(world.times()).toEqual([1_020]);
  });

  test("API-37: a clock that is set back repeats no run, and does not wait for the old time", ({ expect }) => {
    const world = setUp();
    world.schedule({ maxConcurrency: 10n });
    world.nowMs += 86_400_000 - 1_200_000;
    world.schedule({ displayName: "other", maxConcurrency: 10n, noCatchup: true, trigger: every(60) });
    world.nowMs = 1_000_000 + 90_000;
    world.restart();
    world.pass(0);
    expect(world.times()).toEqual([1_020, 1_080]);
    world.nowMs -= 75_000;
    world.pass(180);
    expect(world.times()).toEqual([1_020, 1_080, 1_140]);
  });

  test("API-37: a clock that was far ahead for a moment does not stop a schedule for years", ({ expect }) => {
    const world = setUp();
    world.schedule({ maxConcurrency: 10n, noCatchup: true });
    const far = 20 * 365 * 86_400;
    world.nowMs += far * 1000;
    world.pass(60);
    expect(world.times()).toHaveLength(2);
    world.nowMs -= far * 1000;
    world.pass(120);
    expect(world.times().filter((time) => time < far)).toEqual([1_080, 1_140]);
  });

  test("of the newest version takes the newest at every trigger, and says what is wrong with it", async ({ expect }) => {
    const world = setUp();
    const pipelines = pipelineCalls({ store: world.store, now: () => world.seconds });
    const upload = (name: string, spec: object) => ({
      ...{ name, displayName: "", description: "", tags: {} },
      text: JSON.stringify(spec),
    });
    const { pipelineId } = await pipelines.uploadPipeline(upload("p", SPEC));
    world.schedule({
      maxConcurrency: 10n,
      pipelineSource: { case: "pipelineVersionReference", value: { pipelineId } },
      runtimeConfig: { parameters: { when: text("x") } },
    });
    world.pass(60);
    await pipelines.uploadVersion(pipelineId, upload("v2", { ...SPEC, pipelineInfo: { name: "second" } }));
    world.pass(60);
    const specs = world.runs().map(({ runId }) => world.store.runs.find(runId)?.pipelineSpec);
    expect(specs.map((bytes) => Buffer.from(bytes ?? []).includes("second"))).toEqual([false, true]);
    const root = { dag: {} };
    await pipelines.uploadVersion(pipelineId, upload("v3", { ...SPEC, root }));
    world.pass(60);
    expect(world.times()).toHaveLength(2);
    expect(world.problems).toEqual([expect.stringContaining('"when" is not declared by the pipeline')]);
    pipelines.deletePipeline({ pipelineId, cascade: true } as never);
    world.pass(60);
    expect(world.problems[1]).toBe(`Pipeline ${pipelineId} not found`);
  });

  test("whose pipeline is gone notes the problem, goes on, and forgets it with the next run", ({ expect }) => {
    const world = setUp();
    const experimentId = "e";
    world.store.experiments.insert({ experimentId, displayName: "e", description: "", storageState: 1 } as never);
    const recurringRunId = world.schedule({ experimentId });
    world.store.experiments.remove(experimentId);
    world.pass(60);
    expect(world.times()).toEqual([]);
    expect(world.problems).toEqual(["Experiment e not found"]);
    const read = () => world.calls.getRecurringRun({ recurringRunId } as never).decode();
    expect(read().error?.message).toBe("Experiment e not found");
    world.store.experiments.insert({ experimentId, displayName: "e", description: "", storageState: 1 } as never);
    world.pass(60);
    expect(world.runs().map((run) => run.displayName)).toEqual([expect.stringMatching(/-1-[0-9a-f]{10}$/)]);
    expect(read().error).toBeUndefined();
  });

  test("whose run could not be stored makes it at the next look", ({ expect }) => {
    const world = setUp();
    world.schedule();
    world.failure = new Error("disk full");
    world.pass(20);
    expect([world.times(), world.problems]).toEqual([[], ["disk full"]]);
    world.pass(30);
    expect(world.times()).toEqual([1_020]);
    expect(world.runs()[0]?.displayName).toMatch(/-1-/);
  });

  test("that cannot be read does not stop the others", ({ expect }) => {
    const world = setUp();
    const damaged = world.schedule();
    world.schedule({ displayName: "sound" });
    const find = world.store.recurringRuns.find.bind(world.store.recurringRuns);
    world.store.recurringRuns.find = (id) => {
      if (id === damaged) throw new Error("cannot be read");
      return find(id);
    };
    world.pass(30);
    expect(world.times()).toEqual([1_020]);
    expect(world.problems[0]).toBe("cannot be read");
  });

  test("a long backlog leaves room for calls: a hundred runs a look", ({ expect }) => {
    const world = setUp();
    world.scheduler.stop();
    for (let index = 0; index < 30; index += 1)
      world.schedule({ displayName: `s${index}`, maxConcurrency: 10n, trigger: every(1) });
    world.nowMs += 60_000;
    expect(world.scheduler.look()).toBe(0);
    expect(world.created).toHaveLength(100);
    for (let looks = 0; looks < 3; looks += 1) world.scheduler.look();
    expect(world.created).toHaveLength(300);
  });
});

type Step =
  | { readonly kind: "pass" | "jump" | "back"; readonly seconds: number }
  | { readonly kind: "restart" | "disable" | "enable" | "finish" | "crash" };

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("pass", "jump", "back"), seconds: fc.nat(200) }) as fc.Arbitrary<Step>,
    fc.record({ kind: fc.constantFrom("restart", "disable", "enable", "finish", "crash") }) as fc.Arbitrary<Step>,
  ),
  { maxLength: 25 },
);

test("whatever happens: no time twice, indexes without gaps, never too many runs", ({ expect }) => {
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.integer({ min: 5, max: 90 }),
      (all, max, noCatchup, step) => {
        const world = new World();
        world.scheduler.start();
        const recurringRunId = world.schedule({ maxConcurrency: BigInt(max), noCatchup, trigger: every(step) });
        for (const one of all) {
          if (one.kind === "pass") world.pass(one.seconds);
          else if (one.kind === "jump") world.nowMs += one.seconds * 1000;
          else if (one.kind === "back") world.nowMs = Math.max(1_000_000, world.nowMs - one.seconds * 1000);
          else if (one.kind === "restart") world.restart();
          else if (one.kind === "disable") world.calls.disableRecurringRun({ recurringRunId } as never);
          else if (one.kind === "enable") world.calls.enableRecurringRun({ recurringRunId } as never);
          else if (one.kind === "finish") world.finishAll();
          else world.failure = new Error("the process died");
          expect(world.store.runs.countActiveOf(recurringRunId)).toBeLessThanOrEqual(max);
        }
        const times = world.times();
        expect(new Set(times).size).toBe(times.length);
        expect(times.every((time) => (time - 1_000) % step === 0)).toBe(true);
        const indexes = world.runs().map((run) => Number(/-(\d+)-[0-9a-f]{10}$/.exec(run.displayName)?.[1]));
        expect(indexes.toSorted((left, right) => left - right)).toEqual(times.map((_, index) => index + 1));
        expect(world.store.recurringRuns.find(recurringRunId)?.firedCount).toBe(times.length);
        world.store.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("kill -9 between triggers neither loses nor repeats one", async ({ expect }) => {
  const folder = await mkdtemp(join(tmpdir(), "kfp-scheduler-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const database = join(folder, "state.db");
  const script = fileURLToPath(new URL("../../fixtures/bin/fire-schedule.ts", import.meta.url));
  const announced: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const child = spawn(process.execPath, [script, database], { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.pipe(process.stderr, { end: false });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    const exited = once(child, "exit");
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      announced.push(line);
      count += 1;
      if (count === 25) child.kill("SIGKILL");
    }
    await exited;
  }
  const store = openSqliteStore({ database, nowSeconds: 1, defaultExperimentId: "default" });
  const [schedule] = store.recurringRuns.enabledIds();
  const fired = store.recurringRuns.find(schedule ?? "")?.firedCount ?? 0;
  const { runs, totalSize } = storedRuns(store);
  const ids = new Set(runs.map(({ runId }) => runId));
  const times = runs.map((run) => secondsOfTimestamp(run.scheduledAt));
  const problems = store.checkIntegrity();
  store.close();
  expect(problems).toEqual([]);
  expect(announced.length).toBeGreaterThanOrEqual(75);
  expect(totalSize).toBe(fired);
  expect(times).toEqual(times.map((_, index) => 1_001 + index));
  expect(announced.slice(0, 75).filter((runId) => totalSize <= 200 && !ids.has(runId))).toEqual([]);
});
