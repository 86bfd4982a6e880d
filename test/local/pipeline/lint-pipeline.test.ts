import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { describe, expect, test } from "vitest";
import { lintPipeline } from "../../../src/local/pipeline/lint-pipeline.ts";
import { root } from "../../support/probe.ts";

const read = (file: string): string => readFileSync(join(root, "test/fixtures", file), "utf8");
const lint = async (text: string, local = false) => await lintPipeline(text, "p.yaml", { local });

/** The line that a place names. */
function lineAt(text: string, place: { readonly line: number; readonly column: number } | undefined): string | undefined {
  return place === undefined ? undefined : text.split("\n")[place.line - 1]?.slice(place.column - 1);
}

describe("lintPipeline()", () => {
  test.for([
    { file: "refused/broken-condition.yaml", rules: ["condition-invalid"], at: ["condition-4:"] },
    { file: "refused/static-missing_in.yaml", rules: ["input-missing"], at: ["t:"] },
    { file: "refused/static-outkey.yaml", rules: ["input-source"], at: ["t:"] },
    { file: "refused/nesting-24-levels.yaml", rules: ["plan-too-large"], at: ["root"] },
    {
      file: "refused/undeclared-component-input.yaml",
      rules: ["input-source", "input-source"],
      at: ["pipelinechannel--loop-item-param-2-subvar-nm:", "pipelinechannel--loop-item-param-2-subvar-v:"],
    },
  ])("finds $rules in $file, at the line", async ({ file, rules, at }) => {
    const text = read(file);
    const problems = await lint(text);
    expect(problems.map(({ rule }) => rule)).toEqual(rules);
    expect(problems.every(({ severity }) => severity === "error")).toBe(true);
    for (const [index, { place }] of problems.entries()) {
      expect(
        lineAt(text, place)
          ?.replace(/^["']/, "")
          .startsWith(at[index] as string),
        lineAt(text, place),
      ).toBe(true);
    }
  });

  test.for([
    { name: "nothing", text: "", message: "it is empty" },
    { name: "no YAML", text: "a: 1\nb: [1\n", message: /./, line: 3 },
    { name: "a repeated key", text: "a: 1\na: 2\n", message: "Map keys must be unique", line: 2 },
    {
      name: "something else",
      text: "kind: Pod\n",
      message: /^it has no pipelineInfo, .* \(it is a Kubernetes object of kind Pod\)/,
    },
    {
      name: "another version",
      text: "pipelineInfo: {name: a}\nroot: {dag: {}}\ndeploymentSpec: {}\nschemaVersion: 3.0.0\n",
      message: 'its schemaVersion is "3.0.0", only 2.1.0 is known',
    },
  ])("says of $name that it is not a pipeline", async ({ text, message, line }) => {
    const [problem, ...more] = await lint(text);
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ rule: "file-invalid", severity: "error" });
    if (typeof message === "string") expect(problem?.message).toBe(message);
    else expect(problem?.message).toMatch(message);
    expect(problem?.place?.line).toBe(line);
  });

  test("what a local run refuses is a note, and an error for local runs", async () => {
    const text = read("refused/oci-importer-late.yaml");
    const [note, ...others] = await lint(text);
    expect(note).toMatchObject({ rule: "local-unsupported", severity: "note", task: "root.importer" });
    expect(lineAt(text, note?.place)).toBe("importer:");
    expect(others).toEqual([]);
    expect(await lint(text, true)).toMatchObject([{ rule: "local-unsupported", severity: "error" }]);
  });

  test("an artifact that the pipeline wants is a warning, and an error for local runs", async () => {
    const text = read("refused/required-artifact-input.yaml");
    expect(await lint(text)).toMatchObject([{ rule: "pipeline-input-artifact", severity: "warning", input: "input_data" }]);
    expect(await lint(text, true)).toMatchObject([{ severity: "error" }]);
  });

  test("finds the same places in a wrapper, in JSON, and past a scalar that PyYAML alone reads", async () => {
    const text = read("refused/static-missing_in.yaml");
    const { parse } = await import("yaml");
    const spec = parse(text) as object;
    const wrapped = stringify({ pipeline_spec: spec, platform_spec: { platforms: {} } });
    const [inWrapper] = await lint(wrapped);
    expect(lineAt(wrapped, inWrapper?.place)).toMatch(/^t:/);
    const json = JSON.stringify(spec, undefined, 2);
    const [inJson] = await lint(json);
    expect(lineAt(json, inJson?.place)).toMatch(/^"t":/);
    const odd = text.replace(/^pipelineInfo:\n/m, 'pipelineInfo:\n  description: "first\n  second"\n');
    const [inOdd] = await lint(odd);
    expect(lineAt(odd, inOdd?.place)).toMatch(/^t:/);
  });
});
