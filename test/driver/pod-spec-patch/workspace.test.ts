import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { needsWorkspace, workspaceVolume } from "../../../src/driver/pod-spec-patch/workspace.ts";

describe("needsWorkspace()", () => {
  test.for([
    { name: "a parameter with the path", inputs: { parameterValues: { p: jsonToValue("x /kfp-workspace/y") } }, expected: true },
    {
      name: "a parameter with the placeholder",
      inputs: { parameterValues: { p: jsonToValue("{{$.workspace_path}}") } },
      expected: true,
    },
    { name: "a path inside a list", inputs: { parameterValues: { p: jsonToValue(["/kfp-workspace"]) } }, expected: false },
    {
      name: "a first artifact in the workspace",
      inputs: { artifacts: { a: { artifacts: [{ metadata: { _kfp_workspace: true } }] } } },
      expected: true,
    },
    {
      name: "a flag that is not the boolean",
      inputs: { artifacts: { a: { artifacts: [{ metadata: { _kfp_workspace: "true" } }] } } },
      expected: false,
    },
    { name: "nothing of it", inputs: {}, expected: false },
  ])("$name: $expected", ({ inputs, expected }, { expect }) => {
    expect(needsWorkspace(create(ExecutorInputSchema, { inputs }))).toBe(expected);
  });
});

describe("workspaceVolume()", () => {
  test("mounts the claim of the run", ({ expect }) => {
    const claimName = "wf-1-kfp-workspace";
    expect(workspaceVolume("wf-1").volumes).toEqual([
      {
        preferredName: "kfp-workspace",
        isFixedName: true,
        source: { persistentVolumeClaim: { claimName } },
        mount: { mountPath: "/kfp-workspace" },
      },
    ]);
  });

  test("needs the run's name", ({ expect }) => {
    expect(() => workspaceVolume("")).toThrow("run name is required when workspace is used");
  });
});
