/**
 * One attempt at a container task: everything between the driver's command line and the final state of the task.
 *
 * | step                                   | calls (small run, nothing unusual)                                  |
 * | -------------------------------------- | ------------------------------------------------------------------- |
 * | read run, task, parent                 | GetRun FULL (in an iteration of a loop: see tasks/read-run.ts)       |
 * | a row that does not say RUNNING        | UpdateTask                                                          |
 * | folders, inputs, command, uploads      | none; UpdateTask where it is told to stop and does not end at once  |
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
import type { ExecutorInput } from "../../core/kfp-types.ts";
import { stageRunner } from "../../program/stage.ts";
import { componentOfTask, type Attempt } from "../attempt.ts";
import { noCommand } from "../command/run-command.ts";
import type { LauncherDeps, LaunchResult } from "../deps.ts";
import { attemptFailure, type AttemptFailure } from "../failure.ts";
import { stopModelcars } from "../inputs/modelcar.ts";
import { StopWatch, throwIfInterrupted, unlessInterrupted } from "../interruption.ts";
import { publishLog } from "../log/publish-log.ts";
import type { ContainerOptions } from "../options.ts";
import { hasLocalRoot, openStores } from "../stores.ts";
import { beginAttempt, reportFailedStart } from "./begin-attempt.ts";
import { tellStopEarly } from "./early-word.ts";
import { executeCommand } from "./execute-command.ts";
import { finalizeAttempt } from "./finalize.ts";
import { qualifyLogs, readExecutorInput } from "./prepare.ts";
import { publishFailedOutputs } from "./publish-failed-outputs.ts";
import { publishOutputs } from "./publish-outputs.ts";
import { STAGES, type Progress, type StageContext } from "./stages.ts";

/** Runs one attempt. Never throws: whatever goes wrong is in the result and, where the server can be reached, in the task. */
export async function launchContainer(deps: LauncherDeps, options: ContainerOptions): Promise<LaunchResult> {
  let attempt: Attempt;
  try {
    attempt = await beginAttempt(deps, options);
  } catch (error) {
    await stopModelcarsOf(deps, options, undefined);
    return await reportFailedStart(deps, options, errorMessage(error));
  }
  const { run, spec } = attempt.snapshot;
  const stores = openStores(deps.openStore, { ...options, localRootAllowed: hasLocalRoot(run, spec) });
  const progress: Progress = {};
  const stopWatch = new StopWatch(deps);
  const endEarlyWord = tellStopEarly(deps, attempt);
  let failure: AttemptFailure | undefined;
  try {
    await runStages({ deps: { ...deps, stores }, attempt, options, progress, stage: stageRunner(STAGES) });
  } catch (error) {
    failure = attemptFailure(error);
  }
  const { unpublishedLog, unpublishedOutputs, executorInput } = progress;
  if (unpublishedLog !== undefined) {
    await stopWatch.settle(publishLog({ ...deps, stores }, attempt, options, unpublishedLog));
  }
  if (unpublishedOutputs !== undefined && deps.settings.uploadOnFailure === true) {
    await stopWatch.settle(publishFailedOutputs({ ...deps, stores }, attempt, options, unpublishedOutputs));
  }
  stopWatch.close();
  await stores.close().catch((error: unknown) => deps.logger.warn("The store does not close", { reason: errorMessage(error) }));
  await stopModelcarsOf(deps, options, executorInput);
  await endEarlyWord();
  return await finalizeAttempt(deps, attempt, failure);
}

/** Also where the attempt ended before anything was read: the sidecars wait for our file, and the end of the pod for them. */
async function stopModelcarsOf(deps: LauncherDeps, options: ContainerOptions, known: ExecutorInput | undefined): Promise<void> {
  const executorInput = known ?? (await readExecutorInput(deps, options.executorInput).catch(() => undefined));
  if (executorInput !== undefined) await stopModelcars(deps, executorInput);
}

async function runStages(context: StageContext): Promise<void> {
  const { deps, attempt, options, progress, stage } = context;
  const { component, executorInput } = await stage("read the executor input", async () => {
    throwIfInterrupted(deps.signal);
    const ownComponent = componentOfTask(attempt.snapshot, options);
    const given = await unlessInterrupted(deps.signal, () => readExecutorInput(deps, options.executorInput));
    progress.executorInput = given;
    if (options.command.length === 0) throw noCommand();
    return { component: ownComponent, executorInput: await qualifyLogs(deps, given, options) };
  });
  progress.executorInput = executorInput;
  // With an executor output from elsewhere nothing is run.
  if (deps.settings.executorOutputPath === undefined) await executeCommand(context, executorInput);
  await publishOutputs(context, component, executorInput);
}
