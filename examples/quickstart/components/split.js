// Deals the flowers of each species at random, but always the same for one seed, to three tables:
// one to learn from, one to choose a model with, one to test the chosen model on.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    table: { type: "string" },
    holdout: { type: "string" },
    seed: { type: "string" },
    train: { type: "string" },
    validation: { type: "string" },
    test: { type: "string" },
  },
});

const holdout = Number(args.holdout);
if (!(holdout > 0 && holdout < 0.5)) {
  throw new Error(`holdout must lie between 0 and 0.5, got ${args.holdout}`);
}

/** Mulberry32: a small random number generator whose sequence depends on the seed alone. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher-Yates shuffle. */
function shuffle(items, random) {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

const [header, ...rows] = readFileSync(args.table, "utf8").trim().split("\n");
const speciesOf = (row) => row.slice(row.lastIndexOf(",") + 1);
const random = randomNumbers(Number(args.seed));

const parts = { train: [], validation: [], test: [] };
for (const species of new Set(rows.map(speciesOf))) {
  const dealt = shuffle(
    rows.filter((row) => speciesOf(row) === species),
    random,
  );
  const size = Math.round(dealt.length * holdout);
  parts.validation.push(...dealt.slice(0, size));
  parts.test.push(...dealt.slice(size, 2 * size));
  parts.train.push(...dealt.slice(2 * size));
}

for (const [name, part] of Object.entries(parts)) {
  writeFileSync(args[name], `${[header, ...part].join("\n")}\n`);
}
console.log(
  `seed ${args.seed}: ${parts.train.length} flowers to learn from, ` +
    `${parts.validation.length} to choose with, ${parts.test.length} to test on`,
);
