/** The pods that our drivers ask a cluster for, of a run whose programs are stubs. @module */
import type { PodSpecPatch } from "../../src/driver/pod-spec-patch/pod-spec.ts";
import type { JsonValue } from "../../src/core/values/value.ts";
import { simulate, type Simulation } from "../conformance/simulate.ts";

export interface SimulatedPods {
  readonly simulation: Simulation;
  /** Keys of tasks in the order of their drivers. */
  readonly order: readonly string[];
  /** By the last part of the task's scope path. */
  readonly patchOf: (task: string) => PodSpecPatch;
  readonly mainOf: (task: string) => NonNullable<PodSpecPatch["containers"]>[number];
}

/** Ends with the test that calls it. */
export async function simulatePods(text: string, parameters: Readonly<Record<string, JsonValue>> = {}): Promise<SimulatedPods> {
  const simulation = await simulate({ name: "example", text }, { parameters });
  const keyOf = (task: string): string =>
    task
      .split(".")
      .at(-1)
      ?.replace(/\[\d+\]$/, "") ?? "";
  const patchOf: SimulatedPods["patchOf"] = (task) => {
    const driver = simulation.drivers.find((each) => keyOf(each.task) === task);
    const patch = driver?.result?.podSpecPatch;
    if (patch === undefined) throw new Error(`no pod for ${task}: ${driver?.error ?? "there is no such driver"}`);
    return patch;
  };
  const mainOf: SimulatedPods["mainOf"] = (task) => {
    const main = patchOf(task).containers?.find(({ name }) => name === "main");
    if (main === undefined) throw new Error(`no main container for ${task}`);
    return main;
  };
  return { simulation, order: simulation.drivers.map(({ task }) => keyOf(task)), patchOf, mainOf };
}
