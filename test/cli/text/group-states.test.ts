import { describe, test } from "vitest";
import { GroupStates } from "../../../src/cli/text/group-states.ts";
import type { EngineEvent, TaskKind } from "../../../src/local/engine/engine-event.ts";

type Ended = Extract<EngineEvent, { kind: "ended" }>;
/** `loop.step[1]`, its kind, and how it ended. */
type End = [label: string, taskKind: TaskKind, outcome: Ended["outcome"] | "cached"];

function placeOf(label: string): Ended["place"] {
  const [path = "", indices = ""] = label.split(/[[\]]/);
  return { scopePath: `root.${path}`, iterations: indices === "" ? [] : indices.split(",").map(Number) };
}

function statesOf(ends: readonly End[]): string[] {
  const groups = new GroupStates();
  for (const [label, taskKind] of ends) groups.begin({ place: placeOf(label), taskKind });
  return ends.map(([label, taskKind, outcome]) => {
    const ending = outcome === "cached" ? ({ outcome: "succeeded", cached: true } as const) : { outcome, cached: false };
    return groups.end({ kind: "ended", place: placeOf(label), taskKind, durationMs: 0, ...ending });
  });
}

describe("GroupStates", () => {
  test.for<{ name: string; ends: End[]; state: string }>([
    { name: "a loop of cache hits", ends: [["l.a[0]", "step", "cached"], ["l.a[1]", "step", "cached"], ["l", "loop", "succeeded"]], state: "CACHED" }, // prettier-ignore
    { name: "a loop with one step that ran", ends: [["l.a[0]", "step", "cached"], ["l.a[1]", "step", "succeeded"], ["l", "loop", "succeeded"]], state: "SUCCEEDED" }, // prettier-ignore
    { name: "a loop in a loop of cache hits", ends: [["o.i.a[0,0]", "step", "cached"], ["o.i[0]", "loop", "succeeded"], ["o", "loop", "succeeded"]], state: "CACHED" }, // prettier-ignore
    { name: "a DAG in a loop of cache hits", ends: [["l.d.a[0]", "step", "cached"], ["l.d[0]", "dag", "succeeded"], ["l", "loop", "succeeded"]], state: "CACHED" }, // prettier-ignore
    {
      name: "a DAG of what was skipped",
      ends: [
        ["d.a", "dag", "skipped"],
        ["d", "dag", "succeeded"],
      ],
      state: "SKIPPED",
    },
    { name: "a DAG of both", ends: [["d.a", "dag", "skipped"], ["d.b", "step", "cached"], ["d", "dag", "succeeded"]], state: "SUCCEEDED" }, // prettier-ignore
    { name: "a loop over nothing", ends: [["l", "loop", "succeeded"]], state: "SUCCEEDED" },
    {
      name: "a DAG that failed",
      ends: [
        ["d.a", "step", "cached"],
        ["d", "dag", "failed"],
      ],
      state: "FAILED",
    },
    { name: "a DAG that was skipped", ends: [["d", "dag", "skipped"]], state: "SKIPPED" },
    { name: "a DAG next to one of cache hits", ends: [["d.a", "step", "cached"], ["d", "dag", "succeeded"], ["e.a", "step", "succeeded"], ["e", "dag", "succeeded"]], state: "SUCCEEDED" }, // prettier-ignore
  ])("$name: $state", ({ ends, state }, { expect }) => {
    expect(statesOf(ends).at(-1)).toBe(state);
  });
});
