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
import { joinPipelineRoot } from "../../core/executor/artifact-uri.ts";
import { buildExecutorInputs, provisionOutputs } from "../../core/executor/executor-input.ts";
import { ExecutorInputSchema, TaskType, type ContainerSpec, type ExecutorInput } from "../../core/kfp-types.ts";
import { containerOf } from "../../core/spec/pipeline-spec.ts";
import { stageRunner, type StageRunner } from "../../program/stage.ts";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import { resolveInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { childSpec, readChildTask, type ChildSpec, type ChildTask } from "../child-task.ts";
import type { DriverDeps } from "../deps.ts";
import { dynamicValues } from "../dynamic-values.ts";
import { withEarlyFailureReport } from "../early-failure.ts";
import { withFailureReport, type TaskInProgress } from "../failure-report.ts";
import { parseKubernetesConfig, sourcesOfConfig } from "../kubernetes-config.ts";
import type { ContainerOptions } from "../options.ts";
import { drivePlatformTask } from "../platform-tasks/drive-platform-task.ts";
import { platformOperation } from "../platform-tasks/operation.ts";
import { claimNames } from "../pod-spec-patch/kubernetes/claims.ts";
import type { DriverResult } from "../result.ts";
import { runFactsOf } from "../run-facts.ts";
import { taskDraft } from "../task-draft.ts";
import { evaluateTrigger } from "../trigger.ts";
import { lookUpCache } from "./cache-lookup.ts";
import { recordRunning, type Step } from "./hand-over.ts";
import { recordCached, recordSkipped } from "./record-step.ts";

/** Stages once the run is known. Errors stand alone in all of them: their messages name task and input already. */
const STAGES = {
  "do the task": "",
  "resolve inputs": "",
  "evaluate the condition": "",
  "look up the cache": "",
  "record the task": "",
} as const;

/**
 * Drives a container task, or does the task where its image names a task of the driver itself.
 *
 * @throws {KfpError} By then the failure is recorded with the task, once the run could be read.
 */
export async function driveContainer(deps: DriverDeps, options: ContainerOptions): Promise<DriverResult> {
  const { taskName, iterationIndex } = options;
  const identity = {
    name: taskName,
    type: TaskType.RUNTIME,
    ...(iterationIndex === undefined ? {} : { typeAttributes: { iterationIndex: BigInt(iterationIndex) } }),
  };
  const { child, spec, kubernetes } = await withEarlyFailureReport(
    deps,
    {
      runId: options.runId,
      parentTaskId: options.parentTaskId,
      draft: { ...taskDraft({ ...identity, displayName: "", scopePath: "" }, options, deps.clock), name: taskName },
    },
    () => readStep(deps, options),
  );
  const { snapshot, parent, scopePath } = child;
  const displayName = spec.taskSpec.taskInfo?.name ?? "";
  const place = { ...identity, displayName, scopePath, parentTaskId: parent.taskId };
  const progress: TaskInProgress = { draft: taskDraft(place, options, deps.clock) };
  const stage = stageRunner(STAGES);
  return withFailureReport(deps, snapshot, progress, async (work) => {
    const container = containerOf(snapshot.pipeline, spec.component, spec.componentName);
    const operation = platformOperation(container.image);
    const task: ContainerTask = { ...child, ...spec, options, container, progress };
    if (operation !== undefined) return stage("do the task", () => drivePlatformTask(work, operation, task));
    const { pipelineRoot, ...resolved } = await stage("resolve inputs", () => resolveStep(work, task));
    return driveResolved(work, { ...task, ...resolved, kubernetes }, pipelineRoot, stage);
  });
}

async function readStep(
  deps: DriverDeps,
  options: ContainerOptions,
): Promise<{ child: ChildTask; spec: ChildSpec; kubernetes: ReturnType<typeof parseKubernetesConfig> }> {
  const kubernetes = parseKubernetesConfig(options.kubernetesConfig);
  warnOfUnknownFields(deps.logger, "--kubernetes_config", kubernetes?.unknownFields ?? []);
  const child = await readChildTask(deps, options, kubernetes === undefined ? {} : sourcesOfConfig(kubernetes.config));
  return { child, spec: childSpec(child.snapshot.spec, child.scopePath), kubernetes };
}

interface ContainerTask extends ChildTask, ChildSpec {
  readonly options: ContainerOptions;
  readonly container: ContainerSpec;
  readonly progress: TaskInProgress;
}

/** Everything that is resolved before the trigger condition is looked at. */
async function resolveStep(deps: DriverDeps, task: ContainerTask) {
  const { snapshot, parent, taskSpec, component, options } = task;
  const pipelineRoot = await pipelineRootOf(deps, task, options);
  const request = {
    spec: snapshot.spec,
    taskKey: options.taskName,
    taskSpec,
    component,
    parent,
    tasks: snapshot.tasks,
    reader: snapshot.reader,
    iterationIndex: options.iterationIndex,
    job: runFactsOf(snapshot.run, options),
    pipelineRoot,
  };
  const inputs = await resolveInputs(request);
  // Whatever fails from here on fails with the inputs it had.
  task.progress.draft = { ...task.progress.draft, inputs: { parameters: inputs.parameters } };
  const executorInput = buildExecutorInputs(inputs);
  return { pipelineRoot, inputs, executorInput, resolve: dynamicValues(deps.logger, request, inputs.republish) };
}

/** Condition, cache, row: the first that decides ends the work. */
async function driveResolved(
  deps: DriverDeps,
  step: Step,
  pipelineRoot: string,
  stage: StageRunner<keyof typeof STAGES>,
): Promise<DriverResult> {
  const { taskSpec, component, progress, kubernetes, resolve } = step;
  const condition = await stage("evaluate the condition", () => evaluateTrigger(taskSpec, component, step.executorInput));
  const outcome = condition === undefined ? {} : { condition };
  if (condition === false) return { ...outcome, ...(await stage("record the task", () => recordSkipped(deps, step))) };

  const full: Step = { ...step, executorInput: withOutputs(deps, step, pipelineRoot) };
  const decision = await stage("look up the cache", () =>
    lookUpCache(deps, {
      ...full,
      claimNames: async () => (kubernetes === undefined ? [] : claimNames(kubernetes.config, resolve)),
    }),
  );
  progress.draft = { ...progress.draft, cacheFingerprint: decision.fingerprint };
  const { hit } = decision;
  const recorded = await stage("record the task", () =>
    hit === undefined ? recordRunning(deps, full, decision) : recordCached(deps, step, hit),
  );
  return { ...outcome, ...recorded };
}

function withOutputs(
  { randomUuid, settings }: DriverDeps,
  { component, executorInput, options }: Step,
  pipelineRoot: string,
): ExecutorInput {
  const outputs = provisionOutputs({
    component,
    pipelineRoot,
    taskKey: options.taskName,
    salt: randomUuid(),
    publishLogs: options.publishLogs === "true",
    outputsDir: settings.outputsDir,
    artifactLocalPath: settings.artifactLocalPath,
  });
  return create(ExecutorInputSchema, { ...executorInput, outputs });
}

async function pipelineRootOf(deps: DriverDeps, { snapshot }: ChildTask, options: ContainerOptions): Promise<string> {
  const root = await choosePipelineRoot(deps, {
    runRoot: snapshot.run.runtimeConfig?.pipelineRoot ?? "",
    specRoot: snapshot.spec.defaultPipelineRoot,
    namespace: options.namespace,
    ...(deps.settings.launcherConfigFolder === undefined ? {} : { folder: deps.settings.launcherConfigFolder }),
  });
  return joinPipelineRoot(root, [options.pipelineName, options.runId], { keepQuery: true });
}
