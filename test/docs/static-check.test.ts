import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { EVALUATION_STEPS } from "../../src/core/cel/budget.ts";
import { EXPRESSION_LIMIT } from "../../src/core/cel/compile.ts";
import { PLAN_DEPTH_LIMIT, PLAN_TASK_LIMIT, PLAN_TEXT_LIMIT } from "../../src/core/spec-check/plan-rules.ts";
import { SPEC_RULES } from "../../src/core/spec-check/problem.ts";
import { FILE_SIZE_LIMIT } from "../../src/local/pipeline/pipeline-file.ts";

const text = readFileSync(join(import.meta.dirname, "../../docs/static-check.md"), "utf8");

describe("docs/static-check.md", () => {
  test("has the rules of the code, row by row", ({ expect }) => {
    const rows = [...text.matchAll(/^\| `([\w-]+)` +\| (.+?) +\|$/gm)].map(([, rule, meaning]) => [rule, meaning]);
    expect(rows).toEqual(Object.entries(SPEC_RULES));
  });

  test("states the limits of the code", ({ expect }) => {
    const mebi = (count: number): string => `${count / 1024 / 1024} Mi`;
    for (const limit of [
      `${mebi(FILE_SIZE_LIMIT)}B`,
      `${mebi(PLAN_TEXT_LIMIT)} characters`,
      PLAN_TASK_LIMIT.toLocaleString("en"),
      String(PLAN_DEPTH_LIMIT),
      `${EXPRESSION_LIMIT.toLocaleString("en")} characters`,
      `${EVALUATION_STEPS.toLocaleString("en")} steps`,
    ]) {
      expect(text).toContain(` ${limit}`);
    }
  });
});
