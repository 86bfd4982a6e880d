/**
 * One task under one parent, for the tests of input resolution.
 *
 * @module
 */
import { errorMessage } from "../../src/core/errors.ts";
import type { PipelineTask } from "../../src/core/kfp-types.ts";
import type { JsonValue } from "../../src/core/values/value.ts";
import { resolveInputs } from "../../src/resolver/inputs/resolve-inputs.ts";
import type { RunFacts } from "../../src/core/placeholders/placeholders.ts";
import type { ResolvedInputs } from "../../src/resolver/inputs/resolve-inputs.ts";
import { scopeEntryAt } from "../../src/resolver/run/spec-lookup.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import type { TaskReader } from "../../src/resolver/run/task-rows.ts";
import { row, showArtifact, showParameter, specOf } from "./rows.ts";
import type { RowOptions } from "./rows.ts";

export const JOB: RunFacts = { runId: "run-1", runName: "argo-abc", runDisplayName: "My run" };

export interface Case {
  /** Task spec of `train`, without its component reference. */
  readonly task?: object;
  /** Component of `train`, without its executor. */
  readonly component?: object;
  /** More tasks of the root, and more components. */
  readonly tasks?: object;
  readonly components?: object;
  readonly deploymentSpec?: object;
  /** The root's row. */
  readonly parent?: RowOptions;
  /** Rows below the root: given the root's row. */
  readonly rows?: (root: PipelineTask) => readonly PipelineTask[];
  readonly iterationIndex?: number;
  readonly job?: Partial<RunFacts>;
  readonly pipelineRoot?: string;
  readonly reader?: TaskReader;
  /** The index holds only the parent and these rows. */
  readonly lean?: readonly string[];
}

/** Resolves the inputs of `root.train`. */
export async function resolve(given: Case): Promise<ResolvedInputs> {
  const { task = {}, component = {}, tasks = {}, components = {} } = given;
  const leaf = { executorLabel: "leaf" };
  const spec = specOf({
    root: { dag: { tasks: { train: { componentRef: { name: "train" }, ...task }, ...tasks } } },
    components: { train: { executorLabel: "train", ...component }, leaf, ...components },
    ...(given.deploymentSpec === undefined ? {} : { deploymentSpec: given.deploymentSpec }),
  });
  const parent = row("root", { id: "root", ...given.parent });
  const rows = [parent, ...(given.rows?.(parent) ?? [])];
  const { lean } = given;
  const index =
    lean === undefined
      ? new TaskIndex(rows)
      : new TaskIndex(
          rows.filter(({ taskId }) => taskId === "root" || lean.includes(taskId)),
          { completeParents: [] },
        );
  const entry = scopeEntryAt(spec, "root.train");
  if (entry.taskSpec === undefined) throw new Error("no task spec");
  return resolveInputs({
    spec,
    taskKey: "train",
    taskSpec: entry.taskSpec,
    component: entry.component,
    parent,
    tasks: index,
    reader: given.reader,
    iterationIndex: given.iterationIndex,
    job: { ...JOB, ...given.job },
    pipelineRoot: given.pipelineRoot,
  });
}

/** The parameters as text. */
export async function parametersOf(given: Case): Promise<string[]> {
  return (await resolve(given)).parameters.map(showParameter);
}

/** The artifacts as text. */
export async function artifactsOf(given: Case): Promise<string[]> {
  return (await resolve(given)).artifacts.map(showArtifact);
}

/** What came out, or the message of what went wrong. */
export function outcomeOf(resolving: Promise<string[]>): Promise<string[] | string> {
  return resolving.catch((error: unknown) => errorMessage(error));
}

/** Reads from rows, and remembers what it was asked. */
export function readerOf(rows: readonly PipelineTask[]): TaskReader & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    task: (id) => {
      calls.push(`task ${id}`);
      return Promise.resolve(rows.find(({ taskId }) => taskId === id));
    },
    childrenOf: (id) => {
      calls.push(`children ${id}`);
      return Promise.resolve(rows.filter(({ parentTaskId }) => parentTaskId === id));
    },
  };
}

export function constant(value: JsonValue): object {
  return { runtimeValue: { constant: value } };
}
