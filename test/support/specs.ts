/**
 * Small pipeline specs for tests, in the form the SDK compiles to: only what drivers and launchers look at.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";

export interface DagOutline {
  /** Task key to component name. */
  readonly tasks: Readonly<Record<string, string>>;
  /** Output parameters: key to [task, key], or several for one-of; and whether the output is a list. */
  readonly parameters?: Readonly<
    Record<string, { from: readonly (readonly [string, string])[]; type?: string; oneOf?: boolean }>
  >;
  /** Output artifacts: key to [task, key]. */
  readonly artifacts?: Readonly<Record<string, { from: readonly (readonly [string, string])[]; list?: boolean }>>;
}

/** A pipeline of DAG components (by name; `root` is the root) and, for every other component named in them, containers. */
export function pipelineOf(dags: Readonly<Record<string, DagOutline>>): JsonObject {
  const components: JsonObject = {};
  for (const outline of Object.values(dags)) {
    for (const name of Object.values(outline.tasks)) {
      const dag = dags[name];
      components[name] = dag === undefined ? { executorLabel: `exec-${name}` } : dagComponent(dag);
    }
  }
  return {
    pipelineInfo: { name: "test-pipeline" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: dagComponent(dags["root"] ?? { tasks: {} }),
    components,
    deploymentSpec: { executors: {} },
  };
}

function dagComponent({ tasks, parameters = {}, artifacts = {} }: DagOutline): JsonObject {
  const parameterOutputs = Object.entries(parameters).map(([key, { from, oneOf = false }]) => {
    const selectors = from.map(([producerSubtask, outputParameterKey]) => ({ producerSubtask, outputParameterKey }));
    const output = oneOf ? { valueFromOneof: { parameterSelectors: selectors } } : { valueFromParameter: selectors[0] ?? {} };
    return [key, output] as const;
  });
  const artifactOutputs = Object.entries(artifacts).map(([key, { from }]) => {
    const artifactSelectors = from.map(([producerSubtask, outputArtifactKey]) => ({ producerSubtask, outputArtifactKey }));
    return [key, { artifactSelectors }] as const;
  });
  const schema = { schemaTitle: "system.Artifact", schemaVersion: "0.0.1" };
  return {
    dag: {
      tasks: Object.fromEntries(
        Object.entries(tasks).map(([key, name]) => [key, { componentRef: { name }, taskInfo: { name: key } }]),
      ),
      outputs: { parameters: Object.fromEntries(parameterOutputs), artifacts: Object.fromEntries(artifactOutputs) },
    },
    outputDefinitions: {
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([key, { type = "STRING" }]) => [key, { parameterType: type }]),
      ),
      artifacts: Object.fromEntries(
        Object.entries(artifacts).map(([key, { list = false }]) => [
          key,
          { artifactType: schema, ...(list ? { isArtifactList: true } : {}) },
        ]),
      ),
    },
  };
}
