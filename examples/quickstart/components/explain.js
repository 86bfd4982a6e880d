// Writes the report on a rejected model: which flowers it got wrong and what could be tried next.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    k: { type: "string" },
    accuracy: { type: "string" },
    "min-accuracy": { type: "string" },
    predictions: { type: "string" },
    report: { type: "string" },
  },
});

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const predictions = JSON.parse(readFileSync(args.predictions, "utf8"));
const mistakes = predictions.filter(({ species, predicted }) => species !== predicted);
const rows = mistakes.map(
  ({ sizes, species, predicted }) => `<tr><td>${sizes.join(" / ")}</td><td>${species}</td><td>${predicted}</td></tr>`,
);

writeFileSync(
  args.report,
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Iris classifier: rejected</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; color: #222; }
      h1 { font-weight: 600; }
      table { border-collapse: collapse; margin: 1em 0; }
      th, td { padding: 0.25em 0.75em; text-align: left; }
      th { font-weight: 500; }
    </style>
  </head>
  <body>
    <h1>Not good enough yet</h1>
    <p>
      The best classifier found asks the <strong>${args.k}</strong> nearest known flowers. It was right on
      ${percent(Number(args.accuracy))} of ${predictions.length} flowers it had never seen, but
      ${percent(Number(args["min-accuracy"]))} were asked for: <strong>rejected</strong>.
    </p>
    <h2>What it got wrong</h2>
    <table>
      <tr><th>sepal length / width, petal length / width (cm)</th><th>is</th><th>taken for</th></tr>
      ${rows.join("\n      ")}
    </table>
    <h2>What to try</h2>
    <ul>
      <li>other candidates: <code>--param candidates='[3, 7, 11]'</code></li>
      <li>more flowers to learn from: <code>--param holdout=0.1</code></li>
      <li>a lower bar: <code>--param min_accuracy=0.9</code></li>
    </ul>
  </body>
</html>
`,
);
console.log(`rejected: accuracy ${args.accuracy} does not reach ${args["min-accuracy"]}`);
