/**
 * What only a cluster does to steps, and what happens to a cluster: memory that runs out, termination, deletion, deadlines.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  claimUnderConstruction,
  deletePods,
  deleteWorkingDriver,
  endAfter,
  hasLauncherStarted,
  launchersStarted,
  noLongerRecent,
  startOf,
  STEPS,
  terminate,
  whileClaimIsMade,
} from "./disturbances.ts";
import { endedAs, fingerprintOf, saysOf } from "./row-checks.ts";
import type { Scenario } from "./scenario.ts";
import { steps } from "./step-command.ts";

/** Time enough for the start of the launchers, which took longer than 75 s on a machine with a load of a hundred. */
const RUN_DEADLINE_S = 180;
const API_SERVER_AWAY_MS = 60_000;

const RUNNING_STEP = { changeExecutors: steps("sleep", "600"), pipeline: "container_bare", isCompared: false } as const;
/** Ends of SIGKILL only. */
const STUBBORN_STEP = { ...RUNNING_STEP, changeExecutors: steps("sh", "-c", "trap '' TERM; while :; do sleep 1; done") } as const;

/** The run is terminated as KFP's API server does it, once its launchers have started. */
const TERMINATED: Pick<Scenario, "phase" | "disturb" | "check"> = {
  phase: "Failed",
  disturb: async (running) => {
    await launchersStarted(running);
    await terminate(running);
  },
  check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
};

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
    ...TERMINATED,
    name: "terminated while steps run",
  },
  {
    ...STUBBORN_STEP,
    ...TERMINATED,
    name: "terminated while steps run that ignore SIGTERM",
  },
  {
    ...STUBBORN_STEP,
    name: "terminated, and deleted before its steps have ended",
    phase: "Failed",
    disturb: async (running) => {
      const pods = await launchersStarted(running);
      await terminate(running);
      await running.until("the workflow has failed", async () => {
        const { status } = await running.cluster.workflow(running.workflowName);
        return status?.["phase"] === "Failed" ? true : undefined;
      });
      await deletePods(running, pods);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...STUBBORN_STEP,
    name: "over the deadline of the run",
    phase: "Failed",
    disturb: async (running) => {
      // Pods are told the deadline when they are made, so it stands before those of steps are: after all that takes long before them.
      const areDriversMade = async (): Promise<boolean> =>
        running.cluster.drivers === "agent" || (await running.podsOf("driver")).length === 1 + STEPS;
      const startedAt = await running.until("drivers of all steps are made", async () =>
        (await areDriversMade()) ? await startOf(running) : undefined,
      );
      await endAfter(running, Math.ceil((Date.now() - startedAt) / 1000) + RUN_DEADLINE_S);
      await launchersStarted(running);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...RUNNING_STEP,
    name: "pods of steps deleted",
    // Kubernetes' own kubelet says how the containers have ended before the pod is gone.
    phase: ["Error", "Failed"],
    disturb: async (running) => {
      const pods = await launchersStarted(running);
      await noLongerRecent(pods);
      await deletePods(running, pods);
    },
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...claimUnderConstruction("later"),
    name: "the pod of a driver deleted",
    drivers: "pods",
    isCompared: false,
    phase: "Error",
    disturb: async (running) =>
      await whileClaimIsMade(running, "later", async () => {
        await noLongerRecent(await running.podsOf("driver"));
        await deleteWorkingDriver(running);
      }),
    check: (_running, rows) => [...endedAs(rows, "FAILED"), ...saysOf(rows, /SIGTERM/)],
  },
  {
    ...claimUnderConstruction("again"),
    name: "the pod of a driver deleted, and made once more",
    drivers: "pods",
    expected: [
      { line: /^ROOT(\/createpvc)? stateHistory\./, reason: "the first driver has told that it was stopped" },
      { line: /^ROOT\/createpvc statusMetadata: \{\} \| absent$/, reason: "what it said of it is gone" },
      fingerprintOf("createpvc", "the claim's name is new in every run"),
      fingerprintOf("say", "it mounts that claim"),
    ],
    disturb: async (running) => await whileClaimIsMade(running, "again", async () => await deleteWorkingDriver(running)),
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
      await running.until("a pod waits for its image", async () =>
        (await running.podsOf("executor")).some(({ status }) => JSON.stringify(status ?? {}).includes("ImagePullBackOff"))
          ? true
          : undefined,
      );
      await terminate(running);
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
        const pods = await podsOf("executor");
        const logs = await Promise.all(pods.map(async ({ metadata }) => await cluster.kube.readLog(metadata.name, "main")));
        return logs.some(hasLauncherStarted) ? true : undefined;
      });
      await cluster.restartApiServer(async () => await sleep(API_SERVER_AWAY_MS));
    },
  },
];
