import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { runWorkflow, workflowParameters } from "./run-workflow.ts";

const folder = new URL("../conformance/workflows/", import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(".yaml", ""));
const compiled = (name: string): string => readFileSync(new URL(`${name}.yaml`, folder), "utf8");
const facts = { runId: "run-1", displayName: "My run", namespace: "ns", workflowName: "my-run" };

describe("runWorkflow()", () => {
  test.for(names)("%s is named, marked and without open ids", (name, { expect }) => {
    const workflow = runWorkflow(compiled(name), facts);
    expect(workflow["metadata"]).toMatchObject({
      name: "my-run",
      namespace: "ns",
      labels: { "pipeline/runid": "run-1" },
      annotations: { "pipelines.kubeflow.org/run_name": "My run", "workflows.argoproj.io/pod-name-format": "v1" },
    });
    expect(workflow["metadata"]).not.toHaveProperty("generateName");
    expect(JSON.stringify(workflow)).not.toContain("{{workflow.uid}}");
    const spec = workflow["spec"] as { templates: JsonObject[]; podMetadata: JsonObject };
    expect(spec.podMetadata).toMatchObject({ labels: { "pipeline/runid": "run-1" } });
    for (const template of spec.templates)
      expect(template).toMatchObject({ metadata: { annotations: { "sidecar.istio.io/inject": "false" } } });
  });

  test("gives drivers the run's id and the name that people see", ({ expect }) => {
    const { templates } = runWorkflow(compiled("container_bare"), facts)["spec"] as {
      templates: { name: string; container?: { args: string[] } }[];
    };
    const args = templates.find(({ name }) => name === "system-dag-driver")?.container?.args ?? [];
    expect(args[args.indexOf("--run_id") + 1]).toBe("run-1");
    expect(args[args.indexOf("--run_display_name") + 1]).toBe("My run");
    // Empty arguments stay.
    expect(args[args.indexOf("--http_proxy") + 1]).toBe("");
  });
});

test.for(names)("%s: workflowParameters() are those of the golden", (name, { expect }) => {
  const golden = new URL(`../golden/${name.split(".")[0] ?? ""}.json`, folder);
  const { parameters } = JSON.parse(readFileSync(golden, "utf8")) as { parameters: JsonObject };
  expect(workflowParameters(compiled(name))).toEqual(parameters);
});
