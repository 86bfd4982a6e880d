/**
 * The compiled pipeline, from the Struct a run carries to typed messages.
 *
 * Source: docs/spec/driver-flows.md#getting-the-pipeline-spec, #spec-checks, docs/spec/json-and-rest.md#parse-and-print-sites.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { SpecError } from "../errors.ts";
import { PipelineDeploymentConfigSchema, PipelineSpecSchema, PlatformSpecSchema } from "../kfp-types.ts";
import type {
  ComponentSpec,
  ContainerSpec,
  ImporterSpec,
  PipelineDeploymentConfig,
  PipelineSpec,
  PlatformSpec,
} from "../kfp-types.ts";
import { parseLenient } from "../protojson/protojson.ts";

export { componentOf } from "./scope-path.ts";

/** The one version of the format that this runtime reads. */
export const SCHEMA_VERSION = "2.1.0";

/** How a component is executed: a container, an importer, or a kind of an older format. */
export type ExecutorSpec = PipelineDeploymentConfig["executors"][string];

/** A compiled pipeline as messages. */
export interface ParsedPipeline {
  readonly spec: PipelineSpec;
  /** Empty when the spec has none. Reading it throws SpecError SPEC_INVALID when it is malformed: only container tasks need it. */
  readonly deployment: PipelineDeploymentConfig;
  /** Only where the compiler wrote one beside the spec. */
  readonly platformSpec?: PlatformSpec;
  /** JSON paths of fields that this version does not know, for one warning. */
  readonly unknownFields: readonly string[];
}

/**
 * Reads the pipeline spec of a run or pipeline version: the spec itself, or a wrapper `{pipeline_spec, platform_spec}`, told apart by
 * the presence of the key `pipeline_spec`.
 *
 * @throws {SpecError} SPEC_INVALID when it is empty or a field has the wrong type.
 */
export function parsePipelineSpec(struct: JsonObject): ParsedPipeline {
  const wrapped = Object.hasOwn(struct, "pipeline_spec");
  const specJson = wrapped ? (struct["pipeline_spec"] ?? null) : struct;
  if (specJson !== null && (typeof specJson !== "object" || Array.isArray(specJson))) {
    throw new SpecError("SPEC_INVALID", "Cannot read the pipeline spec: pipeline_spec must be an object");
  }
  if (specJson === null || Object.keys(specJson).length === 0) throw new SpecError("SPEC_INVALID", "The pipeline spec is empty");
  const { message: spec, unknownFields } = parseLenient(PipelineSpecSchema, specJson, { what: "the pipeline spec" });
  const readDeployment = parseDeployment(spec.deploymentSpec, unknownFields);
  const platformSpec = wrapped ? parsePlatformSpec(struct["platform_spec"] ?? null, unknownFields) : undefined;
  return {
    spec,
    get deployment() {
      return readDeployment();
    },
    ...(platformSpec && { platformSpec }),
    unknownFields,
  };
}

function parseDeployment(json: JsonObject | undefined, unknownFields: string[]): () => PipelineDeploymentConfig {
  if (json === undefined) return () => create(PipelineDeploymentConfigSchema);
  try {
    const parsed = parseLenient(PipelineDeploymentConfigSchema, json, { what: "the deployment spec of the pipeline" });
    // Specs that were converted from Any carry "@type" keys; everybody knows them.
    const news = parsed.unknownFields.filter((path) => !/(^|\.)@type$/.test(path));
    unknownFields.push(...news.map((path) => (path.startsWith("[") ? `deploymentSpec${path}` : `deploymentSpec.${path}`)));
    return () => parsed.message;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function parsePlatformSpec(json: JsonValue, unknownFields: string[]): PlatformSpec | undefined {
  if (json === null) return undefined;
  if (typeof json === "string")
    throw new SpecError("SPEC_INVALID", "Cannot read the platform spec: platform_spec must be an object");
  const parsed = parseLenient(PlatformSpecSchema, json, { what: "the platform spec of the pipeline" });
  unknownFields.push(
    ...parsed.unknownFields.map((path) => (path.startsWith("[") ? `platform_spec${path}` : `platform_spec.${path}`)),
  );
  return parsed.message;
}

/**
 * The executor of a component that is not a DAG.
 *
 * @param componentName For messages.
 * @throws {SpecError} COMPONENT_KIND_INVALID when the component has no executor label, COMPONENT_NOT_FOUND when the deployment spec
 * does not have that executor, SPEC_INVALID when the deployment spec is malformed.
 */
export function executorOf(
  pipeline: Pick<ParsedPipeline, "deployment">,
  component: ComponentSpec,
  componentName: string,
): ExecutorSpec {
  const { implementation } = component;
  const label = implementation.case === "executorLabel" ? implementation.value : "";
  if (label === "") {
    const kind = implementation.case === "dag" ? "is a DAG" : "has no executor label";
    throw new SpecError("COMPONENT_KIND_INVALID", `Component "${componentName}" ${kind}, so nothing can be executed for it`);
  }
  const { executors } = pipeline.deployment;
  const executor = Object.hasOwn(executors, label) ? executors[label] : undefined;
  if (executor === undefined) {
    throw new SpecError(
      "COMPONENT_NOT_FOUND",
      `Component "${componentName}" refers to executor "${label}", which the deployment spec does not have`,
    );
  }
  return executor;
}

/**
 * The container of a component.
 *
 * @throws {SpecError} As {@link executorOf}; COMPONENT_KIND_INVALID also when the executor is not a container.
 */
export function containerOf(
  pipeline: Pick<ParsedPipeline, "deployment">,
  component: ComponentSpec,
  componentName: string,
): ContainerSpec {
  const { spec } = executorOf(pipeline, component, componentName);
  if (spec.case !== "container") throw wrongExecutor(componentName, spec.case, "a container");
  return spec.value;
}

/**
 * The importer of a component.
 *
 * @throws {SpecError} As {@link executorOf}; COMPONENT_KIND_INVALID also when the executor is not an importer.
 */
export function importerOf(
  pipeline: Pick<ParsedPipeline, "deployment">,
  component: ComponentSpec,
  componentName: string,
): ImporterSpec {
  const { spec } = executorOf(pipeline, component, componentName);
  if (spec.case !== "importer") throw wrongExecutor(componentName, spec.case, "an importer");
  return spec.value;
}

function wrongExecutor(componentName: string, found: string | undefined, wanted: string): SpecError {
  return new SpecError(
    "COMPONENT_KIND_INVALID",
    `The executor of component "${componentName}" is of kind ${found ?? "unknown"}, but ${wanted} is needed`,
  );
}
