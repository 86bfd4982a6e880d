/**
 * Input artifacts of a task: component inputs and task outputs.
 *
 * Every IoArtifact given back holds what one task wrote; several of one key are a list, in order.
 *
 * Source: docs/spec/resolver.md#artifacts, #artifact-iterator, #drv-5, #drv-25, #drv-26, #drv-32, #collections,
 * docs/spec/executor-input.md#drv-35.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { SpecError } from "../../core/errors.ts";
import { IoArtifactSchema, IoType } from "../../core/kfp-types.ts";
import type { IoArtifact, PipelineTask } from "../../core/kfp-types.ts";
import { groupInput, groupOutput } from "./artifact-groups.ts";
import type { ArtifactGroup } from "./artifact-groups.ts";
import { upstreamFailed } from "./failed-upstream.ts";
import { iterationOfEntry, producerMessage } from "../run/io-entries.ts";
import type { Producer } from "../run/io-entries.ts";
import { findProducer, findSibling, missingOutput } from "./parameters.ts";
import { comesFromEmptyLoop, producedArtifacts } from "./producer-outputs.ts";
import { cannotResolve, describeInput, producerOfEntry, stampIteration } from "./resolve-context.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { lookup, scopeEntryAt, scopeEntryOf } from "../run/spec-lookup.ts";
import { isDagTask } from "../run/task-index.ts";
import { needsOwners } from "./workspace.ts";

/** One input, before it is stored. */
export interface FoundArtifacts {
  readonly key: string;
  readonly groups: readonly ArtifactGroup[];
  readonly type: IoType;
  readonly producer: Producer;
}

/**
 * All input artifacts, sorted by key. Omitted optional ones are left out; an empty collection is an entry without artifacts.
 *
 * @throws {ResolveError} one input, one reason. @throws {SpecError} for an input without a kind.
 */
export async function findArtifacts(context: ResolveContext): Promise<FoundArtifacts[]> {
  const found: FoundArtifacts[] = [];
  for (const key of Object.keys(context.taskSpec.inputs?.artifacts ?? {}).toSorted()) {
    const input = await findArtifact(context, key);
    if (input !== undefined) found.push(input);
  }
  return found;
}

/** The entries to store, and to build the executor input from. */
export function ioArtifactsOf(context: ResolveContext, { key, groups, type, producer }: FoundArtifacts): IoArtifact[] {
  const stamped = producerMessage(stampIteration(context, producer));
  const lists = groups.length === 0 ? [[]] : groups.map(({ artifacts }) => [...artifacts]);
  return lists.map((artifacts) => create(IoArtifactSchema, { artifactKey: key, type, producer: stamped, artifacts }));
}

async function findArtifact(context: ResolveContext, key: string): Promise<FoundArtifacts | undefined> {
  const kind = lookup(context.taskSpec.inputs?.artifacts, key)?.kind;
  switch (kind?.case) {
    case "componentInputArtifact": {
      const found = await fromComponentInput(context, key, kind.value);
      if (found === undefined && !isOptional(context, key)) {
        throw cannotResolve(context, key, "INPUT_NULL", "the resolved input is null");
      }
      return found;
    }
    case "taskOutputArtifact": {
      const { producerTask } = kind.value;
      const mayLack = isOptional(context, key) && (await upstreamFailed(context, producerTask));
      if (mayLack && (await findSibling(context, producerTask)) === undefined) return undefined;
      const producer = await findProducer(context, key, producerTask);
      return fromTaskOutput(context, { key, producer, outputKey: kind.value.outputArtifactKey });
    }
    default:
      throw new SpecError("FEATURE_UNSUPPORTED", `Cannot resolve ${describeInput(context, key)}: its kind of source is unknown`);
  }
}

function isOptional({ component }: ResolveContext, key: string): boolean {
  return lookup(component.inputDefinitions?.artifacts, key)?.isOptional === true;
}

async function fromComponentInput(context: ResolveContext, key: string, parentKey: string): Promise<FoundArtifacts | undefined> {
  if (parentKey === "") throw cannotResolve(context, key, "VALUE_INVALID", "the name of the component input is empty");
  const { parent, lookupIteration } = context;
  const all = (parent.inputs?.artifacts ?? []).filter(
    ({ artifactKey, artifacts }) => artifactKey === parentKey && artifacts.length > 0,
  );
  const matching = all.filter((entry) => lookupIteration !== undefined && iterationOfEntry(entry) === lookupIteration);
  const entries = all.length > 1 && matching.length > 0 ? matching : all;
  const [first] = entries;
  if (first === undefined) return undefined;
  const producer = producerOfEntry(context, key, first);
  const groups = await groupsOfEntries(context, parentKey, entries);
  return { key, groups, type: IoType.COMPONENT_INPUT, producer };
}

async function groupsOfEntries(
  context: ResolveContext,
  parentKey: string,
  entries: readonly IoArtifact[],
): Promise<ArtifactGroup[]> {
  const { parent, lookupIteration } = context;
  const item = entries.length > 1 ? await loopItem(context, parentKey) : undefined;
  if (item !== undefined) {
    const group = item[lookupIteration ?? 0];
    return group === undefined ? [] : [group];
  }
  const isSingle = entries.length === 1 && entries[0]?.artifacts.length === 1;
  if (isSingle && !needsOwners(context))
    return [{ artifacts: entries[0]?.artifacts ?? [], iteration: undefined, owner: undefined }];
  return groupInput(context, parent, { key: parentKey, entries });
}

/** Items of the parent's artifact iterator, for rows whose entries have lost their iterations. */
async function loopItem(context: ResolveContext, parentKey: string): Promise<ArtifactGroup[] | undefined> {
  const { parent, spec } = context;
  const iterator = scopeEntryOf(spec, parent).taskSpec?.iterator;
  if (iterator?.case !== "artifactIterator" || iterator.value.itemInput !== parentKey) return undefined;
  const key = iterator.value.items?.inputArtifact ?? "";
  const entries = (parent.inputs?.artifacts ?? []).filter(({ artifactKey }) => artifactKey === key);
  return (await groupInput(context, parent, { key, entries })).flatMap(singleArtifacts);
}

/** A group for each artifact. */
export function singleArtifacts(group: ArtifactGroup): ArtifactGroup[] {
  return group.artifacts.map((artifact) => ({ ...group, artifacts: [artifact] }));
}

interface TaskOutput {
  readonly key: string;
  readonly producer: PipelineTask;
  readonly outputKey: string;
}

async function fromTaskOutput(
  context: ResolveContext,
  { key, producer, outputKey }: TaskOutput,
): Promise<FoundArtifacts | undefined> {
  const entries = (await producedArtifacts(context, producer, outputKey)).filter(({ artifacts }) => artifacts.length > 0);
  const [first] = entries;
  const collectionOf = { key, type: IoType.COLLECTED_INPUTS, producer: { taskName: producer.name } };
  if (first === undefined) {
    if (await comesFromEmptyLoop(context, { producer, kind: "artifact", key: outputKey })) return { ...collectionOf, groups: [] };
    if (isOptional(context, key)) return undefined;
    throw missingOutput(context, key, producer.name, outputKey);
  }
  const isDag = isDagTask(producer);
  const isCollection = isDag && entries.every(({ type }) => type === IoType.ITERATOR_OUTPUT);
  if (!isCollection && entries.length > 1 && !declaresList(context, producer, outputKey)) {
    const reason = `multiple artifacts with producer key "${outputKey}" of "${producer.name}" outside a loop collection`;
    throw cannotResolve(context, key, "PRODUCER_OUTPUT_AMBIGUOUS", reason);
  }
  const output = { task: producer, key: outputKey, entries };
  const groups = await groupOutput(context, output, { wantsOwners: isDag && needsOwners(context) });
  if (isCollection) return { ...collectionOf, groups };
  return { key, groups, type: IoType.TASK_OUTPUT_INPUT, producer: producerOfEntry(context, key, first) };
}

function declaresList({ spec, parent }: ResolveContext, producer: PipelineTask, outputKey: string): boolean {
  const { component } = scopeEntryAt(spec, `${parent.scopePath}.${producer.name}`);
  return lookup(component.outputDefinitions?.artifacts, outputKey)?.isArtifactList === true;
}
