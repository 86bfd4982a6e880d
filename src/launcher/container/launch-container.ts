/**
 * One attempt at a container task: everything between the driver's command line and the final state of the task.
 *
 * | step                                   | calls (small run, nothing unusual)                                  |
 * | -------------------------------------- | ------------------------------------------------------------------- |
 * | read run, task, parent                 | GetRun FULL (in an iteration of a loop: see tasks/read-run.ts)       |
 * | a row that does not say RUNNING        | UpdateTask                                                          |
 * | folders, inputs, command, uploads      | none                                                                |
 * | artifacts, the log among them          | CreateArtifactsBulk                                                 |
 * | links, output parameters, final state  | CreateArtifactTasksBulk where ancestors are fed, UpdateTasksBulk     |
 * | status propagation                     | one read; for each UpdateTasksBulk of ancestors one read more       |
 *
 * Source: docs/spec/launcher-flow.md, #lau-3, #lau-8, #lau-10, #lau-12, docs/spec/inputs-and-user-command.md#lau-11,
 * docs/spec/output-propagation.md#lau-13, docs/spec/object-stores.md#lau-31, docs/spec/rules.md#decisions.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { TaskState, type ExecutorInput, type PipelineTask } from "../../core/kfp-types.ts";
import { reportFailure } from "../../tasks/report-failure.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { findTask } from "../../tasks/read-tasks.ts";
import { readRun } from "../../tasks/read-run.ts";
import { componentOfTask, reapplyRunning, withOwnPod, type Attempt } from "../attempt.ts";
import { prepareCaBundle } from "../ca-bundle.ts";
import { collectOutputs, type CollectedOutputs } from "../outputs/collect-outputs.ts";
import type { LauncherDeps, LaunchResult } from "../deps.ts";
import { downloadInputs } from "../inputs/download-inputs.ts";
import { emptyOutputPlaces } from "../outputs/empty-outputs.ts";
import { createLog, executorLogOf, logArtifact, uploadLog, type ExecutorLog } from "../log/executor-logs.ts";
import { attemptFailure, type AttemptFailure } from "../failure.ts";
import { finalizeAttempt } from "./finalize.ts";
import { StopWatch, throwIfInterrupted, unlessInterrupted } from "../interruption.ts";
import { stopModelcars } from "../inputs/modelcar.ts";
import type { ContainerOptions } from "../options.ts";
import {
  assertLocationsAllowed,
  makeOutputFolders,
  openLocations,
  prepareLogins,
  qualifyLogs,
  readExecutorInput,
} from "./prepare.ts";
import { artifactRequest, queueParameters, queuePropagation, storeArtifacts } from "../outputs/register-outputs.ts";
import { assertArgumentsFit, noCommand, resolveCommand, runCommand } from "../command/run-command.ts";
import { hasLocalRoot, openStores, type Stores } from "../stores.ts";
import { uploadOutputs } from "../outputs/upload-outputs.ts";

/** What the message of a failure begins with, by the stage it happened in (docs/spec/launcher-flow.md#failure-table). */
const STAGE_PREFIX = {
  start: "",
  folders: "failed to prepare output folders: ",
  placeholders: "failed to execute component: failed to get placeholders: ",
  execute: "failed to execute component: ",
  store: "failed to execute component: failed to flush artifacts before propagation: ",
  propagate: "failed to execute component: failed to propagate outputs: ",
} as const;

/** How far an attempt got, for whoever cleans up after it. */
interface Progress {
  stage: keyof typeof STAGE_PREFIX;
  executorInput?: ExecutorInput;
  /** Present from the moment the command is started until the log is on its way with the other outputs. */
  unpublishedLog?: ExecutorLog;
}

/** Runs one attempt. Never throws: whatever goes wrong is in the result and, where the server can be reached, in the task. */
export async function launchContainer(deps: LauncherDeps, options: ContainerOptions): Promise<LaunchResult> {
  let attempt: Attempt;
  try {
    attempt = await beginAttempt(deps, options);
  } catch (error) {
    return await reportFailedStart(deps, options, errorMessage(error));
  }
  const { run, spec } = attempt.snapshot;
  const stores = openStores(deps.openStore, { ...options, localRootAllowed: hasLocalRoot(run, spec) });
  const progress: Progress = { stage: "start" };
  const stopWatch = new StopWatch(deps);
  let failure: AttemptFailure | undefined;
  try {
    await runStages({ ...deps, stores }, attempt, options, progress);
  } catch (error) {
    failure = attemptFailure(STAGE_PREFIX[progress.stage], error);
  }
  const { unpublishedLog, executorInput } = progress;
  if (unpublishedLog !== undefined) {
    await stopWatch.settle(publishLog({ ...deps, stores }, attempt, options, unpublishedLog));
  }
  stopWatch.close();
  await stores.close().catch((error: unknown) => deps.logger.warn("The store does not close", { reason: errorMessage(error) }));
  if (executorInput !== undefined) await stopModelcars(deps, executorInput);
  return await finalizeAttempt(deps, attempt, failure);
}

async function beginAttempt(deps: LauncherDeps, options: ContainerOptions): Promise<Attempt> {
  const { api, taskCountHint } = deps;
  const { runId, taskId, parentTaskId, iterationIndex } = options;
  const snapshot = await readRun(deps, { runId, parentTaskId, ownTaskId: taskId, iterationIndex, taskCountHint });
  const row = snapshot.own as PipelineTask;
  const pods = withOwnPod(row.pods, options.pod);
  const batch = new BatchUpdater(deps, runId);
  batch.noteTask(row);
  return { snapshot, task: await reapplyRunning(api, row, pods), pods, batch };
}

/** The run could not even be read: the task is marked all the same, if the server lets us. */
async function reportFailedStart(deps: LauncherDeps, options: ContainerOptions, message: string): Promise<LaunchResult> {
  const { runId, taskId, pod } = options;
  try {
    const known = await findTask(deps.api, runId, taskId).catch(() => undefined);
    const pods = known === undefined ? [] : withOwnPod(known.pods, pod);
    await reportFailure(deps, { runId, draft: { pods }, taskId, known, message });
  } catch (error) {
    deps.logger.warn("The failure is not recorded with the task", { taskId, reason: errorMessage(error) });
  }
  return { exitCode: 1, state: TaskState.FAILED, message, taskId };
}

type StageDeps = LauncherDeps & { readonly stores: Stores };

async function runStages(deps: StageDeps, attempt: Attempt, options: ContainerOptions, progress: Progress): Promise<void> {
  throwIfInterrupted(deps.signal);
  const component = componentOfTask(attempt.snapshot, options);
  const given = await unlessInterrupted(deps.signal, () => readExecutorInput(deps, options.executorInput));
  if (options.command.length === 0) throw noCommand();
  const executorInput = await qualifyLogs(deps, given, options);
  progress.executorInput = executorInput;

  const { artifactLocalPath, executorOutputPath, limits } = deps.settings;
  const { namespace } = options;
  if (executorOutputPath === undefined) await execute(deps, attempt, options, progress, executorInput);
  progress.stage = "execute";
  const collected = await unlessInterrupted(deps.signal, () =>
    collectOutputs(deps, {
      ...{ executorInput, component, namespace, limits },
      ...{ artifactLocalPath, executorOutputPath },
    }),
  );
  await uploadOutputs(deps, collected.artifacts);
  const { unpublishedLog: log } = progress;
  const logPublished = log !== undefined && (await unlessInterrupted(deps.signal, () => uploadLog(deps, log)));
  // From here on it is the flush that decides about the log, not the clean-up.
  delete progress.unpublishedLog;
  await register(deps, attempt, options, progress, withLog(collected, logPublished));
}

async function execute(
  deps: StageDeps,
  attempt: Attempt,
  options: ContainerOptions,
  progress: Progress,
  executorInput: ExecutorInput,
): Promise<void> {
  const variables = await unlessInterrupted(deps.signal, () => prepareCaBundle(deps, options.caCertPath));
  progress.stage = "folders";
  await unlessInterrupted(deps.signal, () => emptyOutputPlaces(deps, executorInput));
  await unlessInterrupted(deps.signal, () => makeOutputFolders(deps, executorInput));
  progress.stage = "start";
  const locations = await unlessInterrupted(deps.signal, () => openLocations(deps.stores, executorInput));
  progress.stage = "execute";
  assertLocationsAllowed(locations);
  await unlessInterrupted(deps.signal, () => prepareLogins(locations, executorInput));
  progress.stage = "placeholders";
  const command = resolveCommand(deps, attempt, options, executorInput);
  progress.stage = "execute";
  await downloadInputs(deps, executorInput);
  const log = executorLogOf(executorInput, options, deps.settings);
  throwIfInterrupted(deps.signal);
  if (log !== undefined) {
    progress.unpublishedLog = log;
    await unlessInterrupted(deps.signal, () => createLog(deps, log));
  }
  assertArgumentsFit(deps, command, executorInput);
  await runCommand(deps, { ...command, variables, log });
}

/** The log counts as an output only once it is uploaded. */
function withLog({ parameters, artifacts }: CollectedOutputs, logPublished: boolean): CollectedOutputs {
  return { parameters, artifacts: artifacts.filter(({ key }) => key !== EXECUTOR_LOGS_KEY || logPublished) };
}

async function register(
  deps: StageDeps,
  attempt: Attempt,
  options: ContainerOptions,
  progress: Progress,
  collected: CollectedOutputs,
): Promise<void> {
  progress.stage = "store";
  const { artifacts, parameters } = await storeArtifacts(deps, attempt, options, collected.artifacts)
    .then((stored) => ({ artifacts: stored, parameters: queueParameters(attempt, options, collected.parameters) }))
    .catch((error: unknown) => {
      // The finalisation flushes once more, and the parameters are to go along then.
      queueParameters(attempt, options, collected.parameters);
      throw error;
    });
  progress.stage = "propagate";
  await queuePropagation(deps, attempt, { parameters, artifacts });
}

/** On the way out of a failure: upload and registration of the log, each best effort. */
async function publishLog(deps: StageDeps, { task }: Attempt, options: ContainerOptions, log: ExecutorLog): Promise<void> {
  if (!(await uploadLog(deps, log))) return;
  const batch = new BatchUpdater(deps, options.runId);
  batch.noteTask(task);
  batch.queueArtifact(artifactRequest(deps, options, { key: EXECUTOR_LOGS_KEY, artifact: logArtifact(log) }));
  try {
    await batch.flush();
  } catch (error) {
    deps.logger.warn("The log of the step is not registered", { uri: log.uri, reason: errorMessage(error) });
  }
}
