import { describe, test } from "vitest";
import { AgentMetrics } from "../../../src/resident/agent/metrics.ts";

describe("AgentMetrics", () => {
  test("tells help, type and samples of each", ({ expect }) => {
    const metrics = new AgentMetrics();
    metrics.drives.add({ phase: "Succeeded" });
    metrics.drives.add({ phase: "Succeeded" });
    metrics.driveSeconds.observe(0.007);
    const text = metrics.text(() => ({ up: { help: "It is.", value: 1 } }));
    expect(text).toContain('# TYPE kfp_driver_agent_drives_total counter\nkfp_driver_agent_drives_total{phase="Succeeded"} 2\n');
    expect(text).toContain(
      'kfp_driver_agent_drive_seconds_bucket{le="0.005"} 0\nkfp_driver_agent_drive_seconds_bucket{le="0.0075"} 1\n',
    );
    expect(text).toContain("# HELP up It is.\n# TYPE up gauge\nup 1\n");
    // Every line is a comment or a sample.
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? [\d.]+)$/);
  });
});
