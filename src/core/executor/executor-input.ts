/**
 * ExecutorInput: what the driver tells the launcher, and the launcher tells user code.
 *
 * Source: docs/spec/executor-input.md#provisioned-outputs, #input-parameters, #input-artifacts, #json-form, #drv-23, #drv-35;
 * docs/spec/executor-input.md#decision-outputs-folder (the output folder of local runs).
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  ArtifactListSchema,
  ArtifactTypeSchemaSchema,
  ExecutorInput_OutputsSchema,
} from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import type { ArtifactList, ExecutorInput_Outputs } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { schemaOfArtifact, titleOfArtifactType } from "../spec/artifact-type.ts";
import { joinPipelineRoot, localPathForUri } from "./artifact-uri.ts";
import { ResolveError, SpecError } from "../errors.ts";
import { ArtifactType, ExecutorInputSchema, IoType, RuntimeArtifactSchema } from "../kfp-types.ts";
import type { Artifact, ComponentSpec, ExecutorInput, IoArtifact, IoParameter, RuntimeArtifact } from "../kfp-types.ts";
import { printJson } from "../protojson/protojson.ts";
import { isFileName } from "../go/slash-path.ts";
import { jsonToValue, valueToJson } from "../values/value.ts";
import type { JsonObject, Value } from "../values/value.ts";

/** Output key of the log of the user's program. */
export const EXECUTOR_LOGS_KEY = "executor-logs";

/** Metadata key that says: already in the workspace, nothing to download. User code sees it and computes the same path. */
export const WORKSPACE_MARKER_KEY = "_kfp_workspace";

const DEFAULT_OUTPUTS_DIR = "/tmp/kfp/outputs";
const UNMAPPED_OUTPUT_FILE = "/tmp/kfp_outputs/output_metadata.json";

/** Resolved inputs, as far as they become inputs of the executor. */
export interface ExecutorInputsOptions {
  /** Resolved inputs. Several ITERATOR_INPUT entries of one key become one list, in order. */
  readonly parameters: readonly IoParameter[];
  /** Resolved inputs. Entries of one key are concatenated in order. */
  readonly artifacts: readonly IoArtifact[];
  /** Ids of artifacts an importer downloaded to the workspace. */
  readonly workspaceArtifactIds?: ReadonlySet<string>;
  /**
   * The task that wrote an artifact, as any text that differs between tasks. Several metrics of one task become one artifact; without
   * this, the entries of one key that are not a collection count as one task's.
   */
  readonly producingTaskOf?: (artifact: Artifact) => string | undefined;
}

/**
 * The input half of an executor input. `inputs` is always present.
 *
 * @throws {ResolveError} INPUT_NULL for a parameter without value; VALUE_INVALID for an artifact with neither name nor URI, or for
 *   metadata without JSON form.
 */
export function buildExecutorInputs(options: ExecutorInputsOptions): ExecutorInput {
  const artifacts = new Map<string, RuntimeArtifact[]>();
  for (const entry of options.artifacts) {
    const list = artifacts.get(entry.artifactKey) ?? [];
    artifacts.set(entry.artifactKey, [...list, ...runtimeArtifactsOf(entry, options)]);
  }
  return create(ExecutorInputSchema, {
    inputs: {
      parameterValues: Object.fromEntries(parameterValuesOf(options.parameters)),
      artifacts: Object.fromEntries([...artifacts].map(([key, list]) => [key, artifactList(list)])),
    },
  });
}

function parameterValuesOf(parameters: readonly IoParameter[]): Map<string, Value> {
  const values = new Map<string, Value>();
  const items = new Map<string, Value[]>();
  for (const { parameterKey, type, value } of parameters) {
    if (value === undefined) throw new ResolveError("INPUT_NULL", `Input parameter "${parameterKey}" has no value`);
    if (type !== IoType.ITERATOR_INPUT) {
      values.set(parameterKey, value);
      continue;
    }
    const list = items.get(parameterKey) ?? [];
    list.push(value);
    items.set(parameterKey, list);
  }
  for (const [key, list] of items) values.set(key, jsonToValue(list.map(valueToJson)));
  return values;
}

function artifactList(artifacts: RuntimeArtifact[]): ArtifactList {
  return create(ArtifactListSchema, { artifacts });
}

function runtimeArtifactsOf(entry: IoArtifact, options: ExecutorInputsOptions): RuntimeArtifact[] {
  return groupsByProducer(entry, options).flatMap((group) => {
    const [first, ...others] = group;
    if (first !== undefined && others.length > 0 && group.every(({ type }) => type === ArtifactType.Metric)) {
      return [mergedMetric(first, group)];
    }
    return group.map((artifact) => runtimeArtifactOf(artifact, entry.artifactKey, options));
  });
}

/** Runs of neighbours that one task wrote. In a collection without known producers every artifact stands alone. */
function groupsByProducer(entry: IoArtifact, { producingTaskOf }: ExecutorInputsOptions): Artifact[][] {
  if (producingTaskOf === undefined && entry.type !== IoType.COLLECTED_INPUTS) return [entry.artifacts];
  const groups: { producer: string | undefined; artifacts: Artifact[] }[] = [];
  for (const artifact of entry.artifacts) {
    const producer = producingTaskOf?.(artifact);
    const last = groups.at(-1);
    if (last !== undefined && producer !== undefined && last.producer === producer) last.artifacts.push(artifact);
    else groups.push({ producer, artifacts: [artifact] });
  }
  return groups.map(({ artifacts }) => artifacts);
}

/** One artifact for the metrics a task wrote under one key: every stored metadata entry and every number under its name. */
function mergedMetric(first: Artifact, metrics: readonly Artifact[]): RuntimeArtifact {
  const merged = new Map<string, JsonObject[string]>();
  for (const metric of metrics) {
    for (const [key, value] of Object.entries(schemaOfArtifact(metric).metadata)) merged.set(key, value);
    if (metric.numberValue !== undefined && metric.name !== "") merged.set(metric.name, metric.numberValue);
  }
  return create(RuntimeArtifactSchema, {
    name: first.name,
    artifactId: first.artifactId,
    uri: first.uri ?? "",
    type: { kind: { case: "schemaTitle", value: titleOfArtifactType(ArtifactType.Metric) } },
    metadata: Object.fromEntries(merged),
  });
}

function runtimeArtifactOf(artifact: Artifact, key: string, options: ExecutorInputsOptions): RuntimeArtifact {
  const uri = artifact.uri ?? "";
  if (artifact.name === "" && uri === "") {
    const id = artifact.artifactId;
    throw new ResolveError("VALUE_INVALID", `Artifact "${id}" of input "${key}" has neither a name nor a URI`);
  }
  const { typeSpec, metadata } = schemaOfArtifact(artifact);
  const marked = options.workspaceArtifactIds?.has(artifact.artifactId) === true;
  const shown = marked ? { ...metadata, [WORKSPACE_MARKER_KEY]: true } : metadata;
  return create(RuntimeArtifactSchema, {
    name: artifact.name,
    artifactId: artifact.artifactId,
    uri,
    type: typeSpec,
    ...(Object.keys(shown).length === 0 ? {} : { metadata: shown }),
  });
}

/** What the places of a task's outputs are made from. */
export interface OutputsOptions {
  readonly component: ComponentSpec;
  /** Root of this run: pipeline root joined with pipeline name and run id. A query is dropped. */
  readonly pipelineRoot: string;
  /** Key of the task in its DAG. */
  readonly taskKey: string;
  /** A fresh UUID per driver execution, so that no two attempts write to one place. */
  readonly salt: string;
  /** Whether the program's log becomes an artifact. Replaces a declared output of that name. */
  readonly publishLogs: boolean;
  /** `KFP_OUTPUTS_DIR`; unset or empty means the fixed folders of a container. */
  readonly outputsDir?: string | undefined;
  /** `ARTIFACT_LOCAL_PATH` */
  readonly artifactLocalPath?: string | undefined;
}

/**
 * Where the task has to put its outputs: the output half of an executor input.
 *
 * @throws {SpecError} SPEC_INVALID when an output or the task has a name that cannot be a file name.
 */
export function provisionOutputs(options: OutputsOptions): ExecutorInput_Outputs {
  const { component, pipelineRoot, taskKey, salt } = options;
  const outputsDir = options.outputsDir === undefined || options.outputsDir === "" ? undefined : options.outputsDir;
  const taskRoot = joinPipelineRoot(pipelineRoot, [fileName(taskKey, "task"), salt], { keepQuery: false });
  const artifactOf = (key: string, rest: Pick<Partial<RuntimeArtifact>, "type" | "metadata">): [string, ArtifactList] => {
    const uri = joinPipelineRoot(taskRoot, [fileName(key, "output artifact")], { keepQuery: false });
    return [key, artifactList([create(RuntimeArtifactSchema, { name: key, uri, ...rest })])];
  };
  const { artifacts = {}, parameters = {} } = component.outputDefinitions ?? {};
  const declared = Object.entries(artifacts).map(([key, { artifactType, metadata }]) =>
    artifactOf(key, {
      ...(artifactType === undefined ? {} : { type: artifactType }),
      ...(metadata === undefined ? {} : { metadata }),
    }),
  );
  const plainArtifact = create(ArtifactTypeSchemaSchema, { kind: { case: "schemaTitle", value: "system.Artifact" } });
  const logs = artifactOf(EXECUTOR_LOGS_KEY, { type: plainArtifact });
  return create(ExecutorInput_OutputsSchema, {
    artifacts: Object.fromEntries(options.publishLogs ? [...declared, logs] : declared),
    parameters: Object.fromEntries(
      Object.keys(parameters).map((key) => [
        key,
        { outputFile: `${outputsDir ?? DEFAULT_OUTPUTS_DIR}/${fileName(key, "output parameter")}` },
      ]),
    ),
    outputFile: outputFileOf(taskRoot, outputsDir, options.artifactLocalPath),
  });
}

function outputFileOf(taskRoot: string, outputsDir: string | undefined, artifactLocalPath: string | undefined): string {
  const localRoot = localPathForUri(taskRoot, { artifactLocalPath });
  if (localRoot !== undefined) return `${localRoot}/output_metadata.json`;
  return outputsDir === undefined ? UNMAPPED_OUTPUT_FILE : `${outputsDir}/output_metadata.json`;
}

/** Names become file names and URI elements: one that steps out of its folder must not get that far. */
function fileName(name: string, what: string): string {
  if (isFileName(name)) return name;
  throw new SpecError("SPEC_INVALID", `The name of ${what} ${JSON.stringify(name)} cannot be used as a file name`);
}

/**
 * The JSON text of an executor input.
 *
 * @param options.escapeDollar Writes `$` as `\u0024`, for command lines that the kubelet and Argo expand.
 * @throws {ResolveError} VALUE_INVALID for a value without JSON form.
 */
export function executorInputJson(executorInput: ExecutorInput, options: { readonly escapeDollar?: boolean } = {}): string {
  return printJson(ExecutorInputSchema, executorInput, { escapeDollar: options.escapeDollar ?? false });
}
