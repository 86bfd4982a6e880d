/**
 * Rows, specs and values for the tests of the resolver, in few words.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  ArtifactSchema,
  ArtifactType,
  IoArtifactSchema,
  IoParameterSchema,
  IoType,
  PipelineSpecSchema,
  PipelineTaskSchema,
  TaskState,
  TaskType,
} from "../../src/core/kfp-types.ts";
import type { IoArtifact, IoParameter, PipelineSpec, PipelineTask } from "../../src/core/kfp-types.ts";
import { parseLenient } from "../../src/core/protojson/protojson.ts";
import { jsonToValue, valueToJson } from "../../src/core/values/value.ts";
import type { JsonValue } from "../../src/core/values/value.ts";

export { ArtifactType, IoType, TaskState, TaskType };

export interface RowOptions {
  readonly id?: string;
  readonly parent?: PipelineTask | string;
  readonly type?: TaskType;
  readonly state?: TaskState;
  /** `iteration_index` */
  readonly index?: number;
  /** `iteration_count` */
  readonly count?: number;
  readonly path?: string;
  readonly inputs?: readonly IoParameter[];
  readonly inputArtifacts?: readonly IoArtifact[];
  readonly outputs?: readonly IoParameter[];
  readonly outputArtifacts?: readonly IoArtifact[];
  readonly ended?: boolean;
  readonly extra?: Partial<PipelineTask>;
}

/** A row; id, scope path and type follow from name and parent unless given. */
export function row(name: string, options: RowOptions = {}): PipelineTask {
  const parent = typeof options.parent === "string" ? undefined : options.parent;
  const parentId = typeof options.parent === "string" ? options.parent : parent?.taskId;
  const path = options.path ?? (parent === undefined ? "root" : `${parent.scopePath}.${name}`);
  const isRoot = parentId === undefined;
  const task = create(PipelineTaskSchema, {
    name: isRoot ? "ROOT" : name,
    taskId: options.id ?? `${isRoot ? "" : `${parentId}/`}${name}${options.index === undefined ? "" : `#${options.index}`}`,
    runId: "run-1",
    scopePath: path,
    type: options.type ?? (isRoot ? TaskType.ROOT : TaskType.RUNTIME),
    state: options.state ?? TaskState.RUNNING,
    ...(parentId === undefined ? {} : { parentTaskId: parentId }),
    typeAttributes: {
      ...(options.index === undefined ? {} : { iterationIndex: BigInt(options.index) }),
      ...(options.count === undefined ? {} : { iterationCount: BigInt(options.count) }),
    },
    ...(options.ended === true ? { endTime: { seconds: 1n } } : {}),
    inputs: { parameters: [...(options.inputs ?? [])], artifacts: [...(options.inputArtifacts ?? [])] },
    outputs: { parameters: [...(options.outputs ?? [])], artifacts: [...(options.outputArtifacts ?? [])] },
  });
  return Object.assign(task, options.extra);
}

/** `producer` is `name` or `name#iteration`. */
export function parameter(key: string, value: JsonValue | undefined, type: IoType, producer = "ROOT"): IoParameter {
  return create(IoParameterSchema, {
    parameterKey: key,
    type,
    producer: producerOf(producer),
    ...(value === undefined ? {} : { value: jsonToValue(value) }),
  });
}

/** Artifacts by id; `m1:Metric` gives the type. */
export function artifact(key: string, ids: string | readonly string[], type: IoType, producer = "ROOT"): IoArtifact {
  const artifacts = (typeof ids === "string" ? [ids] : ids).map((text) => {
    const [artifactId = "", artifactType = "Artifact"] = text.split(":");
    return create(ArtifactSchema, {
      artifactId,
      name: artifactId,
      uri: `s3://bucket/${artifactId}`,
      type: ArtifactType[artifactType as keyof typeof ArtifactType],
    });
  });
  return create(IoArtifactSchema, { artifactKey: key, type, producer: producerOf(producer), artifacts });
}

function producerOf(text: string): { taskName: string; iteration?: bigint } {
  const [taskName = "", iteration] = text.split("#");
  return { taskName, ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) };
}

/** `key=json TYPE producer#iteration` */
export function showParameter({ parameterKey, value, type, producer }: IoParameter): string {
  const text = value === undefined ? "(none)" : JSON.stringify(valueToJson(value));
  return `${parameterKey}=${text} ${IoType[type]} ${showProducer(producer)}`;
}

/** `key=[ids] TYPE producer#iteration` */
export function showArtifact({ artifactKey, artifacts, type, producer }: IoArtifact): string {
  return `${artifactKey}=[${artifacts.map(({ artifactId }) => artifactId).join(" ")}] ${IoType[type]} ${showProducer(producer)}`;
}

export function showProducer(producer: { taskName?: string; iteration?: bigint | undefined } | undefined): string {
  if (producer === undefined) return "-";
  return `${producer.taskName}${producer.iteration === undefined ? "" : `#${producer.iteration}`}`;
}

/** A pipeline spec from protojson, `components` and `root` in short. */
export function specOf(json: { root: object; components?: object; deploymentSpec?: object }): PipelineSpec {
  return parseLenient(PipelineSpecSchema, { components: {}, ...json } as object as JsonValue, { what: "test spec" }).message;
}
