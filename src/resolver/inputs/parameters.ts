/**
 * Input parameters of a task: component inputs, task outputs, constants, final status, defaults.
 *
 * A task that runs although tasks before it failed (`ignore_upstream_failure`, exit tasks) takes the default of its component for what
 * they did not give: that is what the SDK demands the default for.
 *
 * Source: docs/spec/resolver.md#parameters-by-kind, #component-input, #task-output-parameter, #runtime-constants,
 * #task-final-status, #selector, #type-normalisation-and-literals, #component-defaults, #drv-25, #drv-27, #drv-32, #drv-33,
 * #collections, docs/spec/rules.md#decisions.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { ResolveError, SpecError } from "../../core/errors.ts";
import { evaluateSelector } from "../../core/cel/evaluate.ts";
import { IoType, ParameterType } from "../../core/kfp-types.ts";
import type { InputParameterSpec, IoParameter, PipelineTask } from "../../core/kfp-types.ts";
import { assertLiteral, coerceToParameterType } from "../../core/values/value.ts";
import type { Value } from "../../core/values/value.ts";
import { upstreamFailed } from "./failed-upstream.ts";
import { finalStatusValue } from "./final-status.ts";
import { compareCandidates, ioParameter, isAbsentOrNull, iterationOfEntry } from "../run/io-entries.ts";
import { comesFromEmptyLoop, producedParameters } from "./producer-outputs.ts";
import { cannotResolve, describeInput, parentProducer, producerOfEntry, stampIteration } from "./resolve-context.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { resolveConstant } from "./runtime-constant.ts";
import type { FoundParameter } from "./runtime-constant.ts";
import { lookup } from "../run/spec-lookup.ts";
import { isDagTask } from "../run/task-index.ts";

/**
 * All input parameters, sorted by key: those of the task spec first, then component defaults.
 *
 * @throws {ResolveError} one input, one reason. @throws {SpecError} for input kinds that nobody compiles.
 */
export async function resolveParameters(context: ResolveContext): Promise<IoParameter[]> {
  const resolved: IoParameter[] = [];
  for (const key of Object.keys(context.taskSpec.inputs?.parameters ?? {}).toSorted()) {
    const entry = await resolveParameter(context, key);
    if (entry !== undefined) resolved.push(entry);
  }
  return [...resolved, ...(await componentDefaults(context))];
}

async function resolveParameter(context: ResolveContext, key: string): Promise<IoParameter | undefined> {
  const definition = lookup(context.component.inputDefinitions?.parameters, key);
  // Passed on as a whole by the driver, never resolved
  // (docs/spec/task-config-workspace-modelcar.md#taskconfig-in-the-drivers-flow).
  if (definition?.parameterType === ParameterType.TASK_CONFIG) return undefined;
  const found = await findParameter(context, key, []);
  if (found === undefined) {
    const isLackingAllowed = await upstreamLacks(context, key);
    // What a failed task was to give is only there to be put into another input of this task, which copes without.
    if (isLackingAllowed && definition === undefined) return undefined;
    if (isLackingAllowed && definition?.defaultValue !== undefined)
      return defaultParameter(context, key, definition.defaultValue);
    if (definition?.isOptional !== true) {
      const reason = isLackingAllowed
        ? "the task that gives it did not succeed, and the input has no default"
        : "the resolved input is null";
      throw cannotResolve(context, key, "INPUT_NULL", reason);
    }
    return definition.defaultValue === undefined ? undefined : defaultParameter(context, key, definition.defaultValue);
  }
  let { value } = found;
  if (definition !== undefined) {
    value = coerceToParameterType(value, definition.parameterType, describeInput(context, key));
    assertLiteral(value, definition.literals, describeInput(context, key));
  }
  return ioParameter(key, value, found.type, stampIteration(context, found.producer));
}

async function defaultParameter(context: ResolveContext, key: string, value: Value): Promise<IoParameter | undefined> {
  const found = await findTemplate(context, { key, template: value, trail: [] });
  if (found?.value === undefined) return undefined;
  return ioParameter(key, found.value, IoType.COMPONENT_DEFAULT_INPUT, stampIteration(context, parentProducer(context)));
}

async function componentDefaults(context: ResolveContext): Promise<IoParameter[]> {
  const { component, taskSpec } = context;
  const iterator = taskSpec.iterator.case === "parameterIterator" ? taskSpec.iterator.value : undefined;
  const defaults: IoParameter[] = [];
  for (const key of Object.keys(component.inputDefinitions?.parameters ?? {}).toSorted()) {
    const definition = lookup(component.inputDefinitions?.parameters, key);
    if (definition === undefined || definition.parameterType === ParameterType.TASK_CONFIG) continue;
    if (lookup(taskSpec.inputs?.parameters, key) !== undefined || iterator?.itemInput === key) continue;
    if (definition.defaultValue !== undefined) {
      const entry = await defaultParameter(context, key, definition.defaultValue);
      if (entry !== undefined) defaults.push(entry);
    } else if (!definition.isOptional) {
      throw cannotResolve(context, key, "INPUT_NULL", "it is required, but the task gives no value and the component no default");
    }
  }
  return defaults;
}

/**
 * The value of one input of the task spec, selector applied.
 *
 * @param trail Inputs being resolved for the sake of a constant that refers to them.
 * @returns `undefined` for null in the sense of docs/spec/resolver.md#component-input: nothing was given.
 */
async function findParameter(
  context: ResolveContext,
  key: string,
  trail: readonly string[],
): Promise<FoundParameter | undefined> {
  const input = lookup(context.taskSpec.inputs?.parameters, key);
  if (input === undefined) {
    throw cannotResolve(context, trail[0] ?? key, "VALUE_INVALID", `it refers to "${key}", which the task does not declare`);
  }
  const found = await findBySource(context, { key, input, trail });
  const selector = input.parameterExpressionSelector;
  if (found?.value === undefined || selector === "") return found;
  return { ...found, value: await select(context, { key, selector, value: found.value }) };
}

async function select(
  context: ResolveContext,
  { key, selector, value }: { key: string; selector: string; value: Value },
): Promise<Value> {
  try {
    return await evaluateSelector(selector, value);
  } catch (error) {
    if (!(error instanceof ResolveError)) throw error;
    const { code, message } = error;
    throw cannotResolve(context, key, code === "VALUE_INVALID" ? code : "EXPRESSION_FAILED", message, error);
  }
}

/**
 * The value of a setting of the task that takes its value as an input does, without being one.
 *
 * No selector, type or literals apply. `{{$.inputs.parameters['pipelinechannel--NAME']}}` in a constant refers to the task's inputs.
 *
 * @param key Where the setting stands, for messages: `secretAsEnv[0].secretNameParameter`.
 * @returns `undefined` when the enclosing DAG has no such input or it is null; a null constant is a value.
 * @throws {ResolveError} when the source does not exist. @throws {SpecError} for kinds of sources that nobody compiles.
 */
export async function resolveSetting(
  context: ResolveContext,
  { key, input }: { readonly key: string; readonly input: InputParameterSpec },
): Promise<Value | undefined> {
  return (await findBySource({ ...context, subject: "setting" }, { key, input, trail: [] }))?.value;
}

interface SourceRequest {
  readonly key: string;
  readonly input: InputParameterSpec;
  readonly trail: readonly string[];
}

async function findBySource(
  context: ResolveContext,
  { key, input: { kind }, trail }: SourceRequest,
): Promise<FoundParameter | undefined> {
  switch (kind.case) {
    case "componentInputParameter":
      return fromComponentInput(context, key, kind.value);
    case "taskOutputParameter": {
      const { producerTask, outputParameterKey } = kind.value;
      if (await upstreamFailed(context, producerTask))
        return fromFailedUpstream(context, { key, producerTask, outputParameterKey });
      const producer = await findProducer(context, key, producerTask);
      return fromTaskOutput(context, { key, producer, outputKey: outputParameterKey });
    }
    case "runtimeValue":
      if (kind.value.value.case !== "constant") break;
      return findTemplate(context, { key, template: kind.value.value.value, trail });
    case "taskFinalStatus":
      return fromFinalStatus(context, key, kind.value.producerTask);
    default:
      break;
  }
  throw new SpecError(
    "FEATURE_UNSUPPORTED",
    `Cannot resolve ${describeInput(context, key)}: not implemented: its kind of source`,
  );
}

interface TemplateRequest {
  readonly key: string;
  /** A constant or a default, as its author wrote it. */
  readonly template: Value;
  readonly trail: readonly string[];
}

function findTemplate(context: ResolveContext, { key, template, trail }: TemplateRequest): Promise<FoundParameter | undefined> {
  const { taskSpec, component } = context;
  const defaultOf = (name: string): Value | undefined => lookup(component.inputDefinitions?.parameters, name)?.defaultValue;
  return resolveConstant(context, {
    key,
    constant: template,
    trail,
    hasInput: (name) => lookup(taskSpec.inputs?.parameters, name) !== undefined || defaultOf(name) !== undefined,
    findParameter: async (name, path) => {
      const fallback = defaultOf(name);
      const isGiven = lookup(taskSpec.inputs?.parameters, name) !== undefined || fallback === undefined;
      const found = isGiven ? await findParameter({ ...context, subject: "input" }, name, path) : undefined;
      return found ?? (fallback && findTemplate(context, { key: name, template: fallback, trail: path }));
    },
  });
}

async function upstreamLacks(context: ResolveContext, key: string): Promise<boolean> {
  const kind = lookup(context.taskSpec.inputs?.parameters, key)?.kind;
  return kind?.case === "taskOutputParameter" && (await upstreamFailed(context, kind.value.producerTask));
}

/** What a task that did not succeed has published all the same, as a loop some of whose iterations ended well. */
async function fromFailedUpstream(
  context: ResolveContext,
  { key, producerTask, outputParameterKey }: { key: string; producerTask: string; outputParameterKey: string },
): Promise<FoundParameter | undefined> {
  const producer = await findSibling(context, producerTask);
  if (producer === undefined || (await producedParameters(context, producer, outputParameterKey)).length === 0) return undefined;
  return fromTaskOutput(context, { key, producer, outputKey: outputParameterKey });
}

function fromComponentInput(context: ResolveContext, key: string, parentKey: string): FoundParameter | undefined {
  if (parentKey === "") throw cannotResolve(context, key, "VALUE_INVALID", "the name of the component input is empty");
  const { parent, lookupIteration } = context;
  const candidates = (parent.inputs?.parameters ?? [])
    .filter((entry) => entry.parameterKey === parentKey)
    .toSorted(compareCandidates);
  const matching =
    candidates.length > 1 && lookupIteration !== undefined
      ? candidates.find((entry) => iterationOfEntry(entry) === lookupIteration)
      : undefined;
  const chosen = matching ?? candidates[0];
  if (chosen === undefined) return undefined;
  // A null loop item is an item: the input's type decides about it.
  if (matching === undefined && isAbsentOrNull(chosen.value)) return undefined;
  return { value: chosen.value, type: IoType.COMPONENT_INPUT, producer: producerOfEntry(context, key, chosen) };
}

/**
 * The task that an input names as its producer.
 *
 * @throws {ResolveError} PRODUCER_NOT_FOUND.
 */
export async function findProducer(context: ResolveContext, key: string, name: string): Promise<PipelineTask> {
  const producer = name === "" ? undefined : await findSibling(context, name);
  if (producer !== undefined) return producer;
  const reason =
    name === "" ? "its producer task has no name" : `producerTask task "${name}" not found in "${context.parent.scopePath}"`;
  throw cannotResolve(context, key, "PRODUCER_NOT_FOUND", reason);
}

/** The row of a sibling in the same iteration, if there is one. */
export function findSibling({ rows, parent, lookupIteration }: ResolveContext, name: string): Promise<PipelineTask | undefined> {
  return rows.findSibling({ name, parentId: parent.taskId, iteration: lookupIteration });
}

interface TaskOutput {
  readonly key: string;
  readonly producer: PipelineTask;
  readonly outputKey: string;
}

async function fromTaskOutput(context: ResolveContext, { key, producer, outputKey }: TaskOutput): Promise<FoundParameter> {
  const entries = await producedParameters(context, producer, outputKey);
  const [first] = entries;
  if (first === undefined) {
    if (await comesFromEmptyLoop(context, { producer, kind: "parameter", key: outputKey })) return collection(producer, []);
    throw missingOutput(context, key, producer.name, outputKey);
  }
  const isBare = entries.length === 1 && (first.type !== IoType.ITERATOR_OUTPUT || !isDagTask(producer));
  if (isBare) return { value: first.value, type: IoType.TASK_OUTPUT_INPUT, producer: producerOfEntry(context, key, first) };
  if (!isDagTask(producer) || entries.some(({ type }) => type !== IoType.ITERATOR_OUTPUT)) {
    const reason = `multiple outputs with producer key "${outputKey}" of "${producer.name}" outside a loop collection`;
    throw cannotResolve(context, key, "PRODUCER_OUTPUT_AMBIGUOUS", reason);
  }
  return collection(producer, inIterationOrder(context, key, entries));
}

/** `producer "prep" has no output "n"`. */
export function missingOutput(context: ResolveContext, key: string, producer: string, outputKey: string): Error {
  return cannotResolve(
    context,
    key,
    "PRODUCER_OUTPUT_MISSING",
    `producer "${producer}" has no output "${outputKey}" (not found)`,
  );
}

function collection(producer: PipelineTask, entries: readonly IoParameter[]): FoundParameter {
  const values = create(ListValueSchema, { values: entries.map(({ value }) => value ?? create(ValueSchema)) });
  return {
    value: create(ValueSchema, { kind: { case: "listValue", value: values } }),
    type: IoType.COLLECTED_INPUTS,
    producer: { taskName: producer.name },
  };
}

/** Ascending iteration when every entry has one, which then may not repeat; else the order of the list. */
function inIterationOrder(context: ResolveContext, key: string, entries: readonly IoParameter[]): readonly IoParameter[] {
  const iterations = entries.map(iterationOfEntry);
  if (iterations.includes(undefined)) return entries;
  const repeated = iterations.find((iteration, index) => iterations.indexOf(iteration) !== index);
  if (repeated !== undefined) {
    throw cannotResolve(context, key, "PRODUCER_OUTPUT_AMBIGUOUS", `its collection holds iteration ${repeated} more than once`);
  }
  return entries.toSorted((a, b) => (iterationOfEntry(a) ?? 0) - (iterationOfEntry(b) ?? 0));
}

async function fromFinalStatus(context: ResolveContext, key: string, producerTask: string): Promise<FoundParameter> {
  const producer = producerTask === "" ? undefined : await findSibling(context, producerTask);
  if (producerTask !== "" && context.taskSpec.dependentTasks.length === 0) {
    throw cannotResolve(context, key, "PRODUCER_NOT_FOUND", "it asks for a final status, but the task depends on no other task");
  }
  const { spec, rows, job } = context;
  const watched = producer ?? (await findProducer(context, key, producerTask));
  return {
    value: await finalStatusValue({ spec, producer: watched, rows, runName: job.runName }),
    type: IoType.TASK_FINAL_STATUS_OUTPUT,
    producer: parentProducer(context),
  };
}
