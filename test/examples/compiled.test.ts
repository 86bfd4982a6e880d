/**
 * The compiled pipelines of examples/ and test/fixtures/pipelines: what their parts are called, that they hold together, that
 * they belong to the sources beside them. In a long test the real SDK compiles them again.
 */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

interface Executor {
  readonly container?: { readonly image: string; readonly command: readonly string[]; readonly args?: readonly string[] };
  readonly importer?: object;
}
interface Task {
  readonly componentRef: { readonly name: string };
  readonly cachingOptions?: { readonly enableCache?: boolean };
}
interface Component {
  readonly executorLabel?: string;
  readonly dag?: { readonly tasks: Readonly<Record<string, Task>> };
}
interface Pipeline {
  readonly pipelineInfo: { readonly name: string };
  readonly sdkVersion: string;
  readonly root: Component;
  readonly components: Readonly<Record<string, Component>>;
  readonly deploymentSpec: { readonly executors: Readonly<Record<string, Executor>> };
}

async function readPipeline(path: string): Promise<Pipeline> {
  const [first] = parseAllDocuments(await readFile(join(root, path), "utf8"));
  return first?.toJS() as Pipeline;
}

/** Every task of a pipeline as a dotted path of task keys below the root, with its task. */
function listTasks(pipeline: Pipeline): Map<string, Task> {
  const found = new Map<string, Task>();
  const visit = (component: Component | undefined, prefix: string): void => {
    for (const [key, task] of Object.entries(component?.dag?.tasks ?? {})) {
      found.set(prefix + key, task);
      visit(pipeline.components[task.componentRef.name], `${prefix}${key}.`);
    }
  };
  visit(pipeline.root, "");
  return found;
}

const fixtures = "test/fixtures/pipelines";
const compiled = [
  {
    path: "examples/quickstart/pipeline.yaml",
    name: "iris-quickstart",
    leaves:
      "announce choose classify-2 condition-branches-2.condition-3.report condition-branches-2.condition-4.explain " +
      "for-loop-1.classify load split",
  },
  {
    path: "examples/python-components/pipeline.yaml",
    name: "iris-python",
    leaves:
      "choose condition-branches-2.condition-3.report condition-branches-2.condition-4.reject evaluate for-loop-1.train split",
  },
  {
    path: `${fixtures}/branches.yaml`,
    name: "branches",
    leaves:
      "condition-5.condition-6.produce-4 condition-branches-1.condition-2.produce condition-branches-1.condition-3.produce-2 " +
      "condition-branches-1.condition-4.produce-3 consume",
  },
  { path: `${fixtures}/exit_handler.yaml`, name: "exit-handler", leaves: "exit-handler-1.work exit-handler-1.work-2 finish" },
  {
    path: `${fixtures}/failures.yaml`,
    name: "failures",
    leaves: "condition-1.succeed-later condition-2.not-there fail say say-2 say-3",
  },
  { path: `${fixtures}/importers.yaml`, name: "importers", leaves: "importer importer-2 read read-2" },
  {
    path: `${fixtures}/nested_loops.yaml`,
    name: "nested-loops",
    leaves: "for-loop-1.for-loop-2.mark for-loop-1.for-loop-2.pair for-loop-1.gather for-loop-4.label gather-2",
  },
  {
    path: `${fixtures}/nested_optional.yaml`,
    name: "nested-optional",
    leaves: "inner.join inner.join-2 middle-2.inner.join middle-2.inner.join-2 middle.inner.join middle.inner.join-2",
  },
  { path: `${fixtures}/parameters.yaml`, name: "parameters", leaves: "defaults echo echo-2" },
  { path: `${fixtures}/placeholders.yaml`, name: "placeholders", leaves: "context show write" },
  { path: `${fixtures}/same_names.yaml`, name: "same-names", leaves: "compare emit emit-2" },
  { path: `${fixtures}/wide_loop.yaml`, name: "wide-loop", leaves: "for-loop-1.echo" },
];

test("every compiled fixture is listed, and there are ten at most", async () => {
  const files = (await readdir(join(root, fixtures))).filter((name) => name.endsWith(".yaml"));
  expect(files.length).toBeLessThanOrEqual(10);
  const listed = compiled.map(({ path }) => path);
  expect(files.map((name) => `${fixtures}/${name}`).filter((path) => !listed.includes(path))).toEqual([]);
});

describe.each(compiled)("$path", ({ path, name, leaves }) => {
  test("has its name, the pinned SDK, and the expected leaf tasks", async () => {
    const pipeline = await readPipeline(path);
    const pin = (await readFile(join(root, "examples/requirements.txt"), "utf8")).trim();
    expect(pipeline.pipelineInfo.name).toBe(name);
    expect(pipeline.sdkVersion).toBe(pin.replace("kfp==", "kfp-"));
    const found = [...listTasks(pipeline)].filter(([, task]) => pipeline.components[task.componentRef.name]?.dag === undefined);
    expect(found.map(([key]) => key).sort()).toEqual(leaves.split(" ").sort());
  });

  test("names a component for every task and an executor for every leaf", async () => {
    const pipeline = await readPipeline(path);
    const missing = [...listTasks(pipeline)].filter(([, task]) => {
      const component = pipeline.components[task.componentRef.name];
      const executor = pipeline.deploymentSpec.executors[component?.executorLabel ?? ""];
      return component?.dag === undefined && executor?.container === undefined && executor?.importer === undefined;
    });
    expect(missing.map(([key]) => key)).toEqual([]);
  });
});

describe("the quickstart", () => {
  const folder = join(root, "examples/quickstart");

  test("carries the programs and the table that stand beside it", async () => {
    const { executors } = (await readPipeline("examples/quickstart/pipeline.yaml")).deploymentSpec;
    for (const [label, { container }] of Object.entries(executors)) {
      const file = `${label.replace(/^exec-/, "").replace(/-\d+$/, "")}.js`;
      const source = await readFile(join(folder, "components", file), "utf8");
      expect(container?.command).toEqual(["node", "--input-type=module", "--eval", source, "--"]);
    }
    const table = await readFile(join(folder, "data/iris.csv"), "utf8");
    expect(executors["exec-load"]?.container?.args?.slice(0, 2)).toEqual(["--csv", table]);
  });

  test("has no argument that Kubernetes would refuse or expand", async () => {
    const { executors } = (await readPipeline("examples/quickstart/pipeline.yaml")).deploymentSpec;
    for (const { container } of Object.values(executors)) {
      for (const text of [...(container?.command ?? []), ...(container?.args ?? [])]) {
        expect(Buffer.byteLength(text)).toBeLessThan(128 * 1024);
        expect(text).not.toMatch(/\$[($]/u);
      }
      for (const text of container?.command ?? []) expect(text).not.toContain("{{");
    }
  });

  test("turns the cache off for the announcement alone", async () => {
    const tasks = listTasks(await readPipeline("examples/quickstart/pipeline.yaml"));
    const uncached = [...tasks].filter(([, task]) => task.cachingOptions !== undefined && !task.cachingOptions.enableCache);
    expect(uncached.map(([key]) => key)).toEqual(["announce"]);
  });

  test("brings 150 flowers, 50 of each species", async () => {
    const [, ...rows] = (await readFile(join(folder, "data/iris.csv"), "utf8")).trim().split("\n");
    const counts = new Map<string, number>();
    for (const row of rows) {
      const species = row.split(",")[4] ?? "";
      counts.set(species, (counts.get(species) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ setosa: 50, versicolor: 50, virginica: 50 });
  });
});

/** Installs the pinned SDK below a folder. Returns its Python, or the reason why that is not possible here. */
async function installSdk(folder: string): Promise<{ python: string } | { missing: string }> {
  const python = join(folder, "venv/bin/python");
  try {
    await run("python3", ["-m", "venv", join(folder, "venv")], { timeout: 120_000 });
    await run(python, ["-m", "pip", "install", "--quiet", "-r", join(root, "examples/requirements.txt")], { timeout: 480_000 });
    return { python };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { missing: text.trim().split("\n").at(-1) ?? text };
  }
}

test("the real SDK compiles the same files again", { timeout: 900_000 }, async (context) => {
  if (process.env["KFP_RUNTIME_TEST_LONG"] !== "1") context.skip("compiles with the KFP SDK from a package index: a long test");
  const folder = await mkdtemp(join(tmpdir(), "kfp-compile-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sdk = await installSdk(folder);
  if ("missing" in sdk) {
    console.log(`Skipped: the KFP SDK cannot be installed here: ${sdk.missing}`);
    return context.skip(`the KFP SDK cannot be installed here: ${sdk.missing}`);
  }

  for (const part of ["examples", fixtures]) await cp(join(root, part), join(folder, part), { recursive: true });
  for (const { path } of compiled) await rm(join(folder, path));
  await mkdir(join(folder, "home"));
  const options = { timeout: 120_000, env: { PATH: process.env["PATH"], HOME: join(folder, "home") } };
  await run(sdk.python, [join(folder, fixtures, "compile.py")], options);
  for (const name of ["quickstart", "python-components"]) {
    await run(sdk.python, [join(folder, "examples", name, "pipeline.py")], options);
  }
  const changed: string[] = [];
  for (const { path } of compiled) {
    if ((await readFile(join(folder, path), "utf8")) !== (await readFile(join(root, path), "utf8"))) changed.push(path);
  }
  expect(changed).toEqual([]);
});
