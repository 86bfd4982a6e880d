// Classifies flowers by their k nearest neighbours among known flowers and counts how often that is right.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    known: { type: "string" },
    unknown: { type: "string" },
    k: { type: "string" },
    model: { type: "string" },
    predictions: { type: "string" },
    accuracy: { type: "string" },
    "executor-input": { type: "string" },
  },
});

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function readFlowers(path) {
  const [, ...rows] = readFileSync(path, "utf8").trim().split("\n");
  return rows.map((row) => {
    const cells = row.split(",");
    return { species: cells.pop(), sizes: cells.map(Number) };
  });
}

/** The species that most of the k nearest known flowers have; among equals the one that is nearest. */
function classify(sizes, known, k) {
  const nearest = known
    .map((flower) => ({
      species: flower.species,
      distance: flower.sizes.reduce((sum, size, index) => sum + (size - sizes[index]) ** 2, 0),
    }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, k);
  const votes = new Map();
  for (const { species } of nearest) votes.set(species, (votes.get(species) ?? 0) + 1);
  return [...votes].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

const k = Number(args.k);
const known = readFlowers(args.known);
if (!Number.isInteger(k) || k < 1 || k > known.length) {
  throw new Error(`k must be a whole number from 1 to ${known.length}, got ${args.k}`);
}

const predictions = readFlowers(args.unknown).map(({ species, sizes }) => ({
  sizes,
  species,
  predicted: classify(sizes, known, k),
}));
const mistakes = predictions.filter(({ species, predicted }) => species !== predicted).length;
const accuracy = Math.round((1 - mistakes / predictions.length) * 10_000) / 10_000;

write(args.model, JSON.stringify({ kind: "k-nearest-neighbours", k, known }));
write(args.predictions, JSON.stringify(predictions));
write(args.accuracy, String(accuracy));

// The values of a metrics artifact are its metadata, which a step reports in its executor output file.
const { outputs } = JSON.parse(args["executor-input"]);
const metrics = outputs.artifacts.metrics.artifacts[0];
metrics.metadata = { accuracy, mistakes, flowers: predictions.length };
write(outputs.outputFile, JSON.stringify({ artifacts: { metrics: { artifacts: [metrics] } } }));

console.log(`k = ${k}: ${mistakes} of ${predictions.length} flowers misclassified, accuracy ${accuracy}`);
