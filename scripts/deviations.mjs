/**
 * Writes the tables of docs/deviations.md from test/conformance/deviations.json: `npm run deviations`. With --check: only says whether
 * the document is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { format, resolveConfig } from "prettier";
import { root } from "./lib/project.mjs";

const document = path.join(root, "docs/deviations.md");

/** @type {{ id: string, where: string, ours: string, why: string, rules: string[] }[]} */
const deviations = JSON.parse(readFileSync(path.join(root, "test/conformance/deviations.json"), "utf8"));
const before = readFileSync(document, "utf8");
const filled = before.replaceAll(
  /(<!-- deviations: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
  (_, start, part, end) => `${start}\n${table(part)}\n\n${end}`,
);
const after = await format(filled, { ...(await resolveConfig(document)), filepath: document });

if (after === before) {
  console.log("docs/deviations.md is up to date");
} else if (process.argv.includes("--check")) {
  console.error("docs/deviations.md is not what test/conformance/deviations.json says: run npm run deviations");
  process.exitCode = 1;
} else {
  writeFileSync(document, after);
  console.log("wrote docs/deviations.md");
}

/** @param {string} part the first word of the ids */
function table(part) {
  const rows = deviations
    .filter(({ id }) => id.startsWith(`${part}-`))
    .map(({ where, ours, why, rules }) => {
      const links = rules.map((rule) => `[${ruleName(rule)}](spec/${rule})`).join(", ");
      return `| ${where} | ${ours} | ${why}${links === "" ? "" : ` (${links})`} |`;
    });
  return ["| where | ours | why |", "| --- | --- | --- |", ...rows].join("\n");
}

/** @param {string} rule a section of docs/spec: its number where it has one, else what kind it is */
function ruleName(rule) {
  const [, anchor = ""] = rule.split("#");
  if (/^[a-z0-9]+-\d+$/.test(anchor)) return anchor.toUpperCase();
  return anchor.startsWith("decision-") ? "decision" : "rule";
}
