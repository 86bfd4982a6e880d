/**
 * The CONTAINER driver: resolves a step, looks for a cache hit, records the task, and makes the patch of the step's pod.
 *
 * Calls on a fresh run: GetRun, [FindCachedTask], CreateTask, and the input links where there are input artifacts. A hit also links and
 * propagates the outputs; a hit and a false condition roll up the state.
 *
 * Source: docs/spec/driver-flows.md#container, #budget, #container-driver-of-later-upstream.
 *
 * @module
 */
import { clone, create } from "@bufbuild/protobuf";
import { choosePipelineRoot } from "../../config/pipeline-root.ts";
import { adviceForLargeArguments, findOversizedArgument, findZeroByte } from "../../core/executor/argument-size.ts";
import { joinPipelineRoot } from "../../core/executor/artifact-uri.ts";
import { ResolveError } from "../../core/errors.ts";
import { buildExecutorInputs, provisionOutputs } from "../../core/executor/executor-input.ts";
import { ExecutorInputSchema, TaskType, type ContainerSpec, type ExecutorInput } from "../../core/kfp-types.ts";
import { containerOf } from "../../core/spec/pipeline-spec.ts";
import { declaredInputs, resolveDriverArguments } from "../../core/placeholders/placeholders.ts";
import { jsonToValue, type JsonObject } from "../../core/values/value.ts";
import { ExecutorInput_InputsSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import { resolveInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { lookUpCache, type CacheDecision } from "./cache-lookup.ts";
import { recordCached, recordSkipped, recordStep, type ResolvedStep } from "./record-step.ts";
import { childSpec, readChildTask, type ChildSpec, type ChildTask } from "../child-task.ts";
import { resolveChannelText } from "../channel-text.ts";
import type { DriverDeps } from "../deps.ts";
import { withFailureReport, type TaskInProgress } from "../failure-report.ts";
import { runFactsOf } from "../run-facts.ts";
import { dynamicValues } from "../dynamic-values.ts";
import { parseKubernetesConfig, producersOfConfig, type ParsedKubernetesConfig } from "../kubernetes-config.ts";
import type { ContainerOptions } from "../options.ts";
import { drivePlatformTask } from "../platform-tasks/drive-platform-task.ts";
import { platformOperation } from "../platform-tasks/operation.ts";
import type { ResolveDynamic } from "../pod-spec-patch/contribution.ts";
import { buildPodSpecPatch } from "../pod-spec-patch/index.ts";
import { claimNames } from "../pod-spec-patch/kubernetes/claims.ts";
import { taskConfigInputs } from "../pod-spec-patch/passthroughs.ts";
import { planPod } from "../pod-spec-patch/pod-plan.ts";
import type { PodSpecPatch } from "../pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../result.ts";
import { taskDraft } from "../task-draft.ts";
import { evaluateTrigger } from "../trigger.ts";

interface Step extends ResolvedStep, ChildSpec {
  readonly container: ContainerSpec;
  readonly executorInput: ExecutorInput;
  readonly kubernetes: ParsedKubernetesConfig | undefined;
  /** Values that the Kubernetes config takes from the run. */
  readonly resolve: ResolveDynamic;
}

export async function driveContainer(deps: DriverDeps, options: ContainerOptions): Promise<DriverResult> {
  const kubernetes = parseKubernetesConfig(options.kubernetesConfig);
  warnOfUnknownFields(deps.logger, "--kubernetes_config", kubernetes?.unknownFields ?? []);
  const child = await readChildTask(deps, options, kubernetes === undefined ? [] : producersOfConfig(kubernetes.config));
  const { snapshot, parent, scopePath } = child;
  const { taskName, iterationIndex } = options;
  const spec = childSpec(snapshot.spec, scopePath);
  const place = {
    name: taskName,
    displayName: spec.taskSpec.taskInfo?.name ?? "",
    type: TaskType.RUNTIME,
    scopePath,
    parentTaskId: parent.taskId,
    ...(iterationIndex === undefined ? {} : { typeAttributes: { iterationIndex: BigInt(iterationIndex) } }),
  };
  const progress: TaskInProgress = { draft: taskDraft(place, options, deps.clock) };
  return withFailureReport(deps, snapshot, progress, async (work) => {
    const container = containerOf(snapshot.pipeline, spec.component, spec.componentName);
    const operation = platformOperation(container.image);
    if (operation !== undefined) {
      return drivePlatformTask(work, operation, { ...child, ...spec, options, container, progress });
    }
    const root = await pipelineRoot(work, child, options);
    const request = {
      spec: snapshot.spec,
      taskKey: taskName,
      taskSpec: spec.taskSpec,
      component: spec.component,
      parent,
      tasks: snapshot.tasks,
      reader: snapshot.reader,
      iterationIndex,
      job: runFactsOf(snapshot.run, options),
      pipelineRoot: root,
    };
    const inputs = await resolveInputs(request);
    const executorInput = buildExecutorInputs(inputs);
    const resolve = dynamicValues(work.logger, request, inputs.republish);
    const step: Step = { ...child, ...spec, options, container, inputs, executorInput, progress, kubernetes, resolve };
    const condition = await evaluateTrigger(spec.taskSpec, spec.component, executorInput);
    const outcome = condition === undefined ? {} : { condition };
    if (condition === false) return { ...outcome, ...(await recordSkipped(work, step)) };

    const outputs = provisionOutputs({
      component: spec.component,
      pipelineRoot: root,
      taskKey: taskName,
      salt: work.randomUuid(),
      publishLogs: options.publishLogs === "true",
      outputsDir: work.settings.outputsDir,
      artifactLocalPath: work.settings.artifactLocalPath,
    });
    const full = create(ExecutorInputSchema, { ...executorInput, outputs });
    const decision = await lookUpCache(work, {
      ...step,
      executorInput: full,
      claimNames: async () => (kubernetes === undefined ? [] : claimNames(kubernetes.config, resolve)),
    });
    progress.draft = { ...progress.draft, cacheFingerprint: decision.fingerprint };
    if (decision.hit !== undefined) return { ...outcome, ...(await recordCached(work, step, decision.hit)) };
    return { ...outcome, ...(await recordRunning(work, { ...step, executorInput: full }, decision)) };
  });
}

/** Hand-over to the launcher: the row says RUNNING, the patch says how. */
async function recordRunning(deps: DriverDeps, step: Step, { fingerprint }: CacheDecision): Promise<DriverResult> {
  const { container, component, options, kubernetes } = step;
  const resolveText = (text: string): string => resolveChannelText(text, step.executorInput);
  const { artifactLocalPath } = deps.settings;
  const plan = await planPod({ ...step, config: kubernetes?.config, resolveText, artifactLocalPath });
  const executorInput = withTaskConfig(step.executorInput, taskConfigInputs(component), plan.taskConfig);
  const elements = [...container.command, ...container.args];
  const userArguments = resolveDriverArguments(elements, executorInput, declaredInputs(component));
  const { task, batch } = await recordStep(deps, step, {});
  await batch.flush();
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

async function pipelineRoot(deps: DriverDeps, { snapshot }: ChildTask, options: ContainerOptions): Promise<string> {
  const root = await choosePipelineRoot(deps, {
    runRoot: snapshot.run.runtimeConfig?.pipelineRoot ?? "",
    specRoot: snapshot.spec.defaultPipelineRoot,
    namespace: options.namespace,
    ...(deps.settings.launcherConfigFolder === undefined ? {} : { folder: deps.settings.launcherConfigFolder }),
  });
  return joinPipelineRoot(root, [options.pipelineName, options.runId], { keepQuery: true });
}
