import { describe, test } from "vitest";
import { AgentMetrics, Counter, Histogram } from "../../../src/resident/agent/metrics.ts";

describe("AgentMetrics", () => {
  test("tells help, type and samples of each", ({ expect }) => {
    const metrics = new AgentMetrics();
    metrics.drives.count({ phase: "Succeeded" });
    metrics.drives.count({ phase: "Succeeded" });
    metrics.driveSeconds.observe(0.007);
    const text = metrics.text(() => ({ up: { help: "It is.", value: 1 } }));
    expect(text).toContain('# TYPE kfp_driver_agent_drives_total counter\nkfp_driver_agent_drives_total{phase="Succeeded"} 2\n');
    expect(text).toContain(
      'kfp_driver_agent_drive_seconds_bucket{le="0.005"} 0\nkfp_driver_agent_drive_seconds_bucket{le="0.01"} 1\n',
    );
    expect(text).toContain("# HELP up It is.\n# TYPE up gauge\nup 1\n");
    // Every line is a comment or a sample.
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? [\d.]+)$/);
  });

  test("escapes values of labels", ({ expect }) => {
    const counter = new Counter("c");
    counter.count({ a: 'x"\\\n' });
    expect(counter.lines()).toEqual(['c{a="x\\"\\\\\\n"} 1']);
  });

  test("a histogram adds up", ({ expect }) => {
    const histogram = new Histogram("h", [1, 2]);
    for (const value of [0.5, 1, 1.5, 3]) histogram.observe(value);
    expect(histogram.lines()).toEqual([
      'h_bucket{le="1"} 2',
      'h_bucket{le="2"} 3',
      'h_bucket{le="+Inf"} 4',
      "h_sum 6",
      "h_count 4",
    ]);
  });
});
