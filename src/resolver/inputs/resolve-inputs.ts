/**
 * Input resolution, the one entry: what a task gets, from its spec, its parent's inputs and its siblings' outputs.
 *
 * Pure: rows come in with the request, or through its reader.
 *
 * Source: docs/spec/resolver.md.
 *
 * @module
 */
import type { Artifact, IoArtifact, IoParameter, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { findArtifacts, ioArtifactsOf } from "./artifacts.ts";
import { resolveIterator } from "./iterators.ts";
import { resolveParameters } from "./parameters.ts";
import { PropagationPlan } from "../outputs/propagation-plan.ts";
import { resolveContext } from "./resolve-context.ts";
import type { ResolveRequest } from "./resolve-context.ts";
import { workspaceArtifactIds } from "./workspace.ts";

export type { ResolveRequest } from "./resolve-context.ts";

/** The inputs of a task as its row stores them. */
export interface ResolvedInputs {
  /** By key: inputs of the task spec, component defaults, then iterator items in order. */
  readonly parameters: IoParameter[];
  /** Each holds what one task wrote; several of one key are a list in order, one without artifacts is an empty list. */
  readonly artifacts: IoArtifact[];
  /** Present when the task has an iterator; may be 0. */
  readonly iterationCount?: number;
  readonly workspaceArtifactIds: Set<string>;
  /** Tells the metrics of different tasks apart when the executor input is built. */
  readonly producingTaskOf: (artifact: Artifact) => string | undefined;
  /** Outputs that a run retry took from their parents and that were found in preserved children: to be written again. */
  readonly republish: PropagationPlan;
}

/**
 * Resolves every input of a task.
 *
 * @throws {ResolveError} the first input that cannot be resolved, by key: parameters, defaults, artifacts, iterator.
 * @throws {SpecError} for sources of a kind that is not supported, and scope paths that the spec does not have.
 */
export async function resolveInputs(request: ResolveRequest): Promise<ResolvedInputs> {
  const republish = new PropagationPlan();
  const context = resolveContext(request, republish);
  const parameters = await resolveParameters(context);
  const found = await findArtifacts(context);
  const items = resolveIterator(context, { parameters, artifacts: found });
  const groups = found.flatMap((input) => input.groups);
  const producingTasks = new Map(
    groups.flatMap(({ artifacts, owner }, index) =>
      artifacts.map(({ artifactId }): [string, string] => [artifactId, owner?.taskId ?? `group ${index}`]),
    ),
  );
  return {
    parameters: [...parameters, ...(items?.parameters ?? [])],
    artifacts: [...found.flatMap((input) => ioArtifactsOf(context, input)), ...(items?.artifacts ?? [])],
    ...(items === undefined ? {} : { iterationCount: items.count }),
    workspaceArtifactIds: workspaceArtifactIds(context, groups),
    producingTaskOf: ({ artifactId }) => producingTasks.get(artifactId),
    republish,
  };
}

/** Keys of the sibling tasks that the inputs need, sorted: what a lean read has to fetch besides the parent. */
export function producersOf({ inputs }: PipelineTaskSpec): string[] {
  const names = new Set<string>();
  for (const { kind } of Object.values(inputs?.parameters ?? {})) {
    if (kind.case === "taskOutputParameter" || kind.case === "taskFinalStatus") names.add(kind.value.producerTask);
  }
  for (const { kind } of Object.values(inputs?.artifacts ?? {})) {
    if (kind.case === "taskOutputArtifact") names.add(kind.value.producerTask);
  }
  return [...names].filter((name) => name !== "").toSorted();
}
