/**
 * One scenario: the run is created, its workflow submitted and waited for, and its rows compared with a local run's.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { RuntimeState } from "../../src/core/kfp-types.ts";
import { jsonToValue, type JsonObject, type JsonValue } from "../../src/core/values/value.ts";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { NAMESPACE } from "./cluster-objects.ts";
import type { Cluster } from "./cluster.ts";
import { KubeStatusError, type KubeObjectInput } from "./kube-api/kube-object.ts";
import { runLocally } from "./local-run.ts";
import { differences, readTasks, runRows, type RunRows } from "./run-rows.ts";
import { runWorkflow, workflowParameters } from "./run-workflow.ts";
import { EXPECTED_DIFFERENCES, type RunningScenario, type Scenario, type WorkflowPhase } from "./scenario.ts";
import { changedPipeline } from "./spec-changes.ts";

export interface PlayedScenario {
  readonly pods: number;
  readonly seconds: number;
  /** Undefined: they were not compared. */
  readonly rowsEqual: boolean | undefined;
  /** Empty when all is well. */
  readonly problems: readonly string[];
}

const CONFORMANCE = new URL("../conformance/", import.meta.url);
const TIMEOUT_MS = 900_000;
const POLL_MS = 200;

export async function playScenario(cluster: Cluster, scenario: Scenario, folder: string): Promise<PlayedScenario> {
  const { pipeline: file, objects = [], earlierRuns = 0, isCompared = true } = scenario;
  for (const [plural, object] of objects) await createUnlessThere(cluster, plural, object);
  const compiled = await readFile(new URL(`workflows/${file}.yaml`, CONFORMANCE), "utf8");
  const text = await readFile(new URL(`pipelines/${file}.yaml`, CONFORMANCE), "utf8");
  const parameters = workflowParameters(compiled);
  const loaded = await loadPipelineFile({ readText: () => Promise.resolve(text) }, file);
  const source = changedPipeline(loaded.source, scenario);
  for (let run = 0; run < earlierRuns; run += 1) await playRun(cluster, { scenario, source, compiled, parameters });
  const startedAt = performance.now();
  const running = await playRun(cluster, {
    scenario,
    source,
    compiled,
    parameters,
    ...(scenario.disturb === undefined ? {} : { disturb: scenario.disturb }),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { runId, workflowName } = running;
  const problems = [...running.problems];
  const texts = { [cluster.pipelineRoot]: "<ROOT>", [workflowName]: "<RUN_NAME>", [DISPLAY_NAME]: "<RUN_DISPLAY_NAME>" };
  const rows = runRows(await readTasks(cluster.apiServer(), runId), { runId, texts });
  // A run of nothing would be equal to another one.
  if (Object.keys(rows).length < 2) problems.push("the run has no tasks");
  const drivers = (await running.podsOf("driver")).length;
  if (cluster.drivers === "agent" && drivers > 0) problems.push(`${String(drivers)} drivers have pods`);
  problems.push(...((await scenario.check?.(running, rows)) ?? []));
  const pods = (await cluster.pods(workflowName)).length;
  if (!isCompared) return { pods, seconds, rowsEqual: undefined, problems };
  const local = await runLocally({
    folder: path.join(folder, scenario.name.replaceAll(/\W+/g, "-")),
    pipeline: pipelineText(source),
    pipelineName: loaded.name,
    parameters,
    objects,
    runs: earlierRuns + 1,
    store: cluster.objectStore,
  });
  const localRows = runRows(local.tasks, {
    runId: local.runId,
    texts: { [local.pipelineRoot]: "<ROOT>", [local.runName]: "<RUN_NAME>", [local.displayName]: "<RUN_DISPLAY_NAME>" },
  });
  const unexpected = unexpectedDifferences(rows, localRows, scenario);
  problems.push(...unexpected);
  return { pods, seconds, rowsEqual: unexpected.length === 0, problems };
}

const DISPLAY_NAME = "A run on the test cluster";

interface PlayOptions {
  readonly scenario: Scenario;
  readonly source: JsonObject;
  readonly compiled: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly disturb?: NonNullable<Scenario["disturb"]>;
}

/** Ends with the workflow. */
async function playRun(
  cluster: Cluster,
  { scenario, source, compiled, parameters, disturb }: PlayOptions,
): Promise<RunningScenario & { readonly problems: readonly string[] }> {
  const values = Object.entries(parameters).map(([name, value]) => [name, jsonToValue(value)]);
  const { runs } = cluster.apiServer();
  const { run } = runs.createRun({
    displayName: DISPLAY_NAME,
    pipelineSource: { case: "pipelineSpec", value: source },
    runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot: cluster.pipelineRoot },
  });
  runs.setRunState(run.runId, RuntimeState.RUNNING);
  const workflowName = `${scenario.pipeline.replaceAll("_", "-").slice(0, 40)}-${run.runId.slice(0, 5)}`;
  const facts = { runId: run.runId, displayName: DISPLAY_NAME, namespace: NAMESPACE, workflowName };
  await cluster.submit(runWorkflow(compiled, facts));
  const running: RunningScenario = {
    cluster,
    runId: run.runId,
    workflowName,
    podsOf: async (role) =>
      (await cluster.pods(workflowName)).filter(({ metadata }) =>
        (metadata.labels?.["pipelines.kubeflow.org/pod-role"] ?? "").includes(role),
      ),
    until,
  };
  const isOver = async (): Promise<WorkflowPhase | undefined> => {
    const { status } = await cluster.workflow(workflowName);
    const phase = status?.["phase"];
    return phase === "Succeeded" || phase === "Failed" || phase === "Error" ? phase : undefined;
  };
  await disturb?.(running);
  const phase = await until(`workflow ${workflowName} ends`, isOver);
  // A workflow that is terminated ends before its steps do, and a pod over its deadline is Failed before its containers have ended.
  await until(`the containers of ${workflowName} end`, async () =>
    (await cluster.pods(workflowName)).some(({ status }) => hasRunningContainer(status)) ? undefined : true,
  );
  const { phase: expected = "Succeeded" } = scenario;
  const phases = [expected].flat();
  if (phases.includes(phase)) return { ...running, problems: [] };
  const { status } = await cluster.workflow(workflowName);
  return { ...running, problems: [`the workflow is ${phase}, not ${phases.join(" or ")}: ${messages(status)}`] };
}

async function createUnlessThere({ kube }: Cluster, plural: string, object: KubeObjectInput): Promise<void> {
  try {
    await kube.create(plural, object);
  } catch (error) {
    if (!(error instanceof KubeStatusError && error.reason === "AlreadyExists")) throw error;
  }
}

function hasRunningContainer(status: JsonObject = {}): boolean {
  const containers = (status["containerStatuses"] ?? []) as { readonly state?: JsonObject }[];
  return containers.some(({ state = {} }) => "running" in state);
}

async function until<Answer>(what: string, ask: () => Answer | undefined | Promise<Answer | undefined>): Promise<Answer> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${String(TIMEOUT_MS / 60_000)} minutes: ${what}`);
    await sleep(POLL_MS);
  }
}

/** What Argo says of nodes that did not end well. */
function messages(status: JsonObject = {}): string {
  const nodes = Object.values(
    (status["nodes"] ?? {}) as Record<string, { displayName?: string; phase?: string; message?: string }>,
  );
  const failed = nodes.filter(({ phase, message }) => (phase === "Failed" || phase === "Error") && message !== undefined);
  return [
    ...(typeof status["message"] === "string" ? [status["message"]] : []),
    ...failed.map(({ displayName, message }) => `${displayName ?? ""}: ${message ?? ""}`),
  ].join("; ");
}

function pipelineText(source: JsonObject): string {
  const { pipeline_spec: spec, platform_spec: platform } = source;
  if (spec === undefined) return stringify(source);
  return [stringify(spec), ...(platform === undefined ? [] : [stringify(platform)])].join("---\n");
}

function unexpectedDifferences(cluster: RunRows, local: RunRows, { expected = [] }: Scenario): string[] {
  const known = [...EXPECTED_DIFFERENCES, ...expected];
  return differences(cluster, local).filter((line) => !known.some((one) => one.line.test(line)));
}
