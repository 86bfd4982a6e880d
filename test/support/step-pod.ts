/** The pod of a step from its Kubernetes config, without a run around it: patch, warnings, and the merged pod checked. */
import { fromJson } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Pod } from "kubernetes-models/v1";
import { ExecutorInputSchema, PipelineTaskSchema, type ContainerSpec, type PipelineTask } from "../../src/core/kfp-types.ts";
import { ComponentSpecSchema } from "../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import { resolveDriverArguments } from "../../src/core/placeholders/placeholders.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { resolveChannelText } from "../../src/driver/channel-text.ts";
import { dynamicValues } from "../../src/driver/dynamic-values.ts";
import { parseKubernetesConfig } from "../../src/driver/kubernetes-config.ts";
import type { AdministratorDefaults, ContainerOptions } from "../../src/driver/options.ts";
import type { ResolveDynamic } from "../../src/driver/pod-spec-patch/contribution.ts";
import { buildPodSpecPatch } from "../../src/driver/pod-spec-patch/index.ts";
import { planPod } from "../../src/driver/pod-spec-patch/pod-plan.ts";
import type { LogFields } from "../../src/ports/logger.ts";
import { PropagationPlan } from "../../src/resolver/outputs/propagation-plan.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import { watchReads } from "./known-members.ts";
import { podProblems, strategicMerge } from "./strategic-merge.ts";
import { root } from "./probe.ts";

export interface StepPodRequest {
  /** `null`: the flag is the empty text. */
  readonly config: JsonObject | null;
  /** Inputs of the enclosing DAG. */
  readonly inputs?: Readonly<Record<string, JsonValue>> | undefined;
  /** Declared by the enclosing DAG, besides `inputs`. */
  readonly optionalInputs?: readonly string[] | undefined;
  /** Outputs of sibling tasks: task, key, value. */
  readonly outputs?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>> | undefined;
  readonly container?: JsonObject | undefined;
  readonly defaults?: AdministratorDefaults | undefined;
  /** Members of the step's component, as its inputs and what it takes as task configuration. */
  readonly component?: JsonObject | undefined;
  /** Inputs of the step. */
  readonly executorInput?: JsonObject | undefined;
  /** Input parameters of the step itself: a shorter form of `executorInput`. */
  readonly parameters?: Readonly<Record<string, JsonValue>> | undefined;
  /** Flags of the driver. */
  readonly options?: Partial<ContainerOptions> | undefined;
  readonly artifactLocalPath?: string | undefined;
  readonly iterationIndex?: number | undefined;
  /** Input parameters in the spec of the step: where their values come from. */
  readonly taskInputs?: JsonObject | undefined;
  /** Rows instead of `inputs` and `outputs`. */
  readonly rows?: { readonly parent: PipelineTask; readonly siblings: readonly PipelineTask[] } | undefined;
}

export interface StepPod {
  readonly patch: JsonObject;
  readonly taskConfig: JsonObject;
  /** `message field=value ...`. */
  readonly warnings: readonly string[];
}

const compiledStep = JSON.parse(readFileSync(path.join(root, "test/fixtures/pods/compiled-step.json"), "utf8")) as {
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
};

/** Values of one step's config, and the warnings of resolving them. */
export function stepValues(request: StepPodRequest): { resolve: ResolveDynamic; warnings: string[] } {
  const warnings: string[] = [];
  const warn = (message: string, fields: LogFields = {}): void => {
    warnings.push([message, ...Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)].join(" "));
  };
  const ignore = (): void => undefined;
  const { parent, siblings } = request.rows ?? rowsOf(request);
  const { spec, component } = specAround(
    parent,
    siblings,
    [...Object.keys(request.inputs ?? {}), ...(request.optionalInputs ?? [])],
    request.taskInputs ?? {},
  );
  const taskSpec = component.implementation.case === "dag" ? component.implementation.value.tasks["step"] : undefined;
  if (taskSpec === undefined) throw new Error("the spec around the step has no step");
  const resolve = dynamicValues(
    { verbosity: 1, warn, error: ignore, info: ignore, verbose: ignore },
    {
      spec,
      taskKey: "step",
      taskSpec,
      component,
      parent,
      tasks: new TaskIndex([parent, ...siblings]),
      ...(request.iterationIndex === undefined ? {} : { iterationIndex: request.iterationIndex }),
      job: {
        runId: "run-1",
        runName: "wf",
        runDisplayName: "Run",
        pipelineName: "demo",
        createTime: "",
        scheduleTime: "",
      } as never,
    },
    new PropagationPlan(),
  );
  return { resolve, warnings };
}

/** The patch of the step; it is checked to make a valid pod unless `isInvalid`. */
export async function stepPod(request: StepPodRequest, { isInvalid = false } = {}): Promise<StepPod> {
  const { resolve, warnings } = stepValues(request);
  const parsed = parseKubernetesConfig(request.config === null ? "" : JSON.stringify(request.config));
  const container = containerOf(request.container ?? { image: "img", command: ["c"] });
  const executorInput = fromJson(
    ExecutorInputSchema,
    request.executorInput ?? { inputs: { parameterValues: { ...request.parameters } } },
  );
  const options = { ...containerOptions(), ...request.options, defaults: request.defaults ?? {} };
  const resolveText = (text: string): string => resolveChannelText(text, executorInput);
  const plan = await planPod({
    options,
    component: fromJson(ComponentSpecSchema, request.component ?? {}),
    container,
    executorInput,
    config: parsed?.config,
    resolve,
    resolveText,
    artifactLocalPath: request.artifactLocalPath,
  });
  const patch = buildPodSpecPatch({
    ...plan,
    options,
    container,
    executorInput,
    userArguments: resolveDriverArguments([...container.command, ...container.args], executorInput),
    taskId: "task-1",
    fingerprint: "",
    resolveText,
    warn: resolve.warn,
  });
  const json = JSON.parse(JSON.stringify(patch)) as JsonObject;
  if (!isInvalid) assertValidPod(json);
  return { patch: json, taskConfig: plan.taskConfig, warnings };
}

/** Merges a patch into the pod of a compiled step, or another pod, and checks the result as far as that goes without a cluster. */
export function assertValidPod(
  patch: JsonObject,
  pod: { readonly metadata: JsonObject; readonly spec: JsonObject } = compiledStep,
): void {
  const spec = strategicMerge(pod.spec, patch);
  const { view, unread } = watchReads(new Pod({ ...pod, spec } as never));
  view.validate();
  const problems = [...podProblems(spec), ...unread().map((member) => `a pod has no member ${member}`)];
  if (problems.length > 0) throw new Error(`the pod is invalid: ${problems.join("; ")}`);
}

/** The user's container of a patch. */
export function mainOf(patch: JsonObject): JsonObject {
  return (patch["containers"] as JsonObject[])[0] ?? {};
}

function containerOf(json: JsonObject): ContainerSpec {
  const spec = {
    pipelineInfo: { name: "demo" },
    schemaVersion: "2.1.0",
    root: { dag: { tasks: {} } },
    deploymentSpec: { executors: { exec: { container: json } } },
  };
  const executor = parsePipelineSpec(spec).deployment.executors["exec"];
  if (executor?.spec.case !== "container") throw new Error("the executor is a container");
  return executor.spec.value;
}

function containerOptions(): ContainerOptions {
  return {
    type: "CONTAINER",
    pipelineName: "demo",
    runId: "run-1",
    runName: "wf",
    runDisplayName: "Run",
    namespace: "ns",
    conditionPath: "/c",
    pod: { name: "pod", uid: "uid" },
    taskName: "step",
    parentTaskId: "parent",
    kubernetesConfig: "{}",
    cachedDecisionPath: "/d",
    podSpecPatchPath: "/p",
    cacheDisabled: false,
    publishLogs: "false",
    logLevel: "1",
    apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
    proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
    defaults: {},
  };
}

function rowsOf({ inputs = {}, outputs = {} }: StepPodRequest): { parent: PipelineTask; siblings: PipelineTask[] } {
  const parameter = (key: string, value: JsonValue, taskName: string, type: string): JsonObject => ({
    parameterKey: key,
    value,
    type,
    producer: { taskName },
  });
  const parent = fromJson(PipelineTaskSchema, {
    taskId: "parent",
    name: "ROOT",
    type: "ROOT",
    scopePath: "root",
    inputs: {
      parameters: Object.entries(inputs).map(([key, value]) => parameter(key, value, "ROOT", "RUNTIME_VALUE_INPUT")),
    },
  });
  const siblings = Object.entries(outputs).map(([name, values]) =>
    fromJson(PipelineTaskSchema, {
      taskId: `id of ${name}`,
      name,
      type: "RUNTIME",
      scopePath: `root.${name}`,
      parentTaskId: "parent",
      outputs: { parameters: Object.entries(values).map(([key, value]) => parameter(key, value, name, "OUTPUT")) },
    }),
  );
  return { parent, siblings };
}

/** A pipeline in which the rows have their place: DAGs down to the parent, and in it the step and its siblings. */
function specAround(parent: PipelineTask, siblings: readonly PipelineTask[], inputs: readonly string[], taskInputs: JsonObject) {
  const [, ...dags] = parent.scopePath.split(".");
  const parameters = Object.fromEntries(
    [...inputs, ...(parent.inputs?.parameters ?? []).map(({ parameterKey }) => parameterKey)].map((key) => [
      key,
      { parameterType: "STRING", isOptional: true },
    ]),
  );
  const innermost = {
    inputDefinitions: { parameters },
    dag: {
      tasks: Object.fromEntries(
        ["step", ...siblings.map(({ name }) => name)].map((name) => [
          name,
          {
            taskInfo: { name },
            componentRef: { name: "comp-step" },
            ...(name === "step" ? { inputs: { parameters: taskInputs } } : {}),
          },
        ]),
      ),
    },
  };
  const components: Record<string, JsonObject> = { "comp-step": { executorLabel: "exec" } };
  let around: JsonObject = innermost;
  for (const name of dags.toReversed()) {
    components[`comp-${name}`] = around;
    around = { dag: { tasks: { [name]: { taskInfo: { name }, componentRef: { name: `comp-${name}` } } } } };
  }
  const { spec } = parsePipelineSpec({
    pipelineInfo: { name: "demo" },
    schemaVersion: "2.1.0",
    root: around,
    components,
    deploymentSpec: { executors: { exec: { container: { image: "img" } } } },
  });
  const last = dags.at(-1);
  const component = last === undefined ? spec.root : spec.components[`comp-${last}`];
  if (component === undefined) throw new Error("the spec has no such DAG");
  return { spec, component };
}

/** A constant, as a dynamic field. */
export const constant = (value: JsonValue): JsonObject => ({ runtimeValue: { constant: value } });
/** An input of the enclosing DAG, as a dynamic field. */
export const input = (name: string): JsonObject => ({ componentInputParameter: name });
/** An output of a sibling, as a dynamic field. */
export const output = (producerTask: string, outputParameterKey: string): JsonObject => ({
  taskOutputParameter: { producerTask, outputParameterKey },
});
