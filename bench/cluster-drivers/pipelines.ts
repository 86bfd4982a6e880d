/**
 * The pipelines of the bench: made of compiled ones of the conformance set, whose steps are kept and whose tasks are multiplied as the
 * compiler would.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";

export interface BenchPipeline {
  readonly name: string;
  /** Pipeline spec. */
  readonly spec: JsonObject;
  /** The workflow as KFP's API server compiles it. */
  readonly compiled: string;
}

const CONFORMANCE = new URL("../../test/conformance/", import.meta.url);

interface DagTask {
  readonly name: string;
  readonly template: string;
  readonly depends?: string;
  readonly arguments: JsonObject;
}

interface Template {
  readonly name: string;
  dag?: { tasks: DagTask[] };
}

interface Spec extends JsonObject {
  readonly root: JsonObject & { readonly dag: { tasks: Record<string, JsonObject> } & JsonObject };
}

/** @param items Iterations of the loop. */
export function benchPipelines(items: number): readonly BenchPipeline[] {
  return [
    { name: "hello", ...chain(1) },
    { name: "chain", ...chain(10) },
    { name: "loop", ...loop(items) },
  ];
}

/** Steps that print a line each, one after the other: the first of task_order, again and again. */
function chain(length: number): Omit<BenchPipeline, "name"> {
  const names = Array.from({ length }, (_, index) => `say-${String(index + 1)}`);
  const { spec, workflow } = read("task_order");
  const { say } = spec.root.dag.tasks;
  spec.root.dag.tasks = Object.fromEntries(
    names.map((name, index) => {
      const before = names[index - 1];
      const task = { ...(say as JsonObject), taskInfo: { name }, ...(before === undefined ? {} : { dependentTasks: [before] }) };
      return [name, { ...task, cachingOptions: {} }];
    }),
  );
  const dag = templateOf(workflow, "root").dag as { tasks: DagTask[] };
  const pair = dag.tasks.filter(({ name }) => name === "say" || name === "say-driver");
  dag.tasks = names.flatMap((name, index) => {
    const before = names[index - 1];
    const [driver, step] = (JSON.parse(JSON.stringify(pair).replaceAll("say-driver", `${name}-driver`)) as DagTask[]).toSorted(
      (left) => (left.template === "system-container-driver" ? -1 : 1),
    );
    if (driver === undefined || step === undefined) throw new Error("the workflow has no task say with its driver");
    const parameters = (driver.arguments["parameters"] as { name: string; value?: JsonValue }[]).map((parameter) =>
      parameter.name === "task-name" ? { ...parameter, value: name } : parameter,
    );
    return [
      {
        ...{ ...driver, arguments: { ...driver.arguments, parameters } },
        ...(before === undefined ? {} : { depends: `${before}.Succeeded` }),
      },
      { ...step, name, depends: `${name}-driver.Succeeded` },
    ];
  });
  return { spec, compiled: stringify(workflow) };
}

/** The first loop of loop_over_constants with other items: the workflow does not say how many there are. */
function loop(items: number): Omit<BenchPipeline, "name"> {
  const { spec, workflow } = read("loop_over_constants");
  const kept = "for-loop-2";
  const values = Array.from({ length: items }, (_, index) => `item ${String(index)}`);
  const task = spec.root.dag.tasks[kept] as { parameterIterator: { items: { raw: string } } } & JsonObject;
  task.parameterIterator.items.raw = JSON.stringify(values);
  spec.root.dag.tasks = { [kept]: task };
  const dag = templateOf(workflow, "root").dag as { tasks: DagTask[] };
  dag.tasks = dag.tasks.filter(({ name }) => name.startsWith(kept));
  return { spec, compiled: stringify(workflow) };
}

function read(name: string): { spec: Spec; workflow: JsonObject } {
  const text = (folder: string): string => readFileSync(new URL(`${folder}/${name}.yaml`, CONFORMANCE), "utf8");
  return { spec: parse(text("pipelines")) as Spec, workflow: parse(text("workflows")) as JsonObject };
}

function templateOf(workflow: JsonObject, name: string): Template {
  const { templates } = workflow["spec"] as unknown as { templates: Template[] };
  const template = templates.find((each) => each.name === name);
  if (template?.dag === undefined) throw new Error(`the workflow has no template ${name}`);
  return template;
}
