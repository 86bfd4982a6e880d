/**
 * CreatePVC: a claim, and its name as the task's output.
 *
 * The name is stored with the row before the claim is asked for, and a claim that is there already counts as created: whenever this
 * ends and is done again, it goes on with the same claim.
 *
 * Source: docs/spec/persistent-volume-claims.md#create; cache: #decision-claims-and-cache.
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import { errorMessage, KubeError, SpecError } from "../../core/errors.ts";
import {
  ExecutorInputSchema,
  InputOutputsSchema,
  IoParameterSchema,
  IoProducerSchema,
  IoType,
  TaskState,
  TaskType,
  type ExecutorInput,
  type IoParameter,
  type PipelineTask,
  type TaskInit,
} from "../../core/kfp-types.ts";
import { assertObjectName } from "../../core/spec/object-name.ts";
import { jsonToValue, type Value } from "../../core/values/value.ts";
import type { VolumeClaim, VolumeClaimApi } from "../../ports/kube-api.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { existingRow } from "../child-task.ts";
import { lookUpCache } from "../container/cache-lookup.ts";
import { flushStep, publishEnd, recordCached, recordStep } from "../container/record-step.ts";
import type { DriverDeps } from "../deps.ts";
import type { DriverResult } from "../result.ts";
import { claimInputs, type ClaimInputs } from "./claim-inputs.ts";
import { generatedClaimName } from "./claim-name.ts";
import { CLAIM_NAME_KEY, isDone, type PlatformStep } from "./platform-step.ts";
import { prefixError } from "./prefix-error.ts";

/** A claim on its way out keeps its name for as long as a pod uses it, usually seconds. */
const END_OF_CLAIM_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 2000;

export async function createClaim(deps: DriverDeps, step: PlatformStep): Promise<DriverResult> {
  const inputs = claimInputs(step.executorInput);
  const earlier = nameEntryOf(existingRow(step, TaskType.RUNTIME, step.options.iterationIndex));
  const name = earlier === undefined ? chosenName(step, inputs) : textOf(earlier.value);
  const cache = await lookUpCache(deps, {
    ...step,
    executorInput: withOwnName(step.executorInput, inputs, name),
    // The settings of a pod that there is not.
    claimNames: () => Promise.resolve([]),
  });
  const fields = { cacheFingerprint: cache.fingerprint };
  const hit = cache.hit;
  const hitName = hit === undefined ? undefined : nameOf(hit);
  // An attempt that has stored another name has begun to create that claim.
  if (hit !== undefined && hitName !== undefined && (earlier === undefined || hitName === name)) {
    if (await isClaimThere(deps, step, hitName)) {
      step.progress.draft = { ...step.progress.draft, ...fields };
      const parameters = [earlier ?? nameEntry(step, hitName)];
      return recordCached(deps, step, hit, create(InputOutputsSchema, { parameters }));
    }
  }

  const draft = { ...fields, outputs: { parameters: [earlier ?? nameEntry(step, name)] } };
  const { task, batch } = await recordStep(deps, step, draft, (row) => adoptedDraft(step, row));
  await flushStep(deps, step, batch);
  if (!isDone(task, "create-claim")) {
    await ensureClaim(deps, step, { name: nameOf(task) ?? name, annotations: inputs.annotations, spec: inputs.spec });
    await recordCreated(deps, step, task);
    return { taskId: task.taskId, cached: false };
  }
  await publishEnd(deps, step, task);
  return { taskId: task.taskId, cached: task.state === TaskState.CACHED };
}

async function recordCreated(deps: DriverDeps, step: PlatformStep, task: PipelineTask): Promise<void> {
  const end = { state: TaskState.SUCCEEDED, endTime: timestampNow(deps.clock) };
  const ended = await deps.api.updateTask(step.options.runId, task.taskId, end);
  step.progress.row = ended;
  await publishEnd(deps, step, ended);
}

function chosenName(step: PlatformStep, { name, nameSuffix }: ClaimInputs): string {
  const chosen = name === "" ? generatedClaimName(placeOf(step), nameSuffix) : name;
  try {
    assertObjectName(chosen);
  } catch (error) {
    throw new SpecError("SPEC_INVALID", `failed to create pvc: ${errorMessage(error)}`);
  }
  return chosen;
}

function placeOf({ options, parent, scopePath }: PlatformStep): Parameters<typeof generatedClaimName>[0] {
  return { runId: options.runId, parentTaskId: parent.taskId, scopePath, iterationIndex: options.iterationIndex };
}

/** A name that is not an input must count in the fingerprint nevertheless: another run's claim is another claim. */
function withOwnName(executorInput: ExecutorInput, { name: givenName }: ClaimInputs, name: string): ExecutorInput {
  if (name === givenName) return executorInput;
  const copy = clone(ExecutorInputSchema, executorInput);
  if (copy.inputs !== undefined) copy.inputs.parameterValues[name] = jsonToValue(name);
  return copy;
}

/** What an older row gets that no snapshot has shown: the name it has stays its name. */
function adoptedDraft({ progress }: PlatformStep, row: PipelineTask): TaskInit | undefined {
  if (isDone(row, "create-claim")) return undefined;
  const entry = nameEntryOf(row);
  return entry === undefined ? progress.draft : { ...progress.draft, outputs: { parameters: [entry] } };
}

function nameEntry({ options }: PlatformStep, name: string): IoParameter {
  const { taskName, iterationIndex } = options;
  const iteration = iterationIndex === undefined ? {} : { iteration: BigInt(iterationIndex) };
  return create(IoParameterSchema, {
    parameterKey: CLAIM_NAME_KEY,
    type: IoType.OUTPUT,
    value: jsonToValue(name),
    producer: create(IoProducerSchema, { taskName, ...iteration }),
  });
}

function nameEntryOf(row: PipelineTask | undefined): IoParameter | undefined {
  return row?.outputs?.parameters.find(({ parameterKey, value }) => parameterKey === CLAIM_NAME_KEY && textOf(value) !== "");
}

function nameOf(row: PipelineTask): string | undefined {
  const entry = nameEntryOf(row);
  return entry === undefined ? undefined : textOf(entry.value);
}

function textOf(value: Value | undefined): string {
  return value?.kind.case === "stringValue" ? value.kind.value : "";
}

/** A hit whose claim has been deleted meanwhile, or cannot be looked at, is none: creating it is right in both cases. */
async function isClaimThere(deps: DriverDeps, { options }: PlatformStep, claim: string): Promise<boolean> {
  try {
    const found = await (await deps.kube()).findVolumeClaim(options.namespace, claim);
    if (found === "present") return true;
    deps.logger.info("The claim of the cached task is gone, it is created", { claim });
  } catch (error) {
    deps.logger.warn("Cannot look for the claim of the cached task, it is created", { claim, reason: errorMessage(error) });
  }
  return false;
}

async function ensureClaim(deps: DriverDeps, { options }: PlatformStep, claim: VolumeClaim): Promise<void> {
  const { namespace } = options;
  try {
    const outcome = await createOnceFree(deps, await deps.kube(), namespace, claim);
    deps.logger.info(outcome === "created" ? "Created the claim" : "The claim exists already", { namespace, claim: claim.name });
  } catch (error) {
    throw prefixError(error, "failed to create pvc");
  }
}

async function createOnceFree(
  { clock, logger }: DriverDeps,
  kube: VolumeClaimApi,
  namespace: string,
  claim: VolumeClaim,
): Promise<"created" | "exists"> {
  const startedAtMs = clock.monotonicMs();
  for (;;) {
    const outcome = await kube.createVolumeClaim(namespace, claim);
    if (outcome !== "being-deleted") return outcome;
    const waitedMs = clock.monotonicMs() - startedAtMs;
    if (waitedMs >= END_OF_CLAIM_TIMEOUT_MS) {
      throw new KubeError(
        "KUBE_REJECTED",
        `PersistentVolumeClaim ${namespace}/${claim.name} is being deleted and still there after ${Math.round(waitedMs / 1000)} s: ` +
          "a pod still uses it; end that pod or choose another name",
        { details: { status: 409 } },
      );
    }
    logger.info("Waiting for the end of a claim of the same name", { namespace, claim: claim.name });
    await clock.sleep(LOOK_EVERY_MS);
  }
}
