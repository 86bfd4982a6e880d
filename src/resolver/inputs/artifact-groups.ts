/**
 * Artifacts of an output or an input, in the order they were made and parted by the task that wrote them.
 *
 * Servers order links by artifact id, those of the branch also hide the iteration, and a list that crossed the inputs of a DAG has
 * lost both. The rows of the tasks below and above still tell.
 *
 * Source: docs/spec/resolver.md#artifacts, #drv-5, #decision-artifact-iteration, docs/spec/executor-input.md#drv-35,
 * docs/spec/output-propagation.md#decision-nested-loop-artifacts.
 *
 * @module
 */
import type { Artifact, IoArtifact, PipelineTask } from "../../core/kfp-types.ts";
import { IoType, TaskType } from "../../core/kfp-types.ts";
import { iterationOfEntry, outputArtifactsOf } from "../run/io-entries.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { artifactSources, dagOf, lookup, scopeEntryOf } from "../run/spec-lookup.ts";
import { isDagTask, iterationOf } from "../run/task-index.ts";

/** What one task wrote under one key. */
export interface ArtifactGroup {
  readonly artifacts: readonly Artifact[];
  /** In the loop that published it. */
  readonly iteration: number | undefined;
  /** The leaf that wrote it, where the rows tell. */
  readonly owner: PipelineTask | undefined;
}

type Rows = Pick<ResolveContext, "spec" | "rows">;

/** Output artifacts of one task under one key, as its row shows them. */
export interface OutputEntries {
  readonly task: PipelineTask;
  readonly key: string;
  /** The task's entries of that key. */
  readonly entries: readonly IoArtifact[];
}

/** How much is to be found out. */
export interface GroupOptions {
  /** Find the owners even where the order needs no help. */
  readonly wantsOwners?: boolean;
}

/**
 * An output in the order of its iterations: outer loop first, then inner, then as its task wrote it. What no row explains keeps the
 * server's order.
 */
export async function groupOutput(
  context: Rows,
  { task, key, entries }: OutputEntries,
  { wantsOwners = false }: GroupOptions = {},
): Promise<ArtifactGroup[]> {
  if (!isDagTask(task))
    return [{ artifacts: entries.flatMap(({ artifacts }) => artifacts), iteration: iterationOf(task), owner: task }];
  const plain = plainGroups(entries);
  const isCollection = entries.some(({ type }) => type === IoType.ITERATOR_OUTPUT);
  const isClear =
    plain.length <= 1 ? plain.every(({ artifacts }) => artifacts.length <= 1 || !isCollection) : hasDistinctIterations(plain);
  if (isClear && !wantsOwners) return byIteration(plain);
  return byIteration(matchGroups(plain, await groupsBelow(context, task, key)));
}

/** One group per iteration where the entries tell it, else one per entry. */
function plainGroups(entries: readonly IoArtifact[]): ArtifactGroup[] {
  return entries
    .filter(({ artifacts }) => artifacts.length > 0)
    .map((entry) => ({ artifacts: entry.artifacts, iteration: iterationOfEntry(entry), owner: undefined }));
}

function hasDistinctIterations(groups: readonly ArtifactGroup[]): boolean {
  const iterations = new Set(groups.map(({ iteration }) => iteration));
  return iterations.size === groups.length && !iterations.has(undefined);
}

function byIteration(groups: readonly ArtifactGroup[]): ArtifactGroup[] {
  if (groups.some(({ iteration }) => iteration === undefined)) return [...groups];
  return groups.toSorted((a, b) => (a.iteration ?? 0) - (b.iteration ?? 0));
}

/** What the children that feed an output of a DAG wrote, in iteration order; a LOOP stamps the child's index. */
async function groupsBelow(context: Rows, task: PipelineTask, key: string): Promise<ArtifactGroup[]> {
  const { component } = dagOf(context.spec, task);
  const below: ArtifactGroup[] = [];
  for (const { producerSubtask, outputKey } of artifactSources(component, key)) {
    for (const child of await context.rows.childrenNamed(task, producerSubtask)) {
      const entries = outputArtifactsOf(child, outputKey);
      const groups = await groupOutput(context, { task: child, key: outputKey, entries }, { wantsOwners: true });
      const iteration = task.type === TaskType.LOOP ? iterationOf(child) : undefined;
      below.push(...groups.map((group) => (iteration === undefined ? group : { ...group, iteration })));
    }
  }
  return byIteration(below);
}

/**
 * Orders and parts what a row holds by what is known of its making. Every artifact of the row is kept, and none is added.
 *
 * @param stored As the row has it.
 * @param known In the order to have.
 */
function matchGroups(stored: readonly ArtifactGroup[], known: readonly ArtifactGroup[]): ArtifactGroup[] {
  const remaining = new Map<string, { artifact: Artifact; iteration: number | undefined }[]>();
  for (const { artifacts, iteration } of stored) {
    for (const artifact of artifacts) {
      const same = remaining.get(artifact.artifactId) ?? [];
      remaining.set(artifact.artifactId, [...same, { artifact, iteration }]);
    }
  }
  const take = (artifactId: string, iteration: number | undefined): Artifact | undefined => {
    const same = remaining.get(artifactId) ?? [];
    const exact = same.findIndex((item) => item.iteration === iteration);
    const [taken] = same.splice(Math.max(exact, 0), 1);
    return taken?.artifact;
  };
  const matched = known
    .map((group) => ({
      ...group,
      artifacts: group.artifacts.flatMap(({ artifactId }) => take(artifactId, group.iteration) ?? []),
    }))
    .filter(({ artifacts }) => artifacts.length > 0);
  const unexplained = stored.flatMap(({ artifacts, iteration }) => {
    const left = artifacts.filter(({ artifactId }) => take(artifactId, iteration) !== undefined);
    return left.length === 0 ? [] : [{ artifacts: left, iteration, owner: undefined }];
  });
  return [...matched, ...unexplained];
}

/**
 * An input that a DAG's row holds, ordered and parted by its first producer, which is looked for up the specs of the parents.
 *
 * @param task The DAG whose input it is.
 * @param entries The row's entries to order.
 */
export async function groupInput(
  context: Rows,
  task: PipelineTask,
  { key, entries }: Omit<OutputEntries, "task">,
): Promise<ArtifactGroup[]> {
  const stored = plainGroups(entries);
  const origin = await originGroups(context, task, key);
  if (origin === undefined) return stored;
  const ids = (groups: readonly ArtifactGroup[]): Set<string> =>
    new Set(groups.flatMap(({ artifacts }) => artifacts.map(({ artifactId }) => artifactId)));
  // Links cannot hold an artifact twice; the list the producer made can.
  const storedIds = ids(stored);
  const originIds = ids(origin);
  const isSame = storedIds.size === originIds.size && [...storedIds].every((id) => originIds.has(id));
  return isSame ? origin : matchGroups(stored, origin);
}

async function originGroups(context: Rows, task: PipelineTask, key: string): Promise<ArtifactGroup[] | undefined> {
  const { taskSpec } = scopeEntryOf(context.spec, task);
  const source = lookup(taskSpec?.inputs?.artifacts, key)?.kind;
  const parent = await context.rows.parentOf(task);
  if (source?.case === undefined || parent === undefined) return undefined;
  if (source.case === "componentInputArtifact") return originGroups(context, parent, source.value);
  const { producerTask, outputArtifactKey } = source.value;
  const iteration = await context.rows.lookupIterationOf(task);
  const producer = await context.rows.findSibling({ name: producerTask, parentId: parent.taskId, iteration });
  if (producer === undefined) return undefined;
  const entries = outputArtifactsOf(producer, outputArtifactKey);
  return groupOutput(context, { task: producer, key: outputArtifactKey, entries }, { wantsOwners: true });
}
