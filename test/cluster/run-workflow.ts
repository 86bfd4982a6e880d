/**
 * A compiled workflow as KFP's API server creates it for a run.
 *
 * Reference: backend/src/apiserver/template/v2_template.go: RunWorkflow; backend/src/common/util/workflow.go: ReplaceUID.
 *
 * @module
 */
import { parse } from "yaml";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";

export interface RunFacts {
  readonly runId: string;
  readonly displayName: string;
  readonly namespace: string;
  /** Of the workflow: at most 63 characters with the suffixes that Argo adds to names of pods. */
  readonly workflowName: string;
}

interface Workflow {
  readonly metadata: JsonObject;
  readonly spec: {
    readonly templates: readonly Template[];
    readonly podMetadata?: { readonly labels?: JsonObject; readonly annotations?: JsonObject };
    readonly [member: string]: unknown;
  };
}

interface Template {
  readonly metadata?: { readonly annotations?: JsonObject; readonly labels?: JsonObject };
  readonly container?: { readonly args?: readonly string[]; readonly [member: string]: unknown };
  readonly dag?: { readonly tasks: readonly { readonly arguments?: { readonly parameters?: readonly Parameter[] } }[] };
  readonly [member: string]: unknown;
}

interface Parameter {
  readonly name: string;
  readonly value?: string;
}

const NO_SIDECAR = "sidecar.istio.io/inject";

export function runWorkflow(compiled: string, { runId, displayName, namespace, workflowName }: RunFacts): JsonObject {
  const { generateName: _generated, ...metadata } = parsed(compiled).metadata;
  const { spec, ...rest } = parsed(compiled.replaceAll("{{workflow.uid}}", runId));
  return {
    ...(rest as unknown as JsonObject),
    metadata: {
      ...metadata,
      name: workflowName,
      namespace,
      labels: { ...(metadata["labels"] as JsonObject | undefined), "pipeline/runid": runId },
      annotations: {
        ...(metadata["annotations"] as JsonObject | undefined),
        "pipelines.kubeflow.org/run_name": displayName,
      },
    },
    spec: {
      ...spec,
      podMetadata: { ...spec.podMetadata, labels: { ...spec.podMetadata?.labels, "pipeline/runid": runId } },
      templates: spec.templates.map((template) => ({
        ...template,
        ...(template.container === undefined ? {} : { container: named(template.container, displayName) }),
        metadata: { ...template.metadata, annotations: { [NO_SIDECAR]: "false", ...template.metadata?.annotations } },
      })),
    } as unknown as JsonObject,
  };
}

/** The parameters that the root driver of a compiled workflow is given. */
export function workflowParameters(compiled: string): Record<string, JsonValue> {
  const tasks = parsed(compiled).spec.templates.flatMap(({ dag }) => dag?.tasks ?? []);
  const parameters = tasks.map((task) =>
    Object.fromEntries((task.arguments?.parameters ?? []).map(({ name, value }) => [name, value ?? ""])),
  );
  const root = parameters.find((given) => given["driver-type"] === "ROOT_DAG");
  const config = JSON.parse(root?.["runtime-config"] || "{}") as { parameterValues?: Record<string, JsonValue> };
  return config.parameterValues ?? {};
}

/** The compiler knows the name that people see. */
function named(container: NonNullable<Template["container"]>, displayName: string): NonNullable<Template["container"]> {
  const args = (container.args ?? []).map((arg, index, all) => (all[index - 1] === "--run_display_name" ? displayName : arg));
  return container.args === undefined ? container : { ...container, args };
}

function parsed(text: string): Workflow {
  return parse(text) as Workflow;
}
