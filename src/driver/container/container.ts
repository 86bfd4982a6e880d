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
import { create } from "@bufbuild/protobuf";
import { choosePipelineRoot } from "../../config/pipeline-root.ts";
import { adviceForLargeArguments, findOversizedArgument } from "../../core/executor/argument-size.ts";
import { joinPipelineRoot } from "../../core/executor/artifact-uri.ts";
import { ResolveError, SpecError } from "../../core/errors.ts";
import { buildExecutorInputs, provisionOutputs } from "../../core/executor/executor-input.ts";
import {
  ExecutorInputSchema,
  TaskState,
  TaskType,
  type ComponentSpec,
  type ContainerSpec,
  type ExecutorInput,
  type PipelineTask,
} from "../../core/kfp-types.ts";
import { containerOf } from "../../core/spec/pipeline-spec.ts";
import { declaredInputs, resolveDriverArguments } from "../../core/placeholders/placeholders.ts";
import { resolveInputs, type ResolvedInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { createOrAdoptTask, timestampNow } from "../../tasks/attempt.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { artifactLinks } from "../../tasks/links.ts";
import { queueOutputs, queuePlan, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import { lookUpCache, type CacheDecision } from "./cache-lookup.ts";
import { cloneCachedOutputs } from "./cached-outputs.ts";
import { childSpec, existingRow, readChildTask, type ChildSpec, type ChildTask } from "../child-task.ts";
import { resolveChannelText } from "../channel-text.ts";
import type { DriverDeps } from "../deps.ts";
import { withFailureReport, type TaskInProgress } from "../failure-report.ts";
import { jobContext } from "../job-context.ts";
import { assertKubernetesConfigSupported, parseKubernetesConfig, type ParsedKubernetesConfig } from "../kubernetes-config.ts";
import type { ContainerOptions } from "../options.ts";
import { buildPodSpecPatch } from "../pod-spec-patch/index.ts";
import type { PodSpecPatch } from "../pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../result.ts";
import { taskDraft } from "../task-draft.ts";
import { evaluateTrigger } from "../trigger.ts";

/** Images that name a task of the driver itself instead of a program. */
const PLATFORM_OPERATIONS = new Set(["argostub/createpvc", "argostub/deletepvc"]);

interface Step extends ChildTask, Omit<ChildSpec, "taskSpec"> {
  readonly options: ContainerOptions;
  readonly taskSpec: ChildSpec["taskSpec"];
  readonly container: ContainerSpec;
  readonly inputs: ResolvedInputs;
  readonly executorInput: ExecutorInput;
  readonly progress: TaskInProgress;
}

export async function driveContainer(deps: DriverDeps, options: ContainerOptions): Promise<DriverResult> {
  const kubernetes = parseKubernetesConfig(options.kubernetesConfig);
  warnOfUnknownFields(deps, kubernetes);
  const child = await readChildTask(deps, options);
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
    assertSupported(container, spec.component, kubernetes, taskName);
    const root = await pipelineRoot(work, child, options);
    const inputs = await resolveInputs({
      spec: snapshot.spec,
      taskKey: taskName,
      taskSpec: spec.taskSpec,
      component: spec.component,
      parent,
      tasks: snapshot.tasks,
      reader: snapshot.reader,
      iterationIndex,
      job: jobContext(snapshot.run, parent, options),
      pipelineRoot: root,
    });
    const executorInput = buildExecutorInputs(inputs);
    assertNoModelcar(executorInput, taskName);
    const step: Step = { ...child, ...spec, options, container, inputs, executorInput, progress };
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
    const decision = await lookUpCache(work, { ...step, executorInput: full });
    progress.draft = { ...progress.draft, cacheFingerprint: decision.fingerprint };
    if (decision.hit !== undefined) return { ...outcome, ...(await recordCached(work, step, decision.hit)) };
    return { ...outcome, ...(await recordRunning(work, { ...step, executorInput: full }, decision, kubernetes !== undefined)) };
  });
}

/** Condition false: the row says SKIPPED and that is all. */
async function recordSkipped(deps: DriverDeps, step: Step): Promise<DriverResult> {
  const { task, batch } = await recordTask(deps, step, { state: TaskState.SKIPPED, endTime: timestampNow(deps.clock) });
  await batch.flush();
  await rollUp(deps, step, task, TaskState.SKIPPED);
  return { taskId: task.taskId, cached: false };
}

/** Outputs of the cached task become this task's, and climb from here: no launcher will run. */
async function recordCached(deps: DriverDeps, step: Step, hit: PipelineTask): Promise<DriverResult> {
  const { snapshot, options } = step;
  const runId = options.runId;
  const outputs = cloneCachedOutputs(hit, options);
  const { task, batch } = await recordTask(deps, step, {
    state: TaskState.CACHED,
    endTime: timestampNow(deps.clock),
    outputs: { parameters: outputs.parameters },
  });
  for (const link of artifactLinks({ runId, taskId: task.taskId }, outputs.artifacts)) batch.queueLink(link);
  const propagation = { runId, spec: snapshot.spec, tasks: snapshot.tasks };
  const plan = await queueOutputs({ ...deps, batch }, { ...task, outputs }, propagation);
  await batch.flush();
  await settleInnerLoops({ ...deps, batch }, plan, propagation);
  await rollUp(deps, step, task, TaskState.CACHED);
  deps.logger.info("Outputs taken from the cache", { taskId: task.taskId, cachedTaskId: hit.taskId });
  return { taskId: task.taskId, cached: true };
}

/** Hand-over to the launcher: the row says RUNNING, the patch says how. */
async function recordRunning(
  deps: DriverDeps,
  step: Step,
  { fingerprint }: CacheDecision,
  hasKubernetesConfig: boolean,
): Promise<DriverResult> {
  const { container, component, executorInput, options } = step;
  const elements = [...container.command, ...container.args];
  const userArguments = resolveDriverArguments(elements, executorInput, declaredInputs(component));
  const { task, batch } = await recordTask(deps, step, {});
  await batch.flush();
  const podSpecPatch = buildPodSpecPatch({
    options,
    container,
    executorInput,
    userArguments,
    taskId: task.taskId,
    fingerprint,
    hasKubernetesConfig,
    resolveText: (text) => resolveChannelText(text, executorInput),
  });
  assertArgumentsFit(podSpecPatch, executorInput, deps.settings.argumentLimitBytes);
  return { taskId: task.taskId, cached: false, podSpecPatch };
}

/** A pod with such an argument is made, scheduled, and then cannot be started; its error names nothing. */
function assertArgumentsFit({ containers }: PodSpecPatch, executorInput: ExecutorInput, limitBytes: number | undefined): void {
  for (const { command, args = [] } of containers) {
    const oversized = findOversizedArgument([...command, ...args], limitBytes);
    if (oversized === undefined) continue;
    const advice = adviceForLargeArguments(executorInput);
    throw new ResolveError("ARGUMENT_TOO_LARGE", `Cannot start the step: in its pod, ${oversized}; ${advice}`);
  }
}

/** Creates or adopts the row and queues its input links. */
async function recordTask(
  deps: DriverDeps,
  { options, inputs, progress, ...child }: Step,
  fields: TaskInProgress["draft"],
): Promise<{ task: PipelineTask; batch: BatchUpdater }> {
  progress.draft = { ...progress.draft, inputs: { parameters: inputs.parameters }, ...fields };
  const { task, adopted } = await createOrAdoptTask(deps, {
    runId: options.runId,
    draft: progress.draft,
    existing: existingRow(child, TaskType.RUNTIME, options.iterationIndex),
    onTaskId: (taskId) => {
      progress.taskId = taskId;
    },
  });
  progress.row = task;
  const batch = new BatchUpdater(deps, options.runId);
  if (adopted) batch.noteTask(task);
  else batch.noteFreshTask(task.taskId);
  for (const link of artifactLinks({ runId: options.runId, taskId: task.taskId }, inputs.artifacts)) batch.queueLink(link);
  queuePlan(batch, inputs.republish);
  return { task, batch };
}

async function rollUp(deps: DriverDeps, { snapshot, options }: Step, task: PipelineTask, state: TaskState): Promise<void> {
  await propagateStatus(
    deps,
    { ...task, state },
    { runId: options.runId, spec: snapshot.spec, isLargeRun: !snapshot.complete, tasks: snapshot.tasks },
  );
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

function warnOfUnknownFields({ logger }: DriverDeps, kubernetes: ParsedKubernetesConfig | undefined): void {
  const fields = kubernetes?.unknownFields ?? [];
  if (fields.length > 0) logger.warn("Unknown fields are ignored", { flag: "kubernetes_config", fields: fields.join(", ") });
}

function assertSupported(
  container: ContainerSpec,
  component: ComponentSpec,
  kubernetes: ParsedKubernetesConfig | undefined,
  taskName: string,
): void {
  const refuse = (what: string): SpecError =>
    new SpecError("FEATURE_UNSUPPORTED", `Cannot drive task "${taskName}": this version does not support ${what}`);
  if (PLATFORM_OPERATIONS.has(container.image)) throw refuse(`volume tasks (image ${container.image})`);
  if (component.taskConfigPassthroughs.length > 0) throw refuse("task configuration passthrough (dsl.TaskConfig)");
  if (kubernetes !== undefined) assertKubernetesConfigSupported(kubernetes.config, taskName);
}

function assertNoModelcar(executorInput: ExecutorInput, taskName: string): void {
  for (const [name, { artifacts }] of Object.entries(executorInput.inputs?.artifacts ?? {})) {
    if (artifacts.some(({ uri }) => uri.startsWith("oci://"))) {
      throw new SpecError(
        "FEATURE_UNSUPPORTED",
        `Cannot drive task "${taskName}": input artifact "${name}" is an OCI image, which this version does not support`,
      );
    }
  }
}
