import { spawnSync } from "node:child_process";
import type { JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { loadPipelineFile, readDocuments } from "../../../src/local/pipeline/pipeline-file.ts";
import { readYaml } from "../../../src/core/values/yaml-text.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";
import { pipelineOf } from "../../support/specs.ts";
import { skipUnless } from "../../support/skip.ts";

const fileOf = (text: string | undefined) => ({ readText: () => Promise.resolve(text) });
const load = (text: string | undefined) => loadPipelineFile(fileOf(text), "p.yaml");
const spec = pipelineOf({ root: { tasks: { a: "comp-a" } } });
const withExecutor = {
  ...spec,
  deploymentSpec: { executors: { "exec-comp-a": { container: { image: "x", command: ["true"] } } } },
};

/** Nine of nine of nine. */
function aliasBomb(levels: number): string {
  const level = (index: number): string => {
    const of = index === 0 ? '"x"' : `*a${index - 1}`;
    return `a${index}: &a${index} [${Array.from({ length: 9 }, () => of).join(", ")}]`;
  };
  return Array.from({ length: levels }, (_, index) => level(index)).join("\n");
}

describe("loadPipelineFile()", () => {
  test("does not read a file that is too large", async () => {
    let read = false;
    const files = {
      stat: () => Promise.resolve({ kind: "file" as const, sizeBytes: 16 * 1024 * 1024 + 1 }),
      readText: () => {
        read = true;
        return Promise.resolve("{}");
      },
    };
    await expect(loadPipelineFile(files, "p.yaml")).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      message: "Cannot read p.yaml: it has 16,777,217 bytes, the limit is 16,777,216",
    });
    expect(read).toBe(false);
  });

  test("takes a spec as YAML or JSON", async () => {
    const text = JSON.stringify(withExecutor);
    expect(await load(text)).toMatchObject({ path: "p.yaml", name: "test-pipeline", source: withExecutor });
    expect(await load(`# a comment\n${text}\n---\n`)).toMatchObject({ source: withExecutor });
  });

  test("takes a platform spec as a second document, or both in one", async () => {
    const platform = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
    const source = { pipeline_spec: withExecutor, platform_spec: platform };
    for (const text of [`${JSON.stringify(withExecutor)}\n---\n${JSON.stringify(platform)}`, JSON.stringify(source)]) {
      const loaded = await load(text);
      expect(loaded.source).toEqual(source);
      expect(loaded.parsed.platformSpec?.platforms).toHaveProperty("kubernetes");
    }
  });

  test.for<{ name: string; text: string | undefined; code?: string; message: string }>([
    { name: "no file", text: undefined, message: "Cannot read p.yaml: there is no such file" },
    { name: "no YAML", text: "a: [1", message: "Cannot read p.yaml as YAML: line 1, column 6:" },
    {
      name: "an integer that would be rounded",
      text: "a: 1\nb: [2, -9007199254740993]",
      message: "Cannot read p.yaml as YAML: line 2, column 8: this is an integer beyond 9007199254740991",
    },
    { name: "a list", text: "- 1", message: "p.yaml is not a compiled pipeline: it holds no map" },
    { name: "three documents", text: "a: 1\n---\nb: 1\n---\nc: 1", message: "it has more than two documents" },
    { name: "another second document", text: `${JSON.stringify(spec)}\n---\na: 1`, message: "it has no platforms" },
    {
      name: "a missing executor",
      text: JSON.stringify(spec),
      code: "COMPONENT_NOT_FOUND",
      message: 'refers to executor "exec-comp-a"',
    },
    {
      name: "a wrong type",
      text: JSON.stringify({ ...withExecutor, components: 3 }),
      code: "SPEC_INVALID",
      message: "Cannot run p.yaml: ",
    },
    {
      name: "a component in itself",
      text: JSON.stringify(pipelineOf({ root: { tasks: { a: "comp-x" } }, "comp-x": { tasks: { b: "comp-x" } } })),
      code: "SPEC_INVALID",
      message: 'component "comp-x" contains itself: comp-x -> comp-x',
    },
    {
      name: "no name",
      text: JSON.stringify({ ...withExecutor, pipelineInfo: {} }),
      code: "SPEC_INVALID",
      message: "it has no pipelineInfo.name",
    },
    {
      name: "aliases of aliases",
      text: aliasBomb(12),
      message: "Cannot read p.yaml as YAML: line 1, column 1: Excessive alias count indicates a resource exhaustion attack",
    },
    {
      name: "aliases of one long text",
      text: `a: &long ${"x".repeat(100_000)}\nb: [${Array.from({ length: 900 }, () => "*long").join(", ")}]`,
      message: "Cannot read p.yaml: with its aliases written out it has more than 33,554,432 characters",
    },
    {
      name: "deep JSON",
      text: `{"a": ${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      message: "Cannot read p.yaml: its lists and maps are nested more than 200 levels deep",
    },
    { name: "deep YAML", text: `a: ${"[".repeat(300)}${"]".repeat(300)}`, message: "nested more than 200 levels deep" },
    { name: "YAML too deep for its reader", text: `a: ${"[".repeat(20_000)}${"]".repeat(20_000)}`, message: "nested too deeply" },
  ])("refuses: $name, in one line", async ({ text, code = "FILE_UNREADABLE", message }) => {
    const error = await load(text).catch((reason: unknown) => reason as Error & { code: string });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect((error as Error).message).not.toContain("\n");
  });
});

describe("readYaml()", () => {
  test.for<[string, JsonValue]>([
    ["1e3", "1e3"],
    ["1.0e+3", 1000],
    ["1.5e10", "1.5e10"],
    ["010", 8],
    ["08", "08"],
    ["0o7", "0o7"],
    ["0x1f", 31],
    ["-0b11", -3],
    ["1_000", 1000],
    ["1:30", 90],
    ["-1:30", -90],
    ["yes", true],
    ["Off", false],
    ["y", "y"],
    ["~", null],
    ["", null],
    [".5", 0.5],
    ["-1.5", -1.5],
    ["2020-01-01", "2020-01-01"],
    ['"12"', "12"],
    ["'yes'", "yes"],
  ])("reads %s as PyYAML does", ([text, value], { expect }) => {
    expect(readYaml(`a: ${text}`)).toEqual({ documents: [{ a: value }] });
  });

  test("reads a quoted scalar that goes on at the indentation of its dash", ({ expect }) => {
    const text = "a:\n  - 'one\n  two'\n  - \"three\\\n  \\ four\n\n  five\"\nb: 'six\nseven'\n";
    expect(readYaml(text)).toEqual({ documents: [{ a: ["one two", "three four\nfive"], b: "six seven" }] });
  });

  test("reports what PyYAML would not read either", ({ expect }) => {
    expect(readYaml("a:\n  - 'one\n  two'\nb: [")).toMatchObject({ line: 4 });
    expect(readYaml("a: 'one\nb: 'two'")).toMatchObject({ line: 2 });
    expect(readYaml("a: 1\na: 2")).toEqual({ problem: "Map keys must be unique", line: 2, column: 1 });
    expect(readYaml("a:\n- b: {c: 1, d: 2, 'c': 3}")).toEqual({ problem: "Map keys must be unique", line: 2, column: 19 });
    expect(readYaml("x: {a: 1}\ny: {a: 1}\n1: a\n'1': b")).toHaveProperty("documents");
    expect(readYaml("x: &x {a: 1}\ny: &y {b: 2}\nz: {<<: *x, <<: *y}")).toHaveProperty("documents");
  });

  const python = spawnSync("python3", ["-c", "import yaml"], { encoding: "utf8" }).status === 0;
  test.skipIf(skipUnless(python, "python3 has no module yaml to compare with"))(
    "agrees with PyYAML over all conformance pipelines",
    async ({ expect }) => {
      const files = conformancePipelines();
      const program =
        "import json, sys, yaml; print(json.dumps([[d for d in yaml.safe_load_all(t) if d is not None] for t in json.load(sys.stdin)]))";
      const { stdout } = spawnSync("python3", ["-c", program], {
        input: JSON.stringify(files.map(({ text }) => text)),
        encoding: "utf8",
        maxBuffer: 1 << 28,
      });
      const expected = JSON.parse(stdout) as JsonValue[][];
      for (const [index, { name, text }] of files.entries()) {
        expect(await readDocuments(text, name), name).toEqual(expected[index]);
      }
    },
  );

  test("every conformance pipeline loads", async () => {
    for (const { name, text } of conformancePipelines()) {
      await expect(loadPipelineFile(fileOf(text), name), name).resolves.toHaveProperty("name");
    }
  });
});
