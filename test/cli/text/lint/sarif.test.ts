import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { sarifLog } from "../../../../src/cli/text/lint/sarif.ts";
import { LINT_RULES, type LintProblem } from "../../../../src/local/pipeline/lint-pipeline.ts";
import { root } from "../../../support/probe.ts";

/** Draft 4, of which the schema uses nothing that draft 7 reads otherwise but the name of the id. */
function sarifValidator(): (log: unknown) => string[] {
  const {
    $schema: _draft,
    id: _id,
    ...schema
  } = JSON.parse(readFileSync(join(root, "test/fixtures/schemas/sarif-2.1.0.json"), "utf8")) as Record<string, unknown>;
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  (addFormats as unknown as (target: Ajv) => void)(ajv);
  const validate = ajv.compile(schema);
  return (log) => (validate(log) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`));
}

const problem: LintProblem = {
  ...{ rule: "input-missing", severity: "error", message: 'a "b" <c>', task: "root.a", place: { line: 3, column: 5 } },
};

describe("sarifLog()", () => {
  const validate = sarifValidator();

  test("the schema says no to what is wrong", () => {
    expect(validate({ version: "2.1.0", runs: [{ tool: {} }] })).not.toEqual([]);
  });

  test.for<{ name: string; path: string; problems: LintProblem[]; uri: object }>([
    { name: "no problems", path: "p.yaml", problems: [], uri: {} },
    {
      name: "a problem with a place",
      path: "a b/p%.yaml",
      problems: [problem],
      uri: { uri: "a%20b/p%25.yaml", uriBaseId: "WORKING_FOLDER" },
    },
    {
      name: "a problem of the file",
      path: "/x/ü.yaml",
      problems: [{ rule: "file-invalid", severity: "warning", message: "it is empty" }],
      uri: { uri: "file:///x/%C3%BC.yaml" },
    },
  ])("fits the schema with $name", ({ path, problems, uri }) => {
    const log = JSON.parse(JSON.stringify(sarifLog([{ path, problems }], { workingFolder: "/w" }))) as {
      runs: {
        tool: { driver: { rules: { id: string }[] } };
        results: { ruleId: string; ruleIndex: number; level: string; locations: unknown[] }[];
      }[];
    };
    expect(validate(log)).toEqual([]);
    const [run] = log.runs;
    expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(LINT_RULES));
    expect(run?.results).toHaveLength(problems.length);
    for (const [index, { ruleId, ruleIndex, level, locations }] of (run?.results ?? []).entries()) {
      expect([ruleId, level]).toEqual([problems[index]?.rule, problems[index]?.severity]);
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
      expect(locations).toMatchObject([{ physicalLocation: { artifactLocation: uri } }]);
    }
  });
});
