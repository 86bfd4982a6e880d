/**
 * The problems of pipeline files in the Static Analysis Results Interchange Format, which code hosts and editors show.
 *
 * Standard: OASIS SARIF 2.1.0, 3.14 (run), 3.19 (toolComponent), 3.27 (result), 3.28 (location), 3.30 (region).
 *
 * @module
 */
import { isAbsolute, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { JsonObject } from "@bufbuild/protobuf";
import { LINT_RULES, type LintProblem, type LintRule } from "../../../local/pipeline/lint-pipeline.ts";
import { buildInfo } from "../../../program/build-info.ts";
import type { LintedFile } from "../../commands/pipeline/perform-lint.ts";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";
/** What relative places are relative to. */
const BASE = "WORKING_FOLDER";

/** @returns A log with one run. */
export function sarifLog(files: readonly LintedFile[], { workingFolder }: { readonly workingFolder: string }): JsonObject {
  const rules = Object.keys(LINT_RULES) as LintRule[];
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "kfp-runtime",
            version: buildInfo.version,
            rules: rules.map((id) => ({ id, shortDescription: { text: LINT_RULES[id] } })),
          },
        },
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { [BASE]: { uri: pathToFileURL(`${workingFolder}${sep}`).href } },
        results: files.flatMap(({ path, problems }) => problems.map((problem) => sarifResult(path, problem, rules))),
      },
    ],
  };
}

function sarifResult(
  path: string,
  { rule, severity, message, task, place }: LintProblem,
  rules: readonly LintRule[],
): JsonObject {
  return {
    ...{ ruleId: rule, ruleIndex: rules.indexOf(rule), level: severity, message: { text: message } },
    locations: [
      {
        physicalLocation: {
          artifactLocation: artifactLocation(path),
          ...(place === undefined ? {} : { region: { startLine: place.line, startColumn: place.column } }),
        },
        ...(task === undefined ? {} : { logicalLocations: [{ fullyQualifiedName: task, kind: "member" }] }),
      },
    ],
  };
}

function artifactLocation(path: string): JsonObject {
  if (isAbsolute(path)) return { uri: pathToFileURL(path).href };
  return { uri: path.split(sep).map(encodeURIComponent).join("/"), uriBaseId: BASE };
}
