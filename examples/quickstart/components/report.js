// Writes the report on an accepted model: how the candidates compare and where the chosen one errs.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    k: { type: "string" },
    accuracy: { type: "string" },
    "min-accuracy": { type: "string" },
    ranking: { type: "string" },
    predictions: { type: "string" },
    report: { type: "string" },
  },
});

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const ranking = JSON.parse(readFileSync(args.ranking, "utf8"));
const bars = [...ranking]
  .sort((a, b) => a.k - b.k)
  .map(
    ({ k, accuracy }) => `
      <tr${String(k) === args.k ? ' class="chosen"' : ""}>
        <th>k = ${k}</th>
        <td><div class="bar" style="width: ${(240 * accuracy).toFixed(0)}px"></div></td>
        <td>${percent(accuracy)}</td>
      </tr>`,
  );

const predictions = JSON.parse(readFileSync(args.predictions, "utf8"));
const names = [...new Set(predictions.map(({ species }) => species))];
const confusion = names.map((actual) => {
  const counts = names.map(
    (guess) => predictions.filter(({ species, predicted }) => species === actual && predicted === guess).length,
  );
  return `<tr><th>${actual}</th>${counts.map((count) => `<td>${count}</td>`).join("")}</tr>`;
});

writeFileSync(
  args.report,
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Iris classifier: accepted</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; color: #222; }
      h1 { font-weight: 600; }
      table { border-collapse: collapse; margin: 1em 0; }
      th, td { padding: 0.25em 0.75em; text-align: left; }
      th { font-weight: 500; }
      .bar { height: 0.8em; background: #c9bfe3; border-radius: 0.2em; }
      .chosen .bar { background: #6a4fb3; }
      .chosen th { font-weight: 700; }
    </style>
  </head>
  <body>
    <h1>${percent(Number(args.accuracy))} of the irises recognised</h1>
    <p>
      A classifier that asks the <strong>${args.k}</strong> nearest known flowers was right on
      ${percent(Number(args.accuracy))} of ${predictions.length} flowers it had never seen.
      At least ${percent(Number(args["min-accuracy"]))} were asked for: <strong>accepted</strong>.
    </p>
    <h2>Candidates, on the validation flowers</h2>
    <table>${bars.join("")}
    </table>
    <h2>Chosen model, on the test flowers</h2>
    <table>
      <tr><th>is \\ taken for</th>${names.map((name) => `<th>${name}</th>`).join("")}</tr>
      ${confusion.join("\n      ")}
    </table>
  </body>
</html>
`,
);
console.log(`accepted: accuracy ${args.accuracy} reaches ${args["min-accuracy"]}`);
