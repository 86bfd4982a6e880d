import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { LeaseLost, workWhileLeading, type LeaseDeps } from "../../../src/resident/agent/lease.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

const PLACE = { namespace: "n", name: "lease" };
const TIMES = { durationMs: 15_000, renewWithinMs: 10_000, retryMs: 2000 };

/** A lease that several look at, and time that goes on when everybody waits. */
class World {
  object: JsonObject | undefined;
  nowMs = 0;
  version = 0;
  readonly cutOff = new Set<string>();
  /** Their calls are never answered. */
  readonly unanswered = new Set<string>();
  #sleepers: { atMs: number; wake: () => void }[] = [];

  deps(who: string): LeaseDeps {
    const unlessCutOff = async <Result>(work: () => Result): Promise<Result> => {
      await (this.unanswered.has(who) ? new Promise<never>(() => undefined) : Promise.resolve());
      if (this.cutOff.has(who)) throw new Error("nobody there");
      return work();
    };
    const store = (object: JsonObject): JsonObject => {
      this.object = { ...object, metadata: { resourceVersion: String((this.version += 1)) } };
      return this.object;
    };
    const versionOf = (object: JsonObject | undefined): unknown =>
      (object?.["metadata"] as JsonObject | undefined)?.["resourceVersion"];
    return {
      logger: new RecordingLogger(),
      clock: {
        now: () => new Date(Date.UTC(2026, 0, 1) + this.nowMs),
        monotonicMs: () => this.nowMs,
        sleep: (ms, signal) =>
          new Promise((resolve, reject) => {
            const sleeper = { atMs: this.nowMs + ms, wake: resolve };
            this.#sleepers.push(sleeper);
            signal?.addEventListener("abort", () => {
              this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
              reject(signal.reason as Error);
            });
            if (signal?.aborted === true) reject(signal.reason as Error);
          }),
      },
      kube: {
        getObject: () => unlessCutOff(() => this.object),
        createObject: (_resource, _place, object) => unlessCutOff(() => (this.object === undefined ? store(object) : undefined)),
        replaceObject: (_resource, _place, object) =>
          unlessCutOff(() => (versionOf(object) === versionOf(this.object) ? store(object) : undefined)),
      },
    };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      const [next] = this.#sleepers.toSorted((left, right) => left.atMs - right.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.wake();
    }
    this.nowMs = untilMs;
  }
}

interface Candidate {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  isLeading: boolean;
  reasons: unknown[];
}

function candidate(world: World, who: string): Candidate {
  const stop = new AbortController();
  const state: Candidate = { stop, isLeading: false, reasons: [], ended: Promise.resolve() };
  const ended = workWhileLeading(world.deps(who), { place: PLACE, identity: who, times: TIMES }, stop.signal, async (signal) => {
    state.isLeading = true;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    state.reasons.push(signal.reason);
    state.isLeading = false;
  });
  return Object.assign(state, { ended });
}

describe("workWhileLeading()", () => {
  test("one of two leads, for as long as it renews", async ({ expect }) => {
    const world = new World();
    const [a, b] = [candidate(world, "a"), candidate(world, "b")];
    for (let minute = 0; minute < 5; minute++) {
      await world.advance(60_000);
      expect([a.isLeading, b.isLeading]).toEqual([true, false]);
    }
    expect(world.object?.["spec"]).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 });
    a.stop.abort("SIGTERM");
    b.stop.abort("SIGTERM");
    await world.advance(1);
    await Promise.all([a.ended, b.ended]);
  });

  test("the lease is given back at the end: the other one leads within seconds", async ({ expect }) => {
    const world = new World();
    const [a, b] = [candidate(world, "a"), candidate(world, "b")];
    await world.advance(5000);
    a.stop.abort("SIGTERM");
    await world.advance(2500);
    expect(a.reasons).toEqual(["SIGTERM"]);
    expect(b.isLeading).toBe(true);
    expect(world.object?.["spec"]).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
    b.stop.abort("SIGTERM");
    await world.advance(1);
  });

  test("one that cannot renew stops before another one begins", async ({ expect }) => {
    const world = new World();
    const [a, b] = [candidate(world, "a"), candidate(world, "b")];
    await world.advance(5000);
    world.cutOff.add("a");
    for (let second = 0; second < 30; second++) {
      await world.advance(1000);
      expect([a.isLeading, b.isLeading]).not.toEqual([true, true]);
    }
    expect(a.reasons).toEqual([expect.any(LeaseLost)]);
    expect(b.isLeading).toBe(true);
    world.cutOff.clear();
    await world.advance(60_000);
    expect([a.isLeading, b.isLeading]).toEqual([false, true]);
    for (const each of [a, b]) each.stop.abort("SIGTERM");
    await world.advance(1);
  });

  test("a call that is never answered stands in nobody's way: not of taking it later, not of stopping", async ({ expect }) => {
    const world = new World();
    world.unanswered.add("a");
    const a = candidate(world, "a");
    await world.advance(5000);
    world.unanswered.clear();
    await world.advance(10_000);
    expect(a.isLeading).toBe(true);
    world.unanswered.add("a");
    a.stop.abort("SIGTERM");
    await world.advance(30_000);
    let hasEnded = false;
    void a.ended.then(() => (hasEnded = true));
    await world.advance(1);
    expect(hasEnded).toBe(true);
  });

  test("a container that starts again in its pod takes its own lease at once", async ({ expect }) => {
    const world = new World();
    candidate(world, "a");
    await world.advance(100);
    const again = candidate(world, "a");
    await world.advance(100);
    expect(again.isLeading).toBe(true);
    again.stop.abort("SIGTERM");
    await world.advance(1);
  });

  test("told to stop before it began, it does nothing", async ({ expect }) => {
    const world = new World();
    const stop = AbortSignal.abort("SIGTERM");
    await workWhileLeading(world.deps("a"), { place: PLACE, identity: "a" }, stop, () =>
      Promise.reject(new Error("not asked for")),
    );
    expect(world.object).toBeUndefined();
  });
});
