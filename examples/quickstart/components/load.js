// Writes the iris table, which arrives as text on the command line, to a CSV file and counts its rows.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: { csv: { type: "string" }, table: { type: "string" }, rows: { type: "string" } },
});

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const [header, ...lines] = args.csv.trim().split("\n");
const columns = header.split(",");
for (const [index, line] of lines.entries()) {
  if (line.split(",").length !== columns.length) {
    throw new Error(`Row ${index + 1} has not ${columns.length} columns: ${line}`);
  }
}

write(args.table, `${[header, ...lines].join("\n")}\n`);
write(args.rows, String(lines.length));
console.log(`loaded ${lines.length} flowers, columns: ${columns.join(", ")}`);
