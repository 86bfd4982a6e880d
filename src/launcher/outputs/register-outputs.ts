/**
 * Outputs become visible: artifacts are stored, then linked to every ancestor they feed, output parameters are queued along.
 *
 * Artifacts cost one call, because links need their ids. Links, output parameters of the task and of its ancestors, and the final
 * state travel together in the flush of the finalisation; only a loop inside a loop is flushed before, since it has to be read again.
 *
 * Source: docs/spec/launcher-flow.md#steps (steps 11 to 14), docs/spec/outputs.md#output-parameters,
 * docs/spec/output-propagation.md, #lau-13, #lau-37.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  InputOutputsSchema,
  IoArtifactSchema,
  IoType,
  type Artifact,
  type IoArtifact,
  type IoParameter,
} from "../../core/kfp-types.ts";
import type { OutputArtifactPlan } from "../../core/executor/output-artifacts.ts";
import type { Value } from "../../core/values/value.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CreateArtifactInit, KfpApi } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import { ioParameter, producerMessage } from "../../resolver/run/io-entries.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { queueOutputs, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagationOptions } from "../../tasks/read-run.ts";
import type { Attempt } from "../attempt.ts";
import type { CommonOptions } from "../options.ts";

/** What making outputs visible takes. */
export interface RegisterDeps {
  readonly api: KfpApi;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/** The task whose outputs they are. */
export interface RegisterOptions extends CommonOptions {
  readonly taskId: string;
}

/** The request that stores one artifact as an output of the task. */
export function artifactRequest(
  { clock }: Pick<RegisterDeps, "clock">,
  { runId, taskId, namespace, iterationIndex }: RegisterOptions,
  { key, artifact }: { readonly key: string; readonly artifact: CreateArtifactInit["artifact"] & {} },
): CreateArtifactInit {
  return {
    runId,
    taskId,
    producerKey: key,
    artifact: { ...artifact, namespace, createdAt: timestampNow(clock) },
    ...(iterationIndex === undefined ? {} : { iterationIndex: BigInt(iterationIndex) }),
  };
}

/**
 * Stores the artifacts of a task. Those an earlier attempt has stored are found again.
 *
 * @returns The task's artifact entries, in the order of the plans.
 * @throws {ApiError} They stay queued.
 */
export async function storeArtifacts(
  deps: RegisterDeps,
  { batch }: Attempt,
  options: RegisterOptions,
  plans: readonly OutputArtifactPlan[],
): Promise<IoArtifact[]> {
  const stored = plans.flatMap(({ key, artifact }) => (artifact === undefined ? [] : [{ key, artifact }]));
  for (const plan of stored) batch.queueArtifact(artifactRequest(deps, options, plan));
  const { artifacts } = await batch.flush();
  return stored.flatMap(({ key }, index) => {
    const artifact = artifacts[index];
    return artifact === undefined ? [] : [artifactEntry(key, artifact, options)];
  });
}

/** An output of the task as its row shows it. */
export function artifactEntry(key: string, artifact: Artifact, options: CommonOptions): IoArtifact {
  return create(IoArtifactSchema, {
    artifactKey: key,
    artifacts: [artifact],
    type: outputType(options),
    producer: producerOf(options),
  });
}

/** Queues the output parameters of the task. */
export function queueParameters(
  { batch, task }: Attempt,
  options: RegisterOptions,
  values: ReadonlyMap<string, Value>,
): IoParameter[] {
  const parameters = [...values].map(([key, value]) =>
    ioParameter(key, value, outputType(options), { taskName: options.taskName, iteration: options.iterationIndex }),
  );
  if (parameters.length > 0) batch.queueTaskUpdate(task.taskId, { outputs: { parameters } });
  return parameters;
}

/** Queues what the outputs mean for the ancestors. Artifacts of earlier attempts are not among them: their links exist. */
export async function queuePropagation(
  deps: RegisterDeps,
  { batch, snapshot, task }: Attempt,
  outputs: { readonly parameters: IoParameter[]; readonly artifacts: IoArtifact[] },
): Promise<void> {
  const propagation = propagationOptions(snapshot);
  const own = { ...task, outputs: create(InputOutputsSchema, outputs) };
  const plan = await queueOutputs({ ...deps, batch }, own, propagation);
  if (plan.innerLoopIds.length === 0) return;
  await batch.flush();
  await settleInnerLoops({ ...deps, batch }, plan, propagation);
}

function outputType({ iterationIndex }: CommonOptions): IoType {
  return iterationIndex === undefined ? IoType.OUTPUT : IoType.ITERATOR_OUTPUT;
}

function producerOf({ taskName, iterationIndex }: CommonOptions): ReturnType<typeof producerMessage> {
  return producerMessage({ taskName, iteration: iterationIndex });
}
