/**
 * What the agent counts, as Prometheus text.
 *
 * Standard: Prometheus, "Text-based format", version 0.0.4.
 *
 * @module
 */

/** Labels of a sample; few values each, never an id. */
export type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly lines: () => string[];
}

/** Grows. */
export class Counter {
  readonly #values = new Map<string, number>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  count(labels: Labels = {}, by = 1): void {
    const key = sample(this.#name, labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  lines(): string[] {
    return [...this.#values].map(([key, value]) => `${key} ${value}`);
  }
}

/** Counts by size, in seconds. */
export class Histogram {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #total = 0;

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#total += 1;
    for (const [index, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  lines(): string[] {
    const buckets = this.#bounds.map(
      (bound, index) => `${sample(`${this.#name}_bucket`, { le: String(bound) })} ${this.#counts[index] ?? 0}`,
    );
    return [
      ...buckets,
      `${sample(`${this.#name}_bucket`, { le: "+Inf" })} ${this.#total}`,
      `${this.#name}_sum ${this.#sum}`,
      `${this.#name}_count ${this.#total}`,
    ];
  }
}

/** From a cache of clients to a large run. */
const DRIVE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Values of the moment, asked for when the text is made. */
export type Gauges = () => Readonly<Record<string, { readonly help: string; readonly value: number; readonly type?: "counter" }>>;

/** Everything that is counted; docs/resident-driver.md lists it. */
export class AgentMetrics {
  readonly drives = new Counter("kfp_driver_agent_drives_total");
  readonly driveSeconds = new Histogram("kfp_driver_agent_drive_seconds", DRIVE_SECONDS);
  readonly refusals = new Counter("kfp_driver_agent_refusals_total");
  readonly postponed = new Counter("kfp_driver_agent_postponed_total");
  readonly results = new Counter("kfp_driver_agent_results_total");
  readonly patches = new Counter("kfp_driver_agent_patches_total");
  readonly lost = new Counter("kfp_driver_agent_lost_total");
  readonly watchFailures = new Counter("kfp_driver_agent_watch_failures_total");
  readonly unusable = new Counter("kfp_driver_agent_unusable_task_sets_total");

  /** @param gauges What else there is to tell. */
  text(gauges: Gauges): string {
    const metrics: Metric[] = [
      counter(
        this.drives,
        "kfp_driver_agent_drives_total",
        "Drives that ended, by phase of the result; none: nobody wanted one any more.",
      ),
      {
        name: "kfp_driver_agent_drive_seconds",
        help: "From the start of a drive to its result.",
        type: "histogram" as const,
        lines: () => this.driveSeconds.lines(),
      },
      counter(this.refusals, "kfp_driver_agent_refusals_total", "Nodes that were refused because they name what is not theirs."),
      counter(this.postponed, "kfp_driver_agent_postponed_total", "Drives put off because Kubernetes did not answer."),
      counter(this.results, "kfp_driver_agent_results_total", "Results put into task sets."),
      counter(this.patches, "kfp_driver_agent_patches_total", "Patches of task sets, by outcome."),
      counter(this.lost, "kfp_driver_agent_lost_total", "Results that got lost and were delivered again."),
      counter(
        this.watchFailures,
        "kfp_driver_agent_watch_failures_total",
        "Times that Kubernetes did not let task sets be followed.",
      ),
      counter(this.unusable, "kfp_driver_agent_unusable_task_sets_total", "Versions of task sets that no Workflow owns."),
      ...Object.entries(gauges()).map(([name, { help, value, type }]): Metric => {
        return { name, help, type: type ?? ("gauge" as const), lines: () => [`${name} ${value}`] };
      }),
    ];
    return metrics
      .map(({ name, help, type, lines }) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines(), ""].join("\n"))
      .join("");
  }
}

function counter(source: Counter, name: string, help: string): Metric {
  return { name, help, type: "counter", lines: () => source.lines() };
}

function sample(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([label, value]) =>
      `${label}="${value.replaceAll(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))}"`,
  );
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
