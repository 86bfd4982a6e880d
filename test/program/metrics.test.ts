import { describe, test } from "vitest";
import { createMetrics } from "../../src/program/metrics.ts";

describe("createMetrics()", () => {
  test("writes what Prometheus reads", ({ expect }) => {
    const metrics = createMetrics();
    const drives = metrics.counter("drives_total", "Drives that have ended.");
    const waiting = metrics.gauge("waiting", "Nodes that wait.");
    let expiry: number | undefined;
    metrics.gaugeOf("expiry_seconds", "When it ends.", () => expiry);
    const seconds = metrics.histogram("drive_seconds", "How long drives take.", [0.01, 0.1]);
    drives.add({ result: "ok" });
    drives.add({ result: "ok" }, 2);
    drives.add({ result: 'a "b" \\ \n' });
    waiting.set(3);
    waiting.set(1);
    for (const value of [0.01, 0.02, 0.5]) seconds.observe(value, { type: "DAG" });
    const expected = `# HELP drives_total Drives that have ended.
# TYPE drives_total counter
drives_total{result="ok"} 3
drives_total{result="a \\"b\\" \\\\ \\n"} 1
# HELP waiting Nodes that wait.
# TYPE waiting gauge
waiting 1
# HELP expiry_seconds When it ends.
# TYPE expiry_seconds gauge
# HELP drive_seconds How long drives take.
# TYPE drive_seconds histogram
drive_seconds_bucket{type="DAG",le="0.01"} 1
drive_seconds_bucket{type="DAG",le="0.1"} 2
drive_seconds_bucket{type="DAG",le="+Inf"} 3
drive_seconds_sum{type="DAG"} 0.53
drive_seconds_count{type="DAG"} 3
`;
    expect(metrics.text()).toBe(expected);
    expiry = 12;
    expect(metrics.text()).toContain("gauge\nexpiry_seconds 12\n");
  });
});
