// Ranks the candidates by the accuracy each one reached; among equals the one listed first wins.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    candidates: { type: "string" },
    accuracies: { type: "string" },
    "best-k": { type: "string" },
    ranking: { type: "string" },
  },
});

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

// The loop collects its results in the order of its items, so both lists have the same order.
const accuracies = JSON.parse(args.accuracies);
const ranking = JSON.parse(args.candidates)
  .map((k, index) => ({ k, accuracy: accuracies[index] }))
  .sort((a, b) => b.accuracy - a.accuracy);
if (ranking.length === 0) throw new Error("There is no candidate to choose from: the list of candidates is empty");
const [best] = ranking;

write(args["best-k"], String(best.k));
write(args.ranking, JSON.stringify(ranking));
console.log(`best of ${ranking.length} candidates: k = ${best.k} with accuracy ${best.accuracy}`);
