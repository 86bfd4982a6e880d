/**
 * Counters, gauges and histograms of a long-running program, and the text that Prometheus reads them from.
 *
 * Names follow Prometheus' rules: a unit at the end, `_total` for what only grows. A metric has its labels from the beginning, so that it
 * is there before the first event.
 *
 * Standard: Prometheus text exposition format 0.0.4.
 *
 * @module
 */

/** Value of the `content-type` header that goes with the text. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Values of the labels of one series. */
export type LabelValues = Readonly<Record<string, string>>;

/** Counts what happens. */
export interface Counter {
  add(labels?: LabelValues, by?: number): void;
}

/** Shows something that goes up and down. */
export interface Gauge {
  set(value: number, labels?: LabelValues): void;
}

/** Sorts what was measured into sizes. */
export interface Histogram {
  observe(value: number, labels?: LabelValues): void;
}

/** Metrics of one program, in the order they were made in. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /** Asked for its value whenever the text is made; `undefined` leaves it out. */
  gaugeOf(name: string, help: string, read: () => number | undefined): void;
  /** @param bounds Upper bounds of the sizes, growing; there is one more for what is larger. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  text(): string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly lines: () => string[];
}

/** No metrics yet. */
export function createMetrics(): Metrics {
  const families: Family[] = [];
  const series = (name: string, help: string, type: "counter" | "gauge"): Map<string, number> => {
    const values = new Map<string, number>();
    const lines = (): string[] => Array.from(values, ([labels, value]) => `${name}${labels} ${number(value)}`);
    families.push({ name, help, type, lines });
    return values;
  };
  return {
    counter(name, help) {
      const values = series(name, help, "counter");
      return {
        add(labels = {}, by = 1) {
          const key = labelText(labels);
          values.set(key, (values.get(key) ?? 0) + by);
        },
      };
    },
    gauge(name, help) {
      const values = series(name, help, "gauge");
      return { set: (value, labels = {}) => void values.set(labelText(labels), value) };
    },
    gaugeOf(name, help, read) {
      const lines = (): string[] => {
        const value = read();
        return value === undefined ? [] : [`${name} ${number(value)}`];
      };
      families.push({ name, help, type: "gauge", lines });
    },
    histogram(name, help, bounds) {
      const sizes = new Map<string, { readonly labels: LabelValues; readonly counts: number[]; sum: number }>();
      const lines = (): string[] => Array.from(sizes.values(), (size) => histogramLines(name, bounds, size)).flat();
      families.push({ name, help, type: "histogram", lines });
      return {
        observe(value, labels = {}) {
          const key = labelText(labels);
          const size = sizes.get(key) ?? { labels, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 };
          const index = bounds.findIndex((bound) => value <= bound);
          const place = index < 0 ? bounds.length : index;
          size.counts[place] = (size.counts[place] ?? 0) + 1;
          size.sum += value;
          sizes.set(key, size);
        },
      };
    },
    text() {
      const blocks = families.map(({ name, help, type, lines }) => [
        `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
        `# TYPE ${name} ${type}`,
        ...lines(),
      ]);
      return blocks
        .flat()
        .map((line) => `${line}\n`)
        .join("");
    },
  };
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  { labels, counts, sum }: { readonly labels: LabelValues; readonly counts: readonly number[]; readonly sum: number },
): string[] {
  let below = 0;
  const buckets = [...bounds.map(number), "+Inf"].map((bound, index) => {
    below += counts[index] ?? 0;
    return `${name}_bucket${labelText({ ...labels, le: bound })} ${below}`;
  });
  return [...buckets, `${name}_sum${labelText(labels)} ${number(sum)}`, `${name}_count${labelText(labels)} ${below}`];
}

function labelText(labels: LabelValues): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
