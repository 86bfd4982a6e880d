/**
 * Everything between the flags and the user's command that is not a transfer: the executor input, the name of the log, the folders, the
 * check of every location.
 *
 * Source: docs/spec/launcher-command-line.md#start-up-order (step 11),
 * docs/spec/inputs-and-user-command.md#retry-index-of-the-log, docs/spec/outputs.md#directories, docs/spec/connections.md#lau-4,
 * docs/spec/outputs.md#lau-22, docs/spec/object-stores.md#lau-31.
 *
 * @module
 */
import { errorMessage, StorageError } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { expandFileValue } from "../../core/go/flags.ts";
import { ExecutorInputSchema, type ExecutorInput } from "../../core/kfp-types.ts";
import { parseLenient } from "../../core/protojson/protojson.ts";
import { qualifyExecutorLogs, retryIndexFromNodeName } from "../../core/executor/retry-qualification.ts";
import { folderOf } from "../../core/go/slash-path.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ObjectStore } from "../../ports/object-store.ts";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import { artifactEntries, artifactPath } from "../inputs/artifact-paths.ts";
import type { LauncherDeps } from "../deps.ts";
import { downloadedUris } from "../inputs/download-inputs.ts";
import { isModelcarUri } from "../inputs/modelcar.ts";
import type { ContainerOptions } from "../options.ts";
import type { LauncherSettings } from "../settings.ts";
import type { Stores } from "../stores.ts";

/** The name of the Argo node, in the pod's annotations. */
const NODE_NAME_ANNOTATION = "workflows.argoproj.io/node-name";

/** Of a flag's value that lies in a file. */
export const JSON_FLAG_LIMIT = { maxBytes: 64 * 1024 * 1024 };

/** A pod look-up that takes longer is not worth waiting for: it only names a log file. */
const POD_LOOKUP_MS = 3000;

/**
 * Reads `--executor_input`.
 *
 * @throws {UsageError} FILE_UNREADABLE for an `@path` that cannot be read.
 * @throws {SpecError} SPEC_INVALID when it is not an executor input.
 */
export async function readExecutorInput(
  { fileSystem, logger }: { readonly fileSystem: FileSystem; readonly logger: Logger },
  text: string,
): Promise<ExecutorInput> {
  const json = await expandFileValue("executor_input", text, (path) => fileSystem.readRegularText(path, JSON_FLAG_LIMIT));
  const { message, unknownFields } = parseLenient(ExecutorInputSchema, json, { what: "--executor_input" });
  warnOfUnknownFields(logger, "--executor_input", unknownFields);
  logger.verbose(4, "Executor input", () => ({ json }));
  return message;
}

/** Gives the log of this attempt a location of its own. Costs a look at the pod only where the environment does not tell the attempt. */
export async function qualifyLogs(
  deps: Pick<LauncherDeps, "kube" | "clock" | "logger" | "settings">,
  executorInput: ExecutorInput,
  options: ContainerOptions,
): Promise<ExecutorInput> {
  if (!options.publishLogs || executorInput.outputs?.artifacts[EXECUTOR_LOGS_KEY] === undefined) return executorInput;
  return qualifyExecutorLogs(executorInput, deps.settings.retryIndex ?? (await retryIndexOfPod(deps, options)));
}

async function retryIndexOfPod(
  { kube, clock, logger }: Pick<LauncherDeps, "kube" | "clock" | "logger">,
  { namespace, pod }: ContainerOptions,
): Promise<string> {
  const found = new AbortController();
  const read = async (): Promise<Record<string, string> | undefined> => (await kube()).getPodAnnotations(namespace, pod.name);
  const late = async (): Promise<never> => {
    await clock.sleep(POD_LOOKUP_MS, found.signal);
    throw new Error(`no answer within ${POD_LOOKUP_MS / 1000} s`);
  };
  const timeout = late();
  timeout.catch(() => undefined);
  let reason: string;
  try {
    const annotations = await Promise.race([read(), timeout]);
    const nodeName = annotations?.[NODE_NAME_ANNOTATION] ?? "";
    const index = retryIndexFromNodeName(nodeName);
    if (index !== undefined) return index;
    // Argo numbers the nodes of steps with a retry policy only, so a name without a number is the ordinary case.
    if (nodeName !== "") return "0";
    reason = "the pod has no node name annotation";
  } catch (error) {
    reason = errorMessage(error);
  } finally {
    found.abort(new Error("found"));
  }
  logger.warn("Cannot tell which attempt of the step this is, the log is named as of the first", { pod: pod.name, reason });
  return "0";
}

/**
 * Makes the folders that outputs are written to.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID for an output artifact without local path.
 * @throws {HostError} FILE_WRITE_FAILED
 */
export async function makeOutputFolders(
  { fileSystem, settings }: { readonly fileSystem: FileSystem; readonly settings: LauncherSettings },
  { outputs }: ExecutorInput,
): Promise<void> {
  const files = Object.values(outputs?.parameters ?? {}).map(({ outputFile }) => outputFile);
  for (const { key, artifact } of artifactEntries(outputs?.artifacts)) {
    const path = artifactPath(artifact, settings);
    if (path === undefined) {
      const uri = JSON.stringify(artifact.uri);
      throw new StorageError(
        "LOCAL_PATH_INVALID",
        `output artifact "${key}" at ${uri} has no local path: unsupported storage scheme`,
      );
    }
    files.push(path);
  }
  files.push(outputs?.outputFile ?? "");
  const folders = new Set(files.filter((file) => file !== "").map(folderOf));
  for (const folder of [...folders].toSorted()) await fileSystem.makeDirectory(folder);
}

/**
 * Opens the stores of everything that will be transferred, so that a configuration that cannot be read is found out before the
 * program runs. No network traffic to a store yet.
 */
export async function openLocations(stores: Stores, executorInput: ExecutorInput): Promise<ReadonlyMap<string, ObjectStore>> {
  const opened = new Map<string, ObjectStore>();
  for (const uri of transferredUris(executorInput)) opened.set(uri, await stores.of(uri));
  return opened;
}

/**
 * Fails before the program runs where its inputs or outputs could not be transferred afterwards.
 *
 * @throws {StorageError} URI_OUTSIDE_PIPELINE_ROOT, as the transfer would.
 */
export function assertLocationsAllowed(locations: ReadonlyMap<string, ObjectStore>): void {
  for (const [uri, store] of locations) store.assertAllowed(uri);
}

/**
 * Fails before the program runs where nobody could log in to a store afterwards. A log that cannot be uploaded is no reason.
 *
 * @throws {KubeError} As the transfer would.
 */
export async function prepareLogins(locations: ReadonlyMap<string, ObjectStore>, { outputs }: ExecutorInput): Promise<void> {
  const logs = new Set(outputs?.artifacts[EXECUTOR_LOGS_KEY]?.artifacts.map(({ uri }) => uri));
  for (const [uri, store] of locations) if (!logs.has(uri)) await store.prepare(uri);
}

/** Everything that will be asked from a store or brought to one, as far as the executor input tells. */
function transferredUris(executorInput: ExecutorInput): string[] {
  const outputs = artifactEntries(executorInput.outputs?.artifacts).map(({ artifact }) => artifact.uri);
  return [...downloadedUris(executorInput), ...outputs.filter((uri) => uri !== "" && !isModelcarUri(uri))];
}
