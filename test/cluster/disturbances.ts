/**
 * What scenarios do to runs.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { RECENTLY_STARTED_S } from "./argo-controller.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import type { RunningScenario, Scenario } from "./scenario.ts";
import { setConstant } from "./spec-changes.ts";

/** Steps of container_bare, which {@link launchersStarted} waits for. */
export const STEPS = 2;

/** A driver that makes a claim works until the Kubernetes API has answered. */
export function claimUnderConstruction(suffix: string): Pick<Scenario, "pipeline" | "changeSpec" | "holdsRequests"> {
  return {
    holdsRequests: true,
    pipeline: "kubernetes_create_and_delete_claim",
    changeSpec: (spec) => setConstant(spec, "createpvc", { input: "pvc_name_suffix", value: `-${suffix}` }),
  };
}

/** Does something while a drive of {@link claimUnderConstruction} waits for the Kubernetes API. */
export async function whileClaimIsMade({ cluster }: RunningScenario, suffix: string, act: () => Promise<void>): Promise<void> {
  const claim = cluster.holdCreation("persistentvolumeclaims", (name) => name.endsWith(`-${suffix}`));
  try {
    await claim.reached;
    await act();
  } finally {
    claim.release();
  }
}

/** Until Argo's controller does not make pods like these once more. */
export async function noLongerRecent(pods: readonly KubeObject[]): Promise<void> {
  const youngest = Math.max(...pods.map(({ metadata }) => Date.parse(metadata.creationTimestamp)));
  await sleep(youngest + (RECENTLY_STARTED_S + 2) * 1000 - Date.now());
}

/** Until it is gone. */
export async function deleteWorkingDriver(running: RunningScenario): Promise<void> {
  const [pod] = (await running.podsOf("driver")).filter(({ status }) => status?.["phase"] === "Running");
  if (pod === undefined) throw new Error("no driver works");
  await deletePods(running, [pod]);
  await running.until("the driver's pod is gone", async () =>
    (await running.podsOf("driver")).some(({ metadata }) => metadata.uid === pod.metadata.uid) ? undefined : true,
  );
}

/** As KFP's API server terminates a run: backend/src/apiserver/resource/resource_manager.go: TerminateWorkflow. */
export async function terminate(running: RunningScenario): Promise<void> {
  await endAfter(running, 0);
}

/** @returns Undefined before the controller has seen it. */
export async function startOf({ cluster, workflowName }: RunningScenario): Promise<number | undefined> {
  const { status } = await cluster.workflow(workflowName);
  const startedAt = status?.["startedAt"];
  return typeof startedAt === "string" ? Date.parse(startedAt) : undefined;
}

export async function endAfter({ cluster, workflowName }: RunningScenario, seconds: number): Promise<void> {
  await cluster.kube.patch("workflows", workflowName, { spec: { activeDeadlineSeconds: seconds } });
}

export async function deletePods({ cluster }: RunningScenario, pods: readonly KubeObject[]): Promise<void> {
  for (const { metadata } of pods) await cluster.kube.delete("pods", metadata.name);
}

/**
 * Until the launchers of all steps say that they run. A container runs before its program does: argoexec, which starts the launcher, ends by a
 * SIGTERM that comes before it listens, and nobody is there to tell of the step's end.
 */
export async function launchersStarted({
  cluster,
  workflowName,
  podsOf,
  until,
}: RunningScenario): Promise<readonly KubeObject[]> {
  return await until("the launchers of all steps run", async () => {
    const { status } = await cluster.workflow(workflowName);
    if (typeof status?.["finishedAt"] === "string") throw new Error("the run has ended before all its launchers have started");
    const pods = await podsOf("executor");
    const logs = await Promise.all(pods.map(async ({ metadata }) => await cluster.kube.readLog(metadata.name, "main")));
    return logs.filter(hasLauncherStarted).length === STEPS ? pods : undefined;
  });
}

export function hasLauncherStarted(log: string | undefined): boolean {
  return log?.includes("launcher-v2 starts") ?? false;
}
