/** As status-interleavings.test.ts, with three and four leaves and every pair of kinds. */
import { describe, test } from "vitest";
import { explore } from "../support/interleavings.ts";
import { statusWorld, type Leaf, type ModelOptions, type Tree } from "../support/state-model.ts";
import { shapesOf, withLeaves } from "../support/tree-shapes.ts";

type Root = Exclude<Tree, Leaf>;

const MAX_STATES = 2_000_000;
const READERS = [
  { name: "read whole", isLargeRun: false },
  { name: "read by counting", isLargeRun: true },
];
const SHORT_LIVES: readonly Leaf[] = ["succeeds", "fails", "cached", "skipped", "created"];
const LONG_LIVES: readonly Leaf[] = ["retried", "fails late"];

/** With a name each. */
const named = (...trees: readonly Root[]) => trees.map((tree) => [JSON.stringify(tree), tree] as const);

const badEnd = async (tree: Root, options: ModelOptions): Promise<string> => {
  const { failure } = await explore(statusWorld(tree)(options), { maxStates: MAX_STATES });
  return failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n");
};

describe.for(READERS)("every order of calls ends in the states that follow from the leaves, run $name", ({ isLargeRun }) => {
  test.for([...SHORT_LIVES, ...LONG_LIVES].flatMap((first) => SHORT_LIVES.map((second) => [first, second] as const)))(
    "one leaf %s, another %s, in trees of every shape",
    { timeout: 600_000 },
    async (leaves, { expect }) => {
      for (const shape of shapesOf(2, 3)) {
        const tree = withLeaves(shape, leaves);
        expect(await badEnd(tree, { isLargeRun }), JSON.stringify(tree)).toBe("");
      }
    },
  );

  test.for(shapesOf(3, 3).map((shape) => [JSON.stringify(withLeaves(shape, [])), shape] as const))(
    "three leaves in %s",
    { timeout: 1_200_000 },
    async ([, shape], { expect }) => {
      for (const leaves of [
        ["succeeds", "succeeds", "cached"],
        ["created", "fails", "skipped"],
      ] as const) {
        const tree = withLeaves(shape, leaves);
        expect(await badEnd(tree, { isLargeRun }), JSON.stringify(tree)).toBe("");
      }
    },
  );

  test.for(
    named(
      [["succeeds"], ["succeeds"], ["cached"], ["skipped"]],
      [
        ["succeeds", "cached"],
        ["succeeds", "created"],
      ],
      [
        [["succeeds"], ["succeeds"]],
        [["cached"], ["created"]],
      ],
      [
        [["succeeds"], "fails"],
        [["skipped"], "succeeds"],
      ],
      [[["succeeds", "succeeds"]], ["cached"], "fails"],
      [{ loop: ["created", "succeeds"] }, { loop: ["created", "cached"] }],
    ),
  )("%s", { timeout: 1_800_000 }, async ([, tree], { expect }) => {
    expect(await badEnd(tree, { isLargeRun, hasAtomicWrites: true })).toBe("");
  });

  test.for(named([["retried early"], ["succeeds"]], ["retried early", "cached"], [["fails late"], ["retried"]]))(
    "%s",
    { timeout: 1_800_000 },
    async ([, tree], { expect }) => {
      expect(await badEnd(tree, { isLargeRun })).toBe("");
    },
  );
});

test.for(named([["succeeds"], ["succeeds"]], [["succeeds"], ["fails"]], [{ loop: ["created", "succeeds"] }]))(
  "counts of one level that are of different moments, in %s",
  { timeout: 1_800_000 },
  async ([, tree], { expect }) => {
    expect(await badEnd(tree, { isLargeRun: true, hasTornCounts: true })).toBe("");
  },
);
