import { describe, test } from "vitest";
import type { KubeObjects, ObjectName } from "../../../src/ports/kube-objects.ts";
import { WorkflowCache } from "../../../src/resident/agent/workflow-cache.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

const FRESH_MS = 2000;

function world() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const getObject: KubeObjects["getObject"] = (_resource, { name, namespace }: ObjectName) => {
    asked.push(name);
    return name === "away" ? Promise.reject(new Error("away")) : Promise.resolve({ metadata: { name, namespace } });
  };
  return { clock, asked, cache: new WorkflowCache({ kube: { getObject }, clock }, FRESH_MS) };
}

const place = (name: string): ObjectName => ({ namespace: "a", name });

describe("WorkflowCache", () => {
  test("reads once for all who ask within a moment", async ({ expect }) => {
    const { cache, clock, asked } = world();
    await Promise.all([cache.read(place("x")), cache.read(place("x"))]);
    clock.advance(FRESH_MS - 1);
    expect(await cache.read(place("x"))).toMatchObject({ name: "x" });
    expect(asked).toEqual(["x"]);
    clock.advance(1);
    await cache.read(place("x"));
    expect(asked).toEqual(["x", "x"]);
  });

  test("does not keep a read that failed", async ({ expect }) => {
    const { cache, asked } = world();
    await expect(cache.read(place("away"))).rejects.toThrow("away");
    await expect(cache.read(place("away"))).rejects.toThrow("away");
    expect(asked).toEqual(["away", "away"]);
  });

  test("keeps nothing of workflows that nobody asks about any more, forgotten or not", async ({ expect }) => {
    const { cache, clock } = world();
    for (const name of ["x", "y", "z"]) await cache.read(place(name));
    cache.forget(place("x"));
    // Its last drive ends after it.
    await cache.read(place("x"));
    expect(cache.size).toBe(3);
    clock.advance(FRESH_MS);
    await cache.read(place("other"));
    expect(cache.size).toBe(1);
  });
});
