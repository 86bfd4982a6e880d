/**
 * Importer mode: there is no driver and no user program. The launcher creates the task, registers one artifact that exists already,
 * perhaps brings its bytes to the workspace, and links it to the ancestors it feeds.
 *
 * Calls of a fresh importer: the read of the run, CreateTask, CreateArtifact, [CreateArtifactTasksBulk], UpdateTasksBulk, and the
 * status propagation.
 *
 * Source: docs/spec/importer.md, #lau-27, #lau-28, #lau-29, #lau-41, #later-upstream, docs/spec/launcher-flow.md#lau-8,
 * docs/spec/output-propagation.md#lau-13.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ApiError, errorMessage, SpecError } from "../../core/errors.ts";
import { expandFileValue } from "../../core/go/flags.ts";
import {
  ImporterSpecSchema,
  TaskState,
  TaskType,
  type Artifact,
  type ImporterSpec,
  type PipelineTask,
  type TaskInit,
} from "../../core/kfp-types.ts";
import { parseLenient } from "../../core/protojson/protojson.ts";
import { lastEntry, resolveScopePath, type ScopeEntry } from "../../core/spec/scope-path.ts";
import type { Value } from "../../core/values/value.ts";
import { stageError } from "../../program/stage.ts";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import { producersOf, resolveInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { ArtifactMatcher } from "../../tasks/artifact-matcher.ts";
import { createOrAdoptTask } from "../../tasks/create-task.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { readRun, type RunSnapshot } from "../../tasks/read-run.ts";
import { withOwnPod, type Attempt } from "../attempt.ts";
import type { ImporterDeps, LaunchResult } from "../deps.ts";
import { attemptFailure, type AttemptFailure } from "../failure.ts";
import { finalizeAttempt } from "../container/finalize.ts";
import { importerArtifact, refersToInputs } from "./importer-artifact.ts";
import { throwIfInterrupted, unlessInterrupted } from "../interruption.ts";
import type { ImporterOptions } from "../options.ts";
import { JSON_FLAG_LIMIT } from "../container/prepare.ts";
import { placeholderContext } from "../command/placeholder-context.ts";
import { artifactEntry, artifactRequest, queuePropagation } from "../outputs/register-outputs.ts";
import { hasLocalRoot, openStores } from "../stores.ts";

/** Runs an importer. Never throws: whatever goes wrong is in the result and, once there is a task, in the task. */
export async function launchImporter(deps: ImporterDeps, options: ImporterOptions): Promise<LaunchResult> {
  let started: StartedImporter;
  try {
    started = await startImporter(deps, options);
  } catch (error) {
    return { exitCode: 1, state: TaskState.FAILED, message: errorMessage(error) };
  }
  let failure: AttemptFailure | undefined;
  try {
    await importArtifact(deps, started, options);
  } catch (error) {
    failure = attemptFailure(error);
  }
  return await finalizeAttempt(deps, started, failure);
}

interface StartedImporter extends Attempt {
  readonly spec: ImporterSpec;
  /** Why there is no spec; nothing can be imported then. */
  readonly problem: unknown;
  readonly entry: ScopeEntry;
  /** An earlier attempt made the row. */
  readonly adopted: boolean;
}

async function startImporter(deps: ImporterDeps, options: ImporterOptions): Promise<StartedImporter> {
  const { runId, parentTaskId, taskName, iterationIndex } = options;
  let spec = create(ImporterSpecSchema);
  let problem: unknown;
  try {
    spec = await unlessInterrupted(deps.signal, () => readImporterSpec(deps, options.importerSpec));
  } catch (error) {
    // No driver has made a row, so this one has to, or the failure would be seen by nobody.
    problem = error;
  }
  const entryOf = (snapshotSpec: RunSnapshot["spec"], parent: PipelineTask | undefined): ScopeEntry =>
    lastEntry(resolveScopePath(snapshotSpec, `${parent?.scopePath ?? ""}.${taskName}`));
  const snapshot = await readRun(deps, {
    runId,
    parentTaskId,
    iterationIndex,
    taskCountHint: deps.taskCountHint,
    resolves: { taskKey: taskName },
    producers: (pipelineSpec, parent) => {
      const { taskSpec } = entryOf(pipelineSpec, parent);
      return taskSpec === undefined || !refersToInputs(spec) ? [] : producersOf(taskSpec);
    },
  });
  const entry = entryOf(snapshot.spec, snapshot.parent);

  const scopePath = `${snapshot.parent?.scopePath ?? ""}.${taskName}`;
  const existing = snapshot.tasks.findRow({ scopePath, parentId: parentTaskId, iteration: iterationIndex }, TaskType.IMPORTER);
  const known = existing?.type === TaskType.IMPORTER ? existing : undefined;
  const draft: TaskInit = {
    runId,
    parentTaskId,
    scopePath,
    name: taskName,
    displayName: entry.taskSpec?.taskInfo?.name ?? "",
    type: TaskType.IMPORTER,
    state: TaskState.RUNNING,
    createTime: timestampNow(deps.clock),
    typeAttributes: {
      downloadToWorkspace: spec.downloadToWorkspace,
      ...(iterationIndex === undefined ? {} : { iterationIndex: BigInt(iterationIndex) }),
    },
    pods: withOwnPod(known?.pods ?? [], options.pod),
  };
  const { task, adopted } = await createOrAdoptTask(deps, { runId, draft, existing: known });
  const batch = new BatchUpdater(deps, runId);
  return { snapshot, task, pods: withOwnPod(task.pods, options.pod), batch, spec, problem, entry, adopted };
}

async function readImporterSpec({ fileSystem, logger }: ImporterDeps, text: string): Promise<ImporterSpec> {
  const json = await expandFileValue("importer_spec", text, (path) => fileSystem.readRegularText(path, JSON_FLAG_LIMIT));
  const { message, unknownFields } = parseLenient(ImporterSpecSchema, json, { what: "--importer_spec" });
  warnOfUnknownFields(logger, "--importer_spec", unknownFields);
  return message;
}

async function importArtifact(deps: ImporterDeps, started: StartedImporter, options: ImporterOptions): Promise<void> {
  const { task, entry, problem } = started;
  throwIfInterrupted(deps.signal);
  if (problem !== undefined) throw problem;
  const key = outputKeyOf(entry);
  const wanted = await buildArtifact(deps, started, options);
  throwIfInterrupted(deps.signal);
  const artifact = await storeArtifact(deps, started, { ...options, taskId: task.taskId }, { key, artifact: wanted });
  deps.logger.info("Artifact imported", { taskId: task.taskId, key, artifactId: artifact.artifactId, name: artifact.name });
  await queuePropagation(deps, started, { parameters: [], artifacts: [artifactEntry(key, artifact, options)] });
}

/** An importer has one output; which name it goes by is the component's choice. */
function outputKeyOf({ component, componentName }: ScopeEntry): string {
  const keys = Object.keys(component.outputDefinitions?.artifacts ?? {});
  const [key] = keys;
  if (key !== undefined && keys.length === 1) return key;
  throw new SpecError(
    "SPEC_INVALID",
    `importer component "${componentName}" must have one output artifact, it has ${keys.length}`,
  );
}

async function buildArtifact(deps: ImporterDeps, started: StartedImporter, options: ImporterOptions): Promise<Artifact> {
  const { spec, snapshot } = started;
  const { namespace } = options;
  const { artifactLocalPath, modelcarsUnavailable } = deps.settings;
  try {
    const values = await inputValues(started, options);
    const lookup = (name: string): Value | undefined => values.get(name);
    const { artifact, workspacePath } = importerArtifact(spec, { namespace, lookup, artifactLocalPath, modelcarsUnavailable });
    if (workspacePath === undefined) return artifact;
    const stores = openStores(deps.openStore, { namespace, localRootAllowed: hasLocalRoot(snapshot.run, snapshot.spec) });
    try {
      const uri = artifact.uri ?? "";
      const { objects } = await unlessInterrupted(deps.signal, async () => (await stores.of(uri)).download(uri, workspacePath));
      if (objects === 0) deps.logger.warn("There is nothing at the location of the imported artifact", { uri });
    } finally {
      await stores.close();
    }
    return artifact;
  } catch (error) {
    throw stageError("failed to create Artifact from ImporterSpec", error);
  }
}

async function inputValues(started: StartedImporter, options: ImporterOptions): Promise<ReadonlyMap<string, Value>> {
  const { spec, snapshot, entry, task } = started;
  const { parent } = snapshot;
  if (!refersToInputs(spec) || entry.taskSpec === undefined || parent === undefined) return new Map();
  const { parameters } = await resolveInputs({
    spec: snapshot.spec,
    taskKey: options.taskName,
    taskSpec: entry.taskSpec,
    component: entry.component,
    parent,
    tasks: snapshot.tasks,
    reader: snapshot.reader,
    iterationIndex: options.iterationIndex,
    job: placeholderContext(snapshot.run, task.taskId, options),
  });
  return new Map(parameters.flatMap(({ parameterKey, value }) => (value === undefined ? [] : [[parameterKey, value] as const])));
}

/** An artifact whose creation got no answer is looked for before it is created again; each look waits until the server is back. */
const CREATE_ATTEMPTS = 5;

interface Wanted {
  readonly key: string;
  readonly artifact: Artifact;
}

/**
 * Creates the artifact, or finds the one there is: any equal one without `reimport`, with it only the one an earlier attempt at this
 * very task has made.
 */
async function storeArtifact(
  deps: ImporterDeps,
  { spec, task, adopted }: StartedImporter,
  options: ImporterOptions & { readonly taskId: string },
  wanted: Wanted,
): Promise<Artifact> {
  const { api, logger } = deps;
  const request = { ...artifactRequest(deps, options, wanted), reuseIfExists: !spec.reimport };
  const ofTask = (row: PipelineTask): Artifact | undefined => {
    const matcher = new ArtifactMatcher();
    matcher.addTask(row);
    return matcher.take(request);
  };
  const earlier = spec.reimport && adopted ? ofTask(task) : undefined;
  if (earlier !== undefined) return earlier;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await api.createArtifact(request);
    } catch (error) {
      const ambiguous = error instanceof ApiError && error.details.ambiguous === true;
      if (!ambiguous || attempt === CREATE_ATTEMPTS) throw stageError("failed to create artifact", error);
      logger.warn("The outcome of storing the artifact is unknown, the task is read again", { reason: error.message });
      const found = ofTask(await api.getTask(options.runId, options.taskId));
      if (found !== undefined) return found;
    }
  }
}
