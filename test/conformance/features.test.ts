/** Every feature has a pipeline, and README.md says which. `npm test -- test/conformance -u` writes its tables. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { root } from "../support/probe.ts";
import { FEATURES, featuresOf } from "./features.ts";
import { conformancePipelines } from "./pipelines.ts";

const folder = path.join(root, "test/conformance");
const pipelines = conformancePipelines().map(({ name, text }) => ({ name, text, features: featuresOf(text) }));

describe("features of the language and of the platform spec", () => {
  test("have names of their own", ({ expect }) => {
    const names = FEATURES.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test.for(FEATURES.map(({ name }) => name))("%s: some pipeline has it", (name, { expect }) => {
    expect(pipelines.filter(({ features }) => features.includes(name)).map((pipeline) => pipeline.name)).not.toEqual([]);
  });

  test("are not seen where there is nothing", ({ expect }) => {
    const empty = "pipelineInfo: {name: p}\nroot: {dag: {tasks: {}}}\n";
    expect(featuresOf(empty)).toEqual([]);
  });
});

describe("README.md", () => {
  test("names each pipeline with its features", async ({ expect }) => {
    const file = path.join(folder, "README.md");
    const rows = pipelines.map(({ name, features }) => `| [${name}](pipelines/${name}.yaml) | ${features.join("; ")} |`);
    const table = ["| pipeline | features |", "| --- | --- |", ...rows].join("\n");
    const text = readFileSync(file, "utf8").replace(
      /(<!-- pipelines -->\n)[\s\S]*(<!-- end -->)/,
      (_, start: string, end: string) => [start, table, "", end].join("\n"),
    );
    await expect(text).toMatchFileSnapshot(file);
  });

  test("states the SDK the pipelines were compiled with", ({ expect }) => {
    const requirements = readFileSync(path.join(folder, "pipelines/requirements.txt"), "utf8");
    const [, version = ""] = /^kfp==(.*)$/m.exec(requirements) ?? [];
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(readFileSync(path.join(folder, "README.md"), "utf8")).toContain(`KFP SDK ${version}`);
    for (const { name, text } of pipelines) expect(/^sdkVersion: (.*)$/m.exec(text)?.[1], name).toBe(`kfp-${version}`);
  });
});

describe("pipelines", () => {
  test("are at least 60, each of a function in one of the modules", ({ expect }) => {
    const modules = readdirSync(path.join(folder, "pipelines")).filter((file) => file.endsWith(".py"));
    const listed = modules.flatMap((file) => {
      const text = readFileSync(path.join(folder, "pipelines", file), "utf8");
      const [, list = ""] = /^PIPELINES = \[([^\]]*)\]/m.exec(text) ?? [];
      return [...list.matchAll(/\w+/g)].map(([name]) => name);
    });
    expect(pipelines.length).toBeGreaterThanOrEqual(60);
    expect(pipelines.map(({ name }) => name)).toEqual(listed.toSorted());
  });
});
