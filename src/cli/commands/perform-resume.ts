/**
 * What `kfp-runtime resume` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { SpecError, UsageError } from "../../core/errors.ts";
import { resolveRunners } from "../../local/containers/resolve-runners.ts";
import { flattenTasks, placeTasks } from "../../local/pipeline/pipeline-tasks.ts";
import { readLocalObjects } from "../../local/objects/read-objects.ts";
import type { RunnerOptions } from "../../local/executors/runners.ts";
import { displayNames } from "../../local/results/display-names.ts";
import { runFolder } from "../../local/run/local-run.ts";
import { readRunOptions } from "../../local/run/run-options.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { buildInfo } from "../../program/build-info.ts";
import type { CliHost } from "../host.ts";
import { homeWords, withRun } from "./history/common.ts";
import type { ResumeCommand } from "./resume.ts";
import { capacityOf, LEAST_PARALLELISM } from "./run.ts";
import { watchRun } from "./watch-run.ts";

/**
 * @throws {UsageError} USAGE_INVALID when there is no such run, or it has not failed; {SpecError} when its pipeline cannot run;
 *   {HostError} when the home cannot be used.
 */
export async function performResume(command: ResumeCommand, host: CliHost): Promise<number> {
  const { workingFolder, environment, programFolder, processors } = host;
  const found = await withRun(command, host, ({ history: { home }, run }) => ({ home, run }));
  const { home, run } = found;
  const refuse = (reason: string): UsageError => new UsageError("USAGE_INVALID", `Cannot resume run ${run.runId}: ${reason}`);
  if (run.state === "SUCCEEDED") throw refuse("it has succeeded");
  if (run.pipeline === undefined) {
    throw new SpecError("SPEC_INVALID", `Cannot resume run ${run.runId}: ${run.pipelineProblem ?? "it has no pipeline"}`);
  }
  const pipelineName = run.pipeline.spec.pipelineInfo?.name ?? "";
  const before = await readRunOptions(nodeFileSystem, runFolder(home, run.runId));
  const secrets = command.secrets === undefined ? before.secrets : resolve(workingFolder, command.secrets);
  const objects = secrets === undefined ? {} : { objects: await readLocalObjects(secrets) };
  const capacity = command.capacity ?? before.capacity;
  const cacheDisabled = before.cacheDisabled ?? false;
  const runners = runnersOf(command, before.runners);
  const runnerOf = runners.runners === undefined ? undefined : await resolveRunners(runners.runners, run.pipeline, host);
  const isInContainer = (scopePath: string): boolean => runnerOf?.({ scopePath, iterations: [] }) === "container";
  if (flattenTasks(placeTasks(run.pipeline)).some(({ scopePath }) => isInContainer(scopePath))) {
    const { assertContainers, launcherFolderOf } = await import("../../local/containers/container-steps.ts");
    await assertContainers(environment, launcherFolderOf(programFolder));
  }
  const { resumeRun } = await import("../../local/resume-run.ts");
  return await watchRun(
    host,
    {
      displayNames: displayNames(placeTasks(run.pipeline)),
      ...{ output: command.output, fullLogs: command.fullLogs, cacheDisabled },
      rerun: `kfp-runtime resume ${run.runId}${homeWords(command)}`,
      homeWords: homeWords(command),
    },
    async (deps, notice) =>
      await resumeRun(
        { ...deps, onStarted: (runId) => notice(`run ${runId} of pipeline ${pipelineName} goes on from its failed steps`) },
        {
          ...{ homeFolder: home.folder, runId: run.runId, environment, programFolder, cacheDisabled, ...objects },
          isolation: command.isolation ?? before.isolation ?? "in-process",
          parallelism: command.parallelism ?? before.parallelism ?? Math.max(LEAST_PARALLELISM, processors),
          ...capacityOf(capacity, host),
          sharing: {
            ...{ waitMs: command.waitMs, workingFolder, version: buildInfo.version },
            ...(secrets === undefined ? {} : { secrets }),
            ...runners,
          },
        },
      ),
  );
}

/** What the command line says goes before what the run had. */
function runnersOf({ runner, runnersFor }: ResumeCommand, before: RunnerOptions | undefined): { runners?: RunnerOptions } {
  if (runner === undefined && runnersFor.length === 0) return before === undefined ? {} : { runners: before };
  return { runners: { runner: runner ?? before?.runner ?? "host", exceptions: runnersFor } };
}
