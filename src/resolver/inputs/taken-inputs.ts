/**
 * Which inputs of the DAG around it a task takes, before the DAG's row says where in the pipeline that is.
 *
 * Source: docs/spec/driver-flows.md#decision-reading-a-run, docs/spec/resolver.md#component-input, #artifact-iterator.
 *
 * @module
 */
import type { DagSpec, PipelineSpec, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { lookup } from "../run/spec-lookup.ts";

/** Keys of inputs that tasks of this key take from the DAG around them, in whichever DAG of the pipeline they stand; sorted. */
export function inputsTakenFromParent(spec: PipelineSpec, taskKey: string): string[] {
  const dags = dagsOf(spec);
  const taken = new Set<string>();
  for (const dag of dags) {
    const task = lookup(dag.tasks, taskKey);
    if (task !== undefined) for (const key of componentInputs(task)) taken.add(key);
  }
  // Where a row has lost the iterations of its items, the list they came from tells which is which.
  for (const { iterator } of dags.flatMap(({ tasks }) => Object.values(tasks))) {
    if (iterator.case !== "artifactIterator" || !taken.has(iterator.value.itemInput)) continue;
    taken.add(iterator.value.items?.inputArtifact ?? "");
  }
  return [...taken].filter((key) => key !== "").toSorted();
}

function dagsOf({ root, components }: PipelineSpec): DagSpec[] {
  return [...(root === undefined ? [] : [root]), ...Object.values(components)].flatMap(({ implementation }) =>
    implementation.case === "dag" ? [implementation.value] : [],
  );
}

function componentInputs({ inputs }: PipelineTaskSpec): string[] {
  return [
    ...Object.values(inputs?.parameters ?? {}).map(({ kind }) => (kind.case === "componentInputParameter" ? kind.value : "")),
    ...Object.values(inputs?.artifacts ?? {}).map(({ kind }) => (kind.case === "componentInputArtifact" ? kind.value : "")),
  ];
}
