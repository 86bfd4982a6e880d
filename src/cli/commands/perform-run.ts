/**
 * What `kfp-runtime run` does once its command line is read.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { errorMessage, SpecError, UsageError } from "../../core/errors.ts";
import { isLocalUri, joinPipelineRoot, parseArtifactUri, parseBucketPath } from "../../core/executor/artifact-uri.ts";
import { displayNames } from "../../local/results/display-names.ts";
import { checkFeatures } from "../../local/pipeline/feature-check.ts";
import { readTaskPatterns } from "../../local/executors/inspected-tasks.ts";
import { checkDocument, FILE_SIZE_LIMIT, readDocuments, readFile, readPipelineFile } from "../../local/pipeline/pipeline-file.ts";
import type { LoadedPipeline, PipelineDocument } from "../../local/pipeline/pipeline-file.ts";
import { VALUE_TOO_DEEP } from "../../core/values/value.ts";
import { flattenTasks, placeTasks } from "../../local/pipeline/pipeline-tasks.ts";
import { resolveRunners } from "../../local/containers/resolve-runners.ts";
import { readLocalObjects } from "../../local/objects/read-objects.ts";
import { assertMountable } from "../../local/steps/host-mounts.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { buildInfo } from "../../program/build-info.ts";
import { capacityOf, LEAST_PARALLELISM, type RunCommand } from "./run.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { planJson, planLines } from "../text/plan-text.ts";
import { rerunCommand } from "../text/rerun-command.ts";
import { readRunParameters, type GivenParameters } from "./run-parameters.ts";
import { watchRun } from "./watch-run.ts";
import { homeWords } from "./history/common.ts";
import { say, terminalJson, writeLines } from "../text/terminal-text.ts";

/** @throws {UsageError} or {SpecError} before the run; {HostError} when the home cannot be used. */
export async function performRun(command: RunCommand, host: CliHost): Promise<number> {
  const { workingFolder, stdout, stderr, environment } = host;
  const inFolder = (path: string): string => resolve(workingFolder, path);
  const files = {
    readText: (path: string) => nodeFileSystem.readAnyText(inFolder(path), { maxBytes: FILE_SIZE_LIMIT, strictUtf8: true }),
    stat: (path: string) => nodeFileSystem.stat(inFolder(path)),
  };
  const document = await readPipelineFile(files, command.pipeline);
  const file = command.paramsFile === undefined ? {} : { file: await readParametersFile(files, command.paramsFile) };
  const { pipeline, parameters } = await checkTogether(document, { params: command.params, ...file });
  const root = pipelineRoot(command, inFolder);
  const runnerOf = await resolveRunners(command.runners, pipeline.parsed, host);
  const isInContainer = (scopePath: string): boolean => runnerOf?.({ scopePath, iterations: [] }) === "container";
  const { errors, warnings, kubernetesConfigs, mountPaths } = checkFeatures(
    pipeline,
    root.pipelineRoot,
    parameters,
    isInContainer,
  );
  if (errors.length > 0) {
    throw new SpecError("FEATURE_UNSUPPORTED", errors.map((line) => `Cannot run ${command.pipeline}: ${line}`).join("\n"));
  }
  checkLocation(root.pipelineRoot);
  const secrets = command.secrets === undefined ? {} : { objects: await readLocalObjects(inFolder(command.secrets)) };
  readTaskPatterns(command.inspectTasks, pipeline.parsed);
  const notes = warnings.map((warning) => `note: ${warning}`);
  if (command.dryRun) {
    writeLines(
      stderr,
      notes.map((note) => say`${note}`),
    );
    if (command.output === "json") stdout.write(`${terminalJson(planJson(pipeline, parameters))}\n`);
    else writeLines(stdout, planLines(pipeline, parameters, stdout.isTerminal ? stdout.columns() : Infinity));
    return EXIT_SUCCEEDED;
  }

  if (flattenTasks(placeTasks(pipeline.parsed)).some(({ scopePath }) => isInContainer(scopePath))) {
    const { assertContainers, launcherFolderOf } = await import("../../local/containers/container-steps.ts");
    await assertContainers(environment, launcherFolderOf(host.programFolder));
  }
  await assertMountable(mountPaths);
  await makeLocalRoot(root.pipelineRoot);
  const { runPipeline } = await import("../../local/run-pipeline.ts");
  const { output, fullLogs, cacheDisabled, stopWithStdin } = command;
  return await watchRun(
    host,
    {
      displayNames: displayNames(placeTasks(pipeline.parsed)),
      ...{ output, fullLogs, cacheDisabled, stopWithStdin, rerun: rerunCommand(command), homeWords: homeWords(command) },
    },
    async (deps, notice) =>
      await runPipeline(
        {
          ...deps,
          onStarted: (runId) => {
            notice(`run ${runId} of pipeline ${pipeline.name}`);
            for (const note of notes) notice(note);
          },
        },
        {
          ...{ pipeline, parameters, kubernetesConfigs, environment, ...root, ...secrets },
          ...(runnerOf === undefined ? {} : { runners: runnerOf }),
          homeFolder: inFolder(command.home),
          sharing: {
            ...{ waitMs: command.waitMs, workingFolder, version: buildInfo.version },
            runners: command.runners,
            ...(command.secrets === undefined ? {} : { secrets: inFolder(command.secrets) }),
            ...(command.capacity === undefined ? {} : { capacity: command.capacity }),
          },
          isolation: command.isolation,
          cacheDisabled,
          inspectTasks: command.inspectTasks,
          parallelism: command.parallelism ?? Math.max(LEAST_PARALLELISM, host.processors),
          ...capacityOf(command.capacity, host),
          programFolder: host.programFolder,
        },
      ),
  );
}

/** Pipeline and parameters, with the problems of both in one error. */
async function checkTogether(
  document: PipelineDocument,
  given: GivenParameters,
): Promise<{ pipeline: LoadedPipeline; parameters: Record<string, JsonValue> }> {
  const [pipeline, parameters] = await Promise.allSettled([
    checkDocument(document),
    (async () => readRunParameters(document.parsed.spec, given))(),
  ]);
  if (pipeline.status === "fulfilled" && parameters.status === "fulfilled") {
    return { pipeline: pipeline.value, parameters: parameters.value };
  }
  const [first, second] = [pipeline, parameters].flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (!(first instanceof SpecError) || !(second instanceof UsageError)) throw first;
  throw first.withMessage(`${first.message}\n${second.message}`);
}

async function readParametersFile(files: Pick<typeof nodeFileSystem, "readText" | "stat">, path: string): Promise<JsonObject> {
  const [values = {}, ...more] = await readDocuments(await readFile(files, path), path, VALUE_TOO_DEEP);
  if (typeof values !== "object" || values === null || Array.isArray(values) || more.length > 0) {
    throw new UsageError("FILE_UNREADABLE", `Cannot use ${path} as parameters: it is not a map of names to values`);
  }
  return values;
}

/** A URI stays as it is, and so does an absolute path; other paths are below the working folder. */
function pipelineRoot({ pipelineRoot: given }: RunCommand, inFolder: (path: string) => string): { pipelineRoot?: string } {
  if (given === undefined) return {};
  if (given === "") throw new UsageError("USAGE_INVALID", "Option --pipeline-root is empty");
  return { pipelineRoot: isAbsolute(given) || /^\w+:\/\//.test(given) ? given.replace(/(?<=[^/:])\/+$/, "") : inFolder(given) };
}

/** What the store would say when the first step ends. */
function checkLocation(root: string | undefined): void {
  if (root === undefined || isLocalUri(root)) return;
  try {
    parseBucketPath(root);
    parseArtifactUri(joinPipelineRoot(root, ["artifact"], { keepQuery: false }));
  } catch (error) {
    throw new UsageError("USAGE_INVALID", `Cannot use option --pipeline-root: ${errorMessage(error)}`, { cause: error });
  }
}

async function makeLocalRoot(root: string | undefined): Promise<void> {
  if (root === undefined || !isLocalUri(root)) return;
  try {
    await nodeFileSystem.makeDirectory(root);
  } catch (error) {
    const message = `Cannot use ${root} as pipeline root: ${errorMessage(error)}; choose another with --pipeline-root`;
    throw new UsageError("USAGE_INVALID", message, { cause: error });
  }
}
