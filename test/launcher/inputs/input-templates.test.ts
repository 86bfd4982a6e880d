/** What the launcher makes of values that look like templates, whichever driver wrote them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { jsonToValue, type JsonValue } from "../../../src/core/values/value.ts";
import { script } from "../../support/launcher-pipelines.ts";
import { launcherPipeline, startLauncherWorld } from "../../support/launcher-world.ts";

const ref = (name: string): string => `{{$.inputs.parameters['${name}']}}`;
const template = { n: ref("n"), run: "{{$.pipeline_job_uuid}}" };

/** One step `say` that is given `d` as a constant, `c` by its parent, `e` by default. */
function pipeline(): JsonObject {
  const spec = launcherPipeline({ root: { tasks: { say: "comp-say" } } }, { "comp-say": {} });
  const root = spec["root"] as { dag: { tasks: Record<string, JsonObject> } };
  Object.assign(root.dag.tasks["say"] ?? {}, {
    inputs: {
      parameters: {
        d: { runtimeValue: { constant: template } },
        c: { componentInputParameter: "c" },
        n: { runtimeValue: { constant: 7 } },
      },
    },
  });
  const components = spec["components"] as Record<string, JsonObject>;
  const struct = { parameterType: "STRUCT" };
  Object.assign(components["comp-say"] ?? {}, {
    inputDefinitions: {
      parameters: {
        ...{ d: struct, n: { parameterType: "NUMBER_INTEGER" } },
        ...{ c: { ...struct, defaultValue: template }, e: { ...struct, defaultValue: template } },
      },
    },
  });
  return spec;
}

async function shown(values: Record<string, JsonValue>): Promise<{ json: unknown; runId: string }> {
  const world = await startLauncherWorld(pipeline());
  const row = await world.row(world.root, "say");
  const { stdout } = await world.launch(row, {
    command: script('printf "%s" "$0"', "{{$}}"),
    change: ({ inputs }) => {
      if (inputs === undefined) return;
      for (const [name, value] of Object.entries(values)) inputs.parameterValues[name] = jsonToValue(value);
    },
  });
  const { inputs } = JSON.parse(stdout) as { inputs: { parameterValues: unknown } };
  return { json: inputs.parameterValues, runId: world.runId };
}

describe("launchContainer() of values that look like templates", () => {
  test("resolves a constant or default that its driver left as the author wrote it", async () => {
    const { json, runId } = await shown({ d: template, e: template, n: 7 });
    const resolved = { n: "7", run: runId };
    expect(json).toEqual({ d: resolved, e: resolved, n: 7 });
  });

  test("leaves everything else alone: other texts, and what the parent gave even if it is the default's text", async () => {
    const values = { d: { ...template, more: ref("n") }, c: template, e: [template], n: 7 };
    expect((await shown(values)).json).toEqual(values);
  });
});
