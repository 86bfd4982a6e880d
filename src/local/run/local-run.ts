/**
 * A run of this home: made for a person's command, or read back from what somebody created through the API.
 *
 * @module
 */
import { join } from "node:path";
import { fromBinary, toJson, type JsonValue } from "@bufbuild/protobuf";
import { StructSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { expandArguments, type MacroFacts } from "../../apiserver/recurring/macros.ts";
import type { ApiServer } from "../../apiserver/server.ts";
import { SpecError } from "../../core/errors.ts";
import { RuntimeState, type Run } from "../../core/kfp-types.ts";
import { jsonToValue } from "../../core/values/value.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { RunnerOf } from "../executors/runners.ts";
import type { Home } from "../home/home.ts";
import { checkFeatures } from "../pipeline/feature-check.ts";
import { loadPipelineSource, type LoadedPipeline } from "../pipeline/pipeline-file.ts";

/** What it takes to execute a run. */
export interface LocalRun {
  readonly runId: string;
  readonly displayName: string;
  readonly pipeline: LoadedPipeline;
  /** As the run was given them, without defaults; checked. */
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** Absolute path or URI. */
  readonly pipelineRoot: string;
  /** KubernetesExecutorConfig by executor label, as JSON, without what has no meaning here. */
  readonly kubernetesConfigs: ReadonlyMap<string, string>;
  /** Which steps run in containers; absent: none. */
  readonly runners?: RunnerOf;
}

/** The folder below the home with what belongs to one run. */
export function runFolder(home: Home, runId: string): string {
  return join(home.runs, runId);
}

/** The name that its workflow would have: those of its pods and of its workspace begin with it. */
export function runName({ pipeline, runId }: Pick<LocalRun, "pipeline" | "runId">): string {
  return `${pipeline.name}-${runId.slice(0, 5)}`;
}

/** What a run is called unless somebody names it: the pipeline and the time, in UTC and without characters a file name cannot have. */
export function runDisplayName(pipelineName: string, now: Date): string {
  const time = now.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "-");
  return `${pipelineName} ${time}`;
}

/**
 * Stores a run in state RUNNING: it is executed at once, by the process that creates it.
 *
 * All or nothing: a disk that takes only a part would keep a run that waits for ever.
 *
 * @throws {ServiceError} alreadyExists for a run id in use; what the database throws.
 */
export function createRun({ runs, store }: Pick<ApiServer, "runs" | "store">, run: LocalRun): void {
  const values = Object.entries(run.parameters).map(([name, value]) => [name, jsonToValue(value)]);
  store.transaction(() => {
    runs.createRun({
      runId: run.runId,
      displayName: run.displayName,
      pipelineSource: { case: "pipelineSpec", value: run.pipeline.source },
      runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot: run.pipelineRoot },
    });
    runs.setRunState(run.runId, RuntimeState.RUNNING);
  });
}

/**
 * Reads a run that was created through the API, and checks it as a pipeline file is checked. The caller marks it RUNNING.
 *
 * @param options.expandsMacros Whether `[[RunUUID]]` and the like in string arguments are replaced, as they are on a cluster; the stored
 *   arguments keep them. "Now" is the creation of the run, so that a resumed run has the same arguments.
 * Source: docs/spec/api-server.md#createrun (macros in string arguments).
 *
 * @throws {ServiceError} notFound.
 * @throws {SpecError} FEATURE_UNSUPPORTED for what a local run does not do, and all that the static check finds; SPEC_INVALID for a
 *   run without a pipeline spec.
 * @param options.runnersOf Decides which steps run in containers; absent: none.
 */
export async function readRun(
  server: Pick<ApiServer, "runs">,
  home: Home,
  runId: string,
  options: {
    readonly expandsMacros?: boolean;
    readonly runnersOf?: (pipeline: ParsedPipeline) => Promise<RunnerOf | undefined>;
  } = {},
): Promise<LocalRun> {
  const { run, pipelineSpec } = server.runs.requireRun(runId);
  const what = `run ${runId}`;
  if (pipelineSpec === undefined) throw new SpecError("SPEC_INVALID", `Cannot run ${what}: it has no pipeline spec`);
  const source = toJson(StructSchema, fromBinary(StructSchema, pipelineSpec));
  const pipeline = await loadPipelineSource(source, what);
  const { parameters: values = {}, pipelineRoot: givenRoot = "" } = run.runtimeConfig ?? {};
  const parameters: Record<string, JsonValue> = {};
  const argumentsOfRun = options.expandsMacros === true ? expandArguments(values, macroFacts(run)) : values;
  for (const [name, value] of Object.entries(argumentsOfRun)) {
    parameters[name] = value.kind.case === undefined ? null : toJson(ValueSchema, value);
  }
  const runners = await options.runnersOf?.(pipeline.parsed);
  const { errors, kubernetesConfigs } = checkFeatures(
    pipeline,
    givenRoot === "" ? undefined : givenRoot,
    parameters,
    (scopePath) => runners?.({ scopePath, iterations: [] }) === "container",
  );
  if (errors.length > 0) {
    throw new SpecError("FEATURE_UNSUPPORTED", errors.map((line) => `Cannot run ${what}: ${line}`).join("\n"));
  }
  const pipelineRoot = givenRoot === "" ? home.artifacts : givenRoot;
  const common = { runId, displayName: run.displayName, pipeline, parameters, pipelineRoot, kubernetesConfigs };
  return runners === undefined ? common : { ...common, runners };
}

/** A run that was created without a scheduled time has that of its creation, which is not one to be told of. */
function macroFacts({ runId, createdAt, scheduledAt }: Run): MacroFacts {
  const currentSeconds = Number(createdAt?.seconds ?? 0n);
  const scheduledSeconds = Number(scheduledAt?.seconds ?? 0n);
  return { runId, currentSeconds, ...(scheduledSeconds === currentSeconds ? {} : { scheduledSeconds }) };
}
