/**
 * What the agent counts; docs/resident-driver.md lists it.
 *
 * @module
 */
import { createMetrics } from "../../program/metrics.ts";

/** From one step alone to a large run, and to a queue of hours. */
const SECONDS = [0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Values of the moment, asked for when the text is made. */
export type Gauges = () => Readonly<Record<string, { readonly help: string; readonly value: number; readonly type?: "counter" }>>;

/** Everything that is counted. Labels have few values each and are never ids. */
export class AgentMetrics {
  readonly #metrics = createMetrics();
  readonly drives = this.#counter("drives", "Drives that ended, by phase of the result; none: nobody wanted one any more.");
  readonly driveSeconds = this.#metrics.histogram(
    "kfp_driver_agent_drive_seconds",
    "From the start of a drive to its result.",
    SECONDS,
  );
  readonly answerSeconds = this.#metrics.histogram(
    "kfp_driver_agent_answer_seconds",
    "From a node that is seen to be asked for to its result in the task set, all waiting included.",
    SECONDS,
  );
  readonly refusals = this.#counter("refusals", "Nodes that were refused because they name what is not theirs.");
  readonly postponed = this.#counter("postponed", "Drives put off because Kubernetes did not answer.");
  readonly results = this.#counter("results", "Results put into task sets.");
  readonly patches = this.#counter("patches", "Patches of task sets, by outcome.");
  readonly lost = this.#counter("lost", "Results that got lost and were delivered again.");
  readonly untaken = this.#metrics.gauge(
    "kfp_driver_agent_untaken",
    "Results in task sets that Argo's controller has not taken for a minute.",
  );
  readonly watchFailures = this.#counter("watch_failures", "Times that Kubernetes did not let task sets be followed.");
  readonly unusable = this.#counter("unusable_task_sets", "Versions of task sets that no Workflow owns.");

  /** @param gauges What else there is to tell. */
  text(gauges: Gauges): string {
    const momentary = createMetrics();
    for (const [name, { help, value, type }] of Object.entries(gauges())) {
      if (type === "counter") momentary.counter(name, help).add({}, value);
      else momentary.gauge(name, help).set(value);
    }
    return this.#metrics.text() + momentary.text();
  }

  #counter(name: string, help: string) {
    return this.#metrics.counter(`kfp_driver_agent_${name}_total`, help);
  }
}
