/** Roll-ups of several drivers and launchers at a time, in every order of their calls. More of each: status-interleavings.long.test.ts. */
import { describe, test } from "vitest";
import { explore, type Exploration } from "../support/interleavings.ts";
import { statusWorld, type Leaf, type ModelOptions, type Tree } from "../support/state-model.ts";
import { shapesOf, withLeaves } from "../support/tree-shapes.ts";

type Root = Exclude<Tree, Leaf>;

const READERS = [
  { name: "read whole", isLargeRun: false },
  { name: "read by counting", isLargeRun: true },
];

/** With a name each. */
const named = (...trees: readonly Root[]) => trees.map((tree) => [JSON.stringify(tree), tree] as const);

/** Empty when every order ends as it should; else the first bad end and how it came about. */
const badEnd = async (tree: Root, options: ModelOptions): Promise<string> => {
  const { failure }: Exploration = await explore(statusWorld(tree)(options));
  return failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n");
};

describe.for(READERS)("every order of calls ends in the states that follow from the leaves, run $name", ({ isLargeRun }) => {
  test.for<[Leaf, Leaf]>([
    ["succeeds", "succeeds"],
    ["succeeds", "fails"],
    ["created", "fails"],
    ["cached", "cached"],
    ["skipped", "succeeds"],
    ["cached", "skipped"],
  ])("one leaf %s, another %s, in trees of every shape", async (leaves, { expect }) => {
    for (const shape of shapesOf(2, 3)) {
      const tree = withLeaves(shape, leaves);
      expect(await badEnd(tree, { isLargeRun }), JSON.stringify(tree)).toBe("");
    }
  });

  test.for(
    named(
      [["retried"], ["succeeds"]],
      [["fails late"], ["cached"]],
      [[["retried"]], "skipped"],
      [["succeeds"], ["succeeds"], ["cached"]],
      [[["succeeds"], ["created"]], ["skipped"]],
      [{ loop: ["created", "created"] }, ["succeeds"]],
      [{ loop: ["succeeds", "fails"] }, ["created"]],
    ),
  )("%s", async ([, tree], { expect }) => {
    expect(await badEnd(tree, { isLargeRun })).toBe("");
  });

  test("where the rows of a bulk write become visible together", async ({ expect }) => {
    expect(await badEnd([[["succeeds"], ["succeeds"]], ["cached"]], { isLargeRun, hasAtomicWrites: true })).toBe("");
  });

  test("a second attempt that starts while the first still rolls up", async ({ expect }) => {
    expect(await badEnd([["retried early"]], { isLargeRun })).toBe("");
  });

  // The model finds the fault it was made for: these are what one read and one write did.
  test.for<{ tree: Root; error: string }>([
    { tree: [["succeeds"], ["succeeds"]], error: "r is RUNNING, not SUCCEEDED" },
    { tree: [["cached"], ["cached"]], error: "r is RUNNING, not CACHED" },
    { tree: [{ loop: ["succeeds"] }, { loop: ["created"] }], error: "r is RUNNING, not SUCCEEDED" },
    { tree: [["retried early"]], error: "r0 is FAILED, not SUCCEEDED" },
  ])("one read and one write alone may end with: $error", async ({ tree, error }, { expect }) => {
    expect(await badEnd(tree, { isLargeRun, stopsAfterWrite: true })).toContain(error);
  });
});

test.for<{ tree: Root; fewest: number; most: number }>([
  { tree: ["succeeds", "succeeds"], fewest: 1, most: 2 },
  { tree: [["succeeds"], ["succeeds"]], fewest: 2, most: 3 },
  { tree: [[["succeeds"]], [["succeeds"]]], fewest: 2, most: 3 },
  { tree: [["succeeds"], ["succeeds"], ["succeeds"]], fewest: 2, most: 3 },
])("a roll-up reads $fewest to $most times, in whatever order", async ({ tree, fewest, most }, { expect }) => {
  const counts = new Set<number>();
  expect(await badEnd(tree, { isLargeRun: false, onRollUp: (count) => counts.add(count) })).toBe("");
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([fewest, most]);
});

test("counts of one level that are of different moments end in the same states", async ({ expect }) => {
  expect(await badEnd(["succeeds", "cached"], { isLargeRun: true, hasTornCounts: true })).toBe("");
});
