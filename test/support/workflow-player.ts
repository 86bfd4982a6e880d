/**
 * Plays what Argo's controller does with a task set, for a run of the fixture `wide_loop`: offers the root, then the loop, then one
 * container driver per iteration, and takes results out as the controller does: first of the status, then of the spec.
 *
 * Reference: argoproj/argo-workflows workflow/controller/taskset.go @ v3.7.11: reconcileTaskSet, getDeleteTaskAndNodePatch, createTaskSet.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { formatPlugin, PLUGIN_KEY, STANDARD_INPUTS, STANDARD_OUTPUTS } from "../../src/resident/plugin-template.ts";
import type { KubeObject } from "../cluster/kube-api/kube-object.ts";
import type { ObjectStore } from "../cluster/kube-api/object-store.ts";
import { resourceOf } from "../cluster/kube-api/resources.ts";

export interface PlayedResult {
  readonly phase: string;
  readonly message?: string;
  readonly outputs?: { readonly parameters: readonly { readonly name: string; readonly value: string }[] };
}

export interface PlayedWorkflow {
  readonly store: ObjectStore;
  readonly namespace: string;
  readonly name: string;
  readonly runId: string;
  /** As the plugin object says it; default: the run's own. */
  readonly claimedRunId?: string;
  readonly items?: number;
  /** Iterations that are asked for at a time; default: all. */
  readonly parallelism?: number;
  readonly serviceAccount?: string;
  /** False: the caller says when iterations of the loop are asked for. */
  readonly offersIterations?: boolean;
  /** Keeps results where they are: the controller is away. */
  readonly takesResults?: () => boolean;
}

const DRIVERS = {
  ROOT_DAG: { name: "system-dag-driver", outputs: ["parent_task_id_path", "iteration_count_path", "condition_path"] },
  DAG: { name: "system-dag-driver", outputs: ["parent_task_id_path", "iteration_count_path", "condition_path"] },
  CONTAINER: { name: "system-container-driver", outputs: ["pod_spec_patch_path", "cached_decision_path", "condition_path"] },
} as const;
const DEFAULTS: Readonly<Record<string, string>> = {
  "iteration-count": "0",
  "pod-spec-patch": "",
  "cached-decision": "false",
  condition: "true",
};

export type DriverInputs = Readonly<Record<string, string>>;

/** The template of a driver as the controller hands it out. */
export function driverTemplate(
  type: keyof typeof DRIVERS,
  { runId, name }: Pick<PlayedWorkflow, "runId" | "name">,
  inputs: DriverInputs,
): JsonObject {
  const given: DriverInputs =
    type === "CONTAINER"
      ? { kubernetes_config: "", ...inputs }
      : { runtime_config: "", task_name: "", parent_task_id: "", ...inputs };
  const { name: templateName, outputs } = DRIVERS[type];
  const all = { iteration_index: "-1", ...given };
  const inputNames = Object.keys(all).map((flag) => STANDARD_INPUTS[flag] ?? flag);
  const outputNames = outputs.map((flag) => STANDARD_OUTPUTS[flag] ?? flag);
  const flags = {
    ...{ type, pipeline_name: "wide-loop", run_id: runId, run_name: name, run_display_name: "Wide loop" },
    ...{ http_proxy: "", https_proxy: "", no_proxy: "" },
    ...{ ml_pipeline_server_address: "ml-pipeline.kubeflow", ml_pipeline_server_port: "8887" },
  };
  const call = {
    flags,
    inputs: Object.fromEntries(Object.keys(all).map((flag) => [flag, STANDARD_INPUTS[flag] ?? flag])),
    outputs: Object.fromEntries(outputs.map((flag) => [flag, STANDARD_OUTPUTS[flag] ?? flag])),
    ...{ args: [], env: {} },
  };
  return {
    name: templateName,
    inputs: { parameters: Object.entries(all).map(([flag, value]) => ({ name: STANDARD_INPUTS[flag] ?? flag, value })) },
    outputs: {
      parameters: outputNames.map((output) => ({
        name: output,
        valueFrom: { supplied: {}, ...(DEFAULTS[output] === undefined ? {} : { default: DEFAULTS[output] }) },
      })),
    },
    metadata: {},
    plugin: { [PLUGIN_KEY]: formatPlugin(call, { inputs: inputNames, outputs: outputNames }) },
  };
}

/** See above. */
export class WorkflowPlayer {
  /** Every result that was taken, by node. */
  readonly results = new Map<string, PlayedResult[]>();
  readonly #workflow: PlayedWorkflow;
  readonly #stop: () => void;
  /** Resolves when the last driver of the run has a result, or one has failed. */
  readonly ended: Promise<void>;
  #end = (): void => undefined;
  readonly #waiting = new Map<string, () => void>();
  #expected = Number.POSITIVE_INFINITY;
  /** Of the loop: how many there are, and how many have been asked for. */
  #iterations = { count: 0, asked: 0 };

  constructor(workflow: PlayedWorkflow) {
    this.#workflow = workflow;
    const { store, namespace, name, runId, serviceAccount = "pipeline-runner" } = workflow;
    store.create(
      { resource: resourceOf("workflows"), namespace },
      {
        metadata: { name, labels: { "pipeline/runid": runId } },
        spec: { serviceAccountName: serviceAccount },
        status: { phase: "Running", startedAt: new Date().toISOString() },
      },
    );
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#stop = store.watch(
      { resource: resourceOf("workflowtasksets"), namespace },
      {
        since: "",
        selects: ({ metadata }) => metadata.name === name,
        // Not within the change that tells of it.
        onEvent: () => setImmediate(() => this.reconcile()),
      },
    );
  }

  get name(): string {
    return this.#workflow.name;
  }

  get uid(): string {
    return this.#object("workflows").metadata.uid;
  }

  /** Begins with the root driver. */
  start(): void {
    const { items = 3 } = this.#workflow;
    const values = { items: Array.from({ length: items }, (_, index) => index) };
    this.offer("root", "ROOT_DAG", { runtime_config: JSON.stringify({ parameterValues: values }) });
  }

  offer(nodeId: string, type: keyof typeof DRIVERS, inputs: DriverInputs): void {
    const { runId, claimedRunId = runId, name } = this.#workflow;
    this.offerTasks({ [nodeId]: driverTemplate(type, { runId: claimedRunId, name }, inputs) });
  }

  offerTasks(tasks: Readonly<Record<string, JsonValue>>): void {
    const { store, namespace, name } = this.#workflow;
    const place = { resource: resourceOf("workflowtasksets"), namespace, name };
    if (store.find(place) === undefined) {
      const owner = { apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", name, uid: this.uid };
      store.create(place, { metadata: { name, labels: {}, ownerReferences: [owner] }, spec: { tasks } });
    } else store.patch(place, { metadata: { labels: { "workflows.argoproj.io/completed": "false" } }, spec: { tasks } });
  }

  /** As one look of the controller at its workflow. */
  reconcile(): void {
    if (this.#workflow.takesResults?.() === false) return;
    const { store, namespace, name } = this.#workflow;
    const place = { resource: resourceOf("workflowtasksets"), namespace, name };
    const nodes = (store.find(place)?.status?.["nodes"] ?? {}) as unknown as Record<string, PlayedResult>;
    const ids = Object.keys(nodes);
    if (ids.length === 0) return;
    const removed = Object.fromEntries(ids.map((id) => [id, null]));
    store.patch(place, { status: { nodes: removed } }, "status");
    store.patch(place, { spec: { tasks: removed } });
    for (const [id, result] of Object.entries(nodes)) {
      this.results.set(id, [...(this.results.get(id) ?? []), result]);
      this.#follow(id, result);
      this.#waiting.get(id)?.();
    }
    if (this.#workflow.offersIterations !== false) this.offerIterations();
    const isOver = Object.values(nodes).some(({ phase }) => phase !== "Succeeded");
    if (this.results.size >= this.#expected || isOver) this.#end();
  }

  /** Resolves when the node has a result; one waits at a time. */
  async answered(nodeId: string): Promise<PlayedResult> {
    if (!this.results.has(nodeId)) await new Promise<void>((resolve) => this.#waiting.set(nodeId, resolve));
    this.#waiting.delete(nodeId);
    return this.results.get(nodeId)?.[0] as PlayedResult;
  }

  /** The workflow has ended: Argo marks its task set. */
  complete(phase = "Succeeded"): void {
    const { store, namespace, name } = this.#workflow;
    store.patch({ resource: resourceOf("workflows"), namespace, name }, { status: { phase } });
    store.patch(
      { resource: resourceOf("workflowtasksets"), namespace, name },
      { metadata: { labels: { "workflows.argoproj.io/completed": "true" } } },
    );
  }

  /** As KFP terminates a run. */
  terminate(): void {
    const { store, namespace, name } = this.#workflow;
    store.patch({ resource: resourceOf("workflows"), namespace, name }, { spec: { activeDeadlineSeconds: 0 } });
  }

  stop(): void {
    this.#stop();
  }

  value(nodeId: string, output: string): string | undefined {
    return this.results.get(nodeId)?.[0]?.outputs?.parameters.find(({ name }) => name === output)?.value;
  }

  /** As many as may be asked for now. */
  offerIterations(): void {
    const { runId, name, parallelism = Number.POSITIVE_INFINITY } = this.#workflow;
    const { count, asked } = this.#iterations;
    // The root and the loop have a result each.
    const underWay = asked - (this.results.size - 2);
    const upTo = Math.min(count, asked + parallelism - underWay);
    if (upTo <= asked) return;
    const parent = this.value("loop", "parent-dag-task-id-path") ?? "";
    const tasks = Array.from({ length: upTo - asked }, (_, index): [string, JsonObject] => [
      `echo-${String(asked + index)}`,
      driverTemplate(
        "CONTAINER",
        { runId, name },
        { task_name: "echo", parent_task_id: parent, iteration_index: String(asked + index) },
      ),
    ]);
    this.#iterations = { count, asked: upTo };
    this.offerTasks(Object.fromEntries(tasks));
  }

  #follow(nodeId: string, { phase }: PlayedResult): void {
    if (phase !== "Succeeded" || (this.results.get(nodeId)?.length ?? 0) > 1) return;
    if (nodeId === "root") {
      this.offer("loop", "DAG", { task_name: "for-loop-1", parent_task_id: this.value("root", "parent-dag-task-id-path") ?? "" });
    } else if (nodeId === "loop") {
      const count = Number(this.value("loop", "iteration-count"));
      this.#expected = count + 2;
      this.#iterations = { count, asked: 0 };
    }
  }

  #object(plural: string): KubeObject {
    const { store, namespace, name } = this.#workflow;
    return store.get({ resource: resourceOf(plural), namespace, name });
  }
}
