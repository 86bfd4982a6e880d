/**
 * What every part of input resolution needs: the task to be driven, its parent, the rows of the run.
 *
 * Source: docs/spec/resolver.md.
 *
 * @module
 */
import { ResolveError } from "../../core/errors.ts";
import type { CodeOf } from "../../core/errors.ts";
import type { ComponentSpec, PipelineSpec, PipelineTask, PipelineTaskSpec } from "../../core/kfp-types.ts";
import type { RunFacts } from "../../core/placeholders/placeholders.ts";
import { producerMessage } from "../run/io-entries.ts";
import type { Producer } from "../run/io-entries.ts";
import type { PropagationPlan } from "../outputs/propagation-plan.ts";
import { iterationOf } from "../run/task-index.ts";
import type { TaskIndex } from "../run/task-index.ts";
import { TaskRows } from "../run/task-rows.ts";
import type { TaskReader } from "../run/task-rows.ts";

/** A task whose inputs are to be resolved. */
export interface ResolveRequest {
  readonly spec: PipelineSpec;
  /** Key of the task to be driven, in its parent's DAG. */
  readonly taskKey: string;
  readonly taskSpec: PipelineTaskSpec;
  readonly component: ComponentSpec;
  /** The row of the enclosing DAG, hydrated. */
  readonly parent: PipelineTask;
  /** A snapshot of the run; or the parent and the tasks that `producersOf` names. */
  readonly tasks: TaskIndex;
  /** Reads what a partial index lacks. Without it a partial index is all there is. */
  readonly reader?: TaskReader | undefined;
  /** Absent outside loops. */
  readonly iterationIndex?: number | undefined;
  /** Facts of the run that placeholders in constants ask for. */
  readonly job: RunFacts;
  /** Value of `{{$.pipeline_root}}`; absent: the placeholder stays. */
  readonly pipelineRoot?: string | undefined;
}

/** The request as the parts of resolution share it. */
export interface ResolveContext extends Omit<ResolveRequest, "tasks" | "reader"> {
  readonly rows: TaskRows;
  readonly scopePath: string;
  /** What is being resolved, for messages. */
  readonly subject: "input" | "setting";
  /** Own iteration, else the parent's: for siblings and for the parent's inputs, never for the producer of what is stored. */
  readonly lookupIteration: number | undefined;
  /** Outputs of preserved children that their parents lack, found on the way. */
  readonly republish: PropagationPlan;
}

/** The context of a request; the parent's row is at hand from the start. */
export function resolveContext(request: ResolveRequest, republish: PropagationPlan): ResolveContext {
  const { tasks, reader, ...rest } = request;
  return {
    ...rest,
    rows: new TaskRows(tasks.get(request.parent.taskId) === undefined ? tasks.withRows([request.parent]) : tasks, reader),
    scopePath: `${request.parent.scopePath}.${request.taskKey}`,
    subject: "input",
    lookupIteration: request.iterationIndex ?? iterationOf(request.parent),
    republish,
  };
}

/** Producer of values that the enclosing DAG, and no task in it, gives. */
export function parentProducer({ parent }: ResolveContext): Producer {
  return { taskName: parent.name };
}

/**
 * In an iteration every stored input carries the iteration's index, whatever its source says
 * (docs/spec/resolver.md#parameters-by-kind).
 */
export function stampIteration({ iterationIndex }: ResolveContext, producer: Producer): Producer {
  return iterationIndex === undefined ? producer : { ...producer, iteration: iterationIndex };
}

/** The producer of an entry read from the API. */
export function producerOfEntry(
  context: ResolveContext,
  inputKey: string,
  entry: { readonly producer?: ReturnType<typeof producerMessage> | undefined },
): Producer {
  if (entry.producer === undefined) {
    throw cannotResolve(context, inputKey, "VALUE_INVALID", "the producer of its value is not recorded");
  }
  const { taskName, iteration } = entry.producer;
  return { taskName, iteration: iteration === undefined ? undefined : Number(iteration) };
}

/** `Cannot resolve input "epochs" of task "root.train": <reason>`. */
export function cannotResolve(
  context: ResolveContext,
  inputKey: string,
  code: CodeOf<"ResolveError">,
  reason: string,
  cause?: unknown,
): ResolveError {
  const { scopePath, iterationIndex } = context;
  const details = { input: inputKey, task: scopePath, iteration: iterationIndex };
  const options = cause === undefined ? { details } : { details, cause };
  return new ResolveError(code, `Cannot resolve ${describeInput(context, inputKey)}: ${reason}`, options);
}

/** `input "epochs" of task "root.train"`. */
export function describeInput({ scopePath, subject }: ResolveContext, inputKey: string): string {
  return `${subject} "${inputKey}" of task "${scopePath}"`;
}
