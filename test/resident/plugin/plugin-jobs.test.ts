import { setImmediate as turn } from "node:timers/promises";
import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import type { ExecuteRequest } from "../../../src/resident/plugin/execute-request.ts";
import { PLUGIN_LIMITS, PluginJobs, type PluginLimits } from "../../../src/resident/plugin/plugin-jobs.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { executeRequest } from "./requests.ts";

const here = new AbortController().signal;

/** Jobs whose drives end when the test says so. */
function world(limits: Partial<PluginLimits> = {}) {
  const clock = new FakeClock();
  const begun: { readonly name: string; readonly signal: AbortSignal; readonly end: (node?: JsonObject) => void }[] = [];
  const jobs = new PluginJobs(
    {
      clock,
      execute: ({ template }: ExecuteRequest, signal) =>
        new Promise((resolve) => {
          const [{ value }] = (template["inputs"] as unknown as { parameters: [{ value: string }] }).parameters;
          begun.push({ name: value, signal, end: (node = { phase: "Succeeded", message: value }) => resolve(node) });
        }),
    },
    { ...PLUGIN_LIMITS, ...limits },
  );
  const ask = (name: string, gone = here) => jobs.answer(executeRequest(name), gone);
  const end = async (index: number, node?: JsonObject): Promise<void> => {
    begun[index]?.end(node);
    await turn();
  };
  return { clock, jobs, begun, ask, end };
}

const done = (message: string): JsonObject => ({ node: { phase: "Succeeded", message } });
const later = (seconds: number): JsonObject => ({ node: {}, requeue: `${seconds}s` });

describe("PluginJobs", () => {
  test("answers with the result of a drive that ends soon", async ({ expect }) => {
    const { ask, end, jobs } = world();
    const answer = ask("train");
    expect(jobs.unfinished).toBe(1);
    await end(0);
    expect(await answer).toEqual(done("train"));
    expect(jobs.unfinished).toBe(0);
  });

  test("asks to be asked again before the agent loses patience, later and later, without a phase", async ({ expect }) => {
    const { ask, clock, begun, end } = world();
    for (const seconds of [1, 2, 3, 4, 5, 5]) {
      const answer = ask("train");
      clock.advance(20_000);
      expect(await answer).toEqual(later(seconds));
    }
    expect(begun).toHaveLength(1);
    const answer = ask("train");
    await end(0);
    expect(await answer).toEqual(done("train"));
  });

  test("drives once for requests that come at the same time", async ({ expect }) => {
    const { ask, begun, end } = world();
    const answers = [ask("train"), ask("train")];
    await end(0);
    expect(await Promise.all(answers)).toEqual([done("train"), done("train")]);
    expect(begun).toHaveLength(1);
  });

  test("keeps a result that could not be handed over, and drives again once it was", async ({ expect }) => {
    const { ask, begun, end } = world();
    const gone = new AbortController();
    const lost = ask("train", gone.signal);
    gone.abort(new Error("the agent is gone"));
    expect(await lost).toEqual(later(1));
    await end(0);
    expect(await ask("train")).toEqual(done("train"));
    const again = ask("train");
    expect(begun).toHaveLength(2);
    await end(1);
    expect(await again).toEqual(done("train"));
  });

  test("forgets a result that nobody comes for", async ({ expect }) => {
    const { ask, begun, end, clock } = world();
    const gone = new AbortController();
    gone.abort(new Error("gone"));
    await ask("train", gone.signal);
    await end(0);
    clock.advance(600_001);
    const other = ask("other");
    await end(1);
    await other;
    const again = ask("train");
    expect(begun.map(({ name }) => name)).toEqual(["train", "other", "train"]);
    await end(2);
    expect(await again).toEqual(done("train"));
  });

  test("drives so many at a time, in the order in which they came", async ({ expect }) => {
    const { ask, begun, end } = world({ drives: 2 });
    const answers = ["a", "b", "c", "d"].map((name) => ask(name));
    expect(begun.map(({ name }) => name)).toEqual(["a", "b"]);
    await end(1);
    const fifth = ask("e");
    expect(begun.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    for (const index of [0, 2, 3, 4]) await end(index);
    expect(begun.map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
    expect(await Promise.all([...answers, fifth])).toEqual(["a", "b", "c", "d", "e"].map(done));
  });

  test("hands over what one object holds, and the rest in the next period", async ({ expect }) => {
    const { ask, end, clock } = world({ resultBytes: 1000 });
    const large = (phase = "Succeeded"): JsonObject => ({ phase, message: "x".repeat(600) });
    const first = ask("a");
    await end(0, large());
    expect(await first).toEqual({ node: large() });
    const second = ask("b");
    await end(1, large());
    expect(await second).toEqual(later(1));
    expect(await ask("b")).toEqual(later(2));
    clock.advance(10_000);
    expect(await ask("b")).toEqual({ node: large() });
    // One that no period has room for goes alone.
    const huge = ask("c");
    await end(2, { phase: "Failed", message: "x".repeat(5000) });
    expect(await huge).toEqual(later(1));
    clock.advance(10_000);
    expect(await ask("c")).toMatchObject({ node: { phase: "Failed" } });
  });

  test("lets what is under way end when it stops, and begins nothing new", async ({ expect }) => {
    const { ask, begun, end, jobs } = world();
    const under = ask("train");
    const stopping = jobs.stop(here);
    expect(await under).toEqual(later(1));
    expect(await ask("other")).toEqual(later(1));
    await end(0);
    await stopping;
    expect(begun.map(({ name }) => name)).toEqual(["train"]);
    expect(await ask("train")).toEqual(done("train"));
  });

  test("aborts what does not end in time when it stops", async ({ expect }) => {
    const { ask, begun, jobs } = world();
    void ask("train");
    const deadline = new AbortController();
    const stopping = jobs.stop(deadline.signal);
    expect(begun[0]?.signal.aborted).toBe(false);
    deadline.abort(new Error("late"));
    await stopping;
    expect(begun[0]?.signal.aborted).toBe(true);
  });
});
