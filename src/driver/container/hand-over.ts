/**
 * The hand-over of a step to its launcher: the row says RUNNING, the patch of the step's pod says how.
 *
 * Source: docs/spec/driver-flows.md#container, docs/spec/pod-spec-patch.md.
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import { ResolveError } from "../../core/errors.ts";
import { adviceForLargeArguments, findOversizedArgument, findZeroByte } from "../../core/executor/argument-size.ts";
import { ExecutorInputSchema, type ContainerSpec, type ExecutorInput } from "../../core/kfp-types.ts";
import { declaredInputs, resolveDriverArguments } from "../../core/placeholders/placeholders.ts";
import { jsonToValue, type JsonObject } from "../../core/values/value.ts";
import { ExecutorInput_InputsSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { resolveChannelText } from "../channel-text.ts";
import type { ChildSpec } from "../child-task.ts";
import type { DriverDeps } from "../deps.ts";
import type { ParsedKubernetesConfig } from "../kubernetes-config.ts";
import type { ResolveDynamic } from "../pod-spec-patch/contribution.ts";
import { buildPodSpecPatch } from "../pod-spec-patch/index.ts";
import { taskConfigInputs } from "../pod-spec-patch/passthroughs.ts";
import { planPod } from "../pod-spec-patch/pod-plan.ts";
import type { PodSpecPatch } from "../pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../result.ts";
import type { CacheDecision } from "./cache-lookup.ts";
import { flushStep, recordStep, type ResolvedStep } from "./record-step.ts";

/** A step that runs a container. */
export interface Step extends ResolvedStep, ChildSpec {
  readonly container: ContainerSpec;
  readonly executorInput: ExecutorInput;
  readonly kubernetes: ParsedKubernetesConfig | undefined;
  /** Values that the Kubernetes config takes from the run. */
  readonly resolve: ResolveDynamic;
}

/**
 * Records the row and makes the patch.
 *
 * @throws {KfpError} ARGUMENT_TOO_LARGE, and whatever the Kubernetes config of the step asks for in vain.
 */
export async function recordRunning(deps: DriverDeps, step: Step, { fingerprint }: CacheDecision): Promise<DriverResult> {
  const { container, component, options, kubernetes } = step;
  const resolveText = (text: string): string => resolveChannelText(text, step.executorInput);
  const { artifactLocalPath } = deps.settings;
  const plan = await planPod({ ...step, config: kubernetes?.config, resolveText, artifactLocalPath });
  const executorInput = withTaskConfig(step.executorInput, taskConfigInputs(component), plan.taskConfig);
  const elements = [...container.command, ...container.args];
  const userArguments = resolveDriverArguments(elements, executorInput, declaredInputs(component));
  const { task, batch } = await recordStep(deps, step, {});
  await flushStep(deps, step, batch);
  const podSpecPatch = buildPodSpecPatch({
    ...plan,
    options,
    container,
    executorInput,
    userArguments,
    taskId: task.taskId,
    fingerprint,
    resolveText,
    warn: step.resolve.warn,
  });
  assertArgumentsFit(podSpecPatch, executorInput, deps.settings.argumentLimitBytes);
  return { taskId: task.taskId, cached: false, podSpecPatch };
}

/** A pod with such an argument is made, scheduled, and then cannot be started; its error names nothing. */
function assertArgumentsFit({ containers }: PodSpecPatch, executorInput: ExecutorInput, limitBytes: number | undefined): void {
  for (const { command = [], args = [] } of containers) {
    const zeroByte = findZeroByte([...command, ...args]);
    if (zeroByte !== undefined) throw new ResolveError("VALUE_INVALID", `Cannot start the step: in its pod, ${zeroByte}`);
    const oversized = findOversizedArgument([...command, ...args], limitBytes);
    if (oversized === undefined) continue;
    const advice = adviceForLargeArguments(executorInput);
    throw new ResolveError("ARGUMENT_TOO_LARGE", `Cannot start the step: in its pod, ${oversized}; ${advice}`);
  }
}

/** The program gets the configuration like any other input; neither the row nor the fingerprint has it. */
function withTaskConfig(executorInput: ExecutorInput, names: readonly string[], taskConfig: JsonObject): ExecutorInput {
  if (names.length === 0) return executorInput;
  const copy = clone(ExecutorInputSchema, executorInput);
  copy.inputs ??= create(ExecutorInput_InputsSchema);
  for (const name of names) copy.inputs.parameterValues[name] = jsonToValue(taskConfig);
  return copy;
}
