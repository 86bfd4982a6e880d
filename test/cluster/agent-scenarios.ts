/**
 * What happens to the agent, and to what it drives, where it drives in the place of pods.
 *
 * @module
 */
import { TaskState } from "../../src/core/kfp-types.ts";
import { claimUnderConstruction, terminate, whileClaimIsMade } from "./disturbances.ts";
import { endedAs, fingerprintOf } from "./row-checks.ts";
import { readTasks } from "./run-rows.ts";
import type { Scenario } from "./scenario.ts";

const CLAIM = "the claim's name is new in every run";
const EXPECTED = [fingerprintOf("createpvc", CLAIM), fingerprintOf("say", "it mounts that claim")];

/** Other scenarios run meanwhile, whose drives wait for the next agent. */
export const AGENT_SCENARIOS: readonly Scenario[] = [
  {
    ...claimUnderConstruction("killed"),
    name: "the agent killed while it drives",
    drivers: "agent",
    expected: EXPECTED,
    disturb: async (running) =>
      await whileClaimIsMade(running, "killed", async () => await running.cluster.agent?.restart("SIGKILL")),
  },
  {
    ...claimUnderConstruction("replaced"),
    name: "the agent replaced while it drives",
    drivers: "agent",
    expected: EXPECTED,
    disturb: async (running) =>
      await whileClaimIsMade(running, "replaced", async () => await running.cluster.agent?.restart("SIGTERM")),
  },
  {
    ...claimUnderConstruction("ended"),
    name: "terminated while the agent drives",
    drivers: "agent",
    isCompared: false,
    phase: "Failed",
    disturb: async (running) =>
      await whileClaimIsMade(running, "ended", async () => {
        await terminate(running);
        await running.until("the row of the task has failed", async () => {
          const tasks = await readTasks(running.cluster.apiServer(), running.runId);
          return tasks.some(({ name, state }) => name === "createpvc" && state === TaskState.FAILED) ? true : undefined;
        });
      }),
    check: (_running, rows) => endedAs(rows, "FAILED"),
  },
];
