/**
 * What only a cluster does to steps, and what happens to a cluster: memory that runs out, termination, deletion, deadlines.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../../src/core/values/value.ts";
import { NAMESPACE } from "./cluster-objects.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import { resourceOf } from "./kube-api/resources.ts";
import type { RunningScenario, Scenario } from "./scenario.ts";
import { steps } from "./step-command.ts";

/** Pods that are gone sooner after their start are made once more by Argo's controller (`RECENTLY_STARTED_POD_DURATION`, 10 s). */
const RECENTLY_STARTED_MS = 12_000;
/** Since the workflow has started: time enough for the drivers and the start of the launchers. */
const RUN_DEADLINE_S = 60;
const API_SERVER_AWAY_MS = 60_000;

/** Of container_bare. */
const STEPS = 2;
const RUNNING_STEP = { changeExecutors: steps("sleep", "600"), pipeline: "container_bare", isCompared: false } as const;
/** Ends of SIGKILL only. */
const STUBBORN_STEP = { ...RUNNING_STEP, changeExecutors: steps("sh", "-c", "trap '' TERM; while :; do sleep 1; done") } as const;

/** Rows of what ends early are not compared with those of a local run. */
export const DISTURBED_SCENARIOS: readonly Scenario[] = [
  {
    name: "a step out of memory",
    pipeline: "container_bare",
    isCompared: false,
    phase: "Failed",
    changeExecutors: (executors) => {
      for (const executor of Object.values(executors)) {
        executor["container"] = {
          ...{ image: "alpine:3.22", command: ["tail", "/dev/zero"] },
          resources: { resourceMemoryLimit: "256Mi", memoryLimit: 0.268 },
        };
      }
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /out of memory/)],
  },
  {
    ...RUNNING_STEP,
    name: "terminated while steps run",
    phase: "Failed",
    disturb: async (running) => {
      await launchersStarted(running);
      terminate(running);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...STUBBORN_STEP,
    name: "terminated while steps run that ignore SIGTERM",
    phase: "Failed",
    disturb: async (running) => {
      await launchersStarted(running);
      terminate(running);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...STUBBORN_STEP,
    name: "terminated, and deleted before its steps have ended",
    phase: "Failed",
    disturb: async (running) => {
      const pods = await launchersStarted(running);
      terminate(running);
      await running.until("the workflow has failed", () =>
        running.cluster.workflow(running.workflowName).status?.["phase"] === "Failed" ? true : undefined,
      );
      deletePods(running, pods);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...STUBBORN_STEP,
    name: "over the deadline of the run",
    phase: "Failed",
    disturb: async (running) => {
      endAfter(running, RUN_DEADLINE_S);
      await launchersStarted(running);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...RUNNING_STEP,
    name: "pods of steps deleted",
    phase: "Error",
    disturb: async (running) => {
      const pods = await launchersStarted(running);
      await sleep(RECENTLY_STARTED_MS);
      deletePods(running, pods);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    name: "an image that is not there, terminated",
    pipeline: "container_bare",
    isCompared: false,
    phase: "Failed",
    changeExecutors: (executors) => {
      for (const executor of Object.values(executors))
        executor["container"] = { image: "registry.example.org/absent:1", command: ["true"] };
    },
    disturb: async (running) => {
      await running.until("a pod waits for its image", () =>
        running.podsOf("executor").some(({ status }) => JSON.stringify(status ?? {}).includes("ImagePullBackOff"))
          ? true
          : undefined,
      );
      terminate(running);
    },
    // Nothing of the pod has ever run that could tell.
    check: (_running, rows) => endedAs(rows, "RUNNING"),
  },
  {
    name: "an API server that is away for a minute",
    pipeline: "task_order",
    isAlone: true,
    changeExecutors: steps("sleep", "20"),
    disturb: async ({ cluster, podsOf, until }) => {
      await until("a launcher runs", async () => {
        const logs = await Promise.all(
          podsOf("executor").map(async ({ metadata }) => await cluster.readLog(metadata.name, "main")),
        );
        return logs.some(hasLauncherStarted) ? true : undefined;
      });
      await cluster.restartApiServer(async () => await sleep(API_SERVER_AWAY_MS));
    },
  },
];

/** As KFP's API server terminates a run: backend/src/apiserver/resource/resource_manager.go: TerminateWorkflow. */
function terminate(running: RunningScenario): void {
  endAfter(running, 0);
}

function endAfter({ cluster, workflowName }: RunningScenario, seconds: number): void {
  const place = { resource: resourceOf("workflows"), namespace: NAMESPACE, name: workflowName };
  cluster.store.patch(place, { spec: { activeDeadlineSeconds: seconds } });
}

function deletePods({ cluster }: RunningScenario, pods: readonly KubeObject[]): void {
  for (const { metadata } of pods)
    cluster.store.delete({ resource: resourceOf("pods"), namespace: NAMESPACE, name: metadata.name });
}

/**
 * Until the launchers of all steps say that they run. A container runs before its program does: argoexec, which starts the launcher, ends by a
 * SIGTERM that comes before it listens, and nobody is there to tell of the step's end.
 */
async function launchersStarted({ cluster, podsOf, until }: RunningScenario): Promise<readonly KubeObject[]> {
  return await until("the launchers of all steps run", async () => {
    const pods = podsOf("executor");
    const logs = await Promise.all(pods.map(async ({ metadata }) => await cluster.readLog(metadata.name, "main")));
    return logs.filter(hasLauncherStarted).length === STEPS ? pods : undefined;
  });
}

function hasLauncherStarted(log: string | undefined): boolean {
  return log?.includes("launcher-v2 starts") ?? false;
}

/** The root and every task. */
function endedAs(rows: Readonly<Record<string, JsonObject>>, state: string): string[] {
  const others = Object.entries(rows).filter(([, row]) => row["state"] !== state);
  return others.map(([label, row]) => `${label} is ${row["state"] as string}, not ${state}`);
}

/** Some task's message. */
function saysOf(rows: Readonly<Record<string, JsonObject>>, text: RegExp): string[] {
  const messages = Object.values(rows).map((row) => JSON.stringify(row["statusMetadata"] ?? {}));
  return messages.some((message) => text.test(message)) ? [] : [`no task says ${String(text)}: ${messages.join(" ")}`];
}
