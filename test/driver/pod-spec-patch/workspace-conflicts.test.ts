/** The workspace on the pod, and volumes that would hide it. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { root } from "../../support/probe.ts";
import { mainOf, stepPod, type StepPodRequest } from "../../support/step-pod.ts";

const asked: JsonObject = { inputs: { parameterValues: { p: "{{$.workspace_path}}/x" } } };
const at = (mountPath: string): JsonObject => ({ pvcMount: [{ mountPath, constant: "p" }] });

describe("the workspace", () => {
  const claimed = [{ name: "kfp-workspace", persistentVolumeClaim: { claimName: "wf-kfp-workspace" } }];
  test.for([
    { name: "W1 for a placeholder", executorInput: asked, volumes: claimed },
    { name: "W2 for a path", executorInput: { inputs: { parameterValues: { p: "/kfp-workspace/data" } } }, volumes: claimed },
    {
      name: "W3 for an artifact in it",
      executorInput: { inputs: { artifacts: { a: { artifacts: [{ uri: "s3://b/k", metadata: { _kfp_workspace: true } }] } } } },
      volumes: claimed,
    },
    { name: "W4 not for other texts", executorInput: { inputs: { parameterValues: { p: "hello" } } }, volumes: undefined },
  ])("is mounted $name", async ({ executorInput, volumes }) => {
    const { patch } = await stepPod({ config: {}, executorInput });
    expect(patch["volumes"]).toEqual(volumes);
    const mounts = volumes === undefined ? undefined : [{ name: "kfp-workspace", mountPath: "/kfp-workspace" }];
    expect(mainOf(patch)["volumeMounts"]).toEqual(mounts);
  });

  const recordings = JSON.parse(readFileSync(path.join(root, "test/fixtures/recordings/workspace.json"), "utf8")) as Array<{
    readonly task: string;
    readonly inputs: JsonObject;
    readonly patch: JsonObject;
  }>;
  test.for(recordings)("gives the patch of the reference: $task", async ({ inputs, patch }) => {
    const container = { image: mainOf(patch)["image"] ?? "", command: ["c"] };
    const made = await stepPod({ config: null, container, executorInput: { inputs }, options: { runName: "RUN_NAME" } });
    const { command: _, args: __, ...main } = mainOf(made.patch);
    expect({ ...made.patch, containers: [main] }).toEqual(patch);
  });

  test("W5 needs the name of the run", async () => {
    await expect(stepPod({ config: {}, executorInput: asked, options: { runName: "" } })).rejects.toThrow(
      "run name is required when workspace is used",
    );
  });
});

describe("a volume that would hide the workspace (K8S-5)", () => {
  const conflicts: readonly (StepPodRequest & { readonly name: string })[] = [
    { name: "a claim at it", config: at("/kfp-workspace") },
    { name: "W7 a claim in it", config: at("/kfp-workspace/sub") },
    { name: "an unclean path", config: at("//kfp-workspace/./x/..") },
    { name: "an empty folder in it", config: { emptyDirMounts: [{ volumeName: "e", mountPath: "/kfp-workspace/tmp" }] } },
    { name: "a secret in it", config: { secretAsVolume: [{ secretName: "s", mountPath: "/kfp-workspace/s" }] } },
    {
      name: "one that only the task configuration gets",
      config: at("/kfp-workspace/sub"),
      component: { taskConfigPassthroughs: [{ field: "KUBERNETES_VOLUMES" }] },
    },
  ];
  test.for(conflicts)("is refused: $name", async (row) => {
    const { name: _, ...request } = row;
    await expect(stepPod({ ...request, executorInput: asked })).rejects.toMatchObject({
      code: "SPEC_INVALID",
      message: expect.stringMatching(
        /^failed to validate volume mounts: user volume mount at .* conflicts with workspace mount/,
      ) as unknown,
    });
  });

  test.for([
    { name: "a folder with a similar name", config: at("/kfp-workspace2"), executorInput: asked },
    { name: "a step that does not use the workspace", config: at("/kfp-workspace/sub"), executorInput: {} },
    {
      name: "a pod that does not have the workspace",
      config: { emptyDirMounts: [{ volumeName: "e", mountPath: "/kfp-workspace" }] },
      executorInput: asked,
      component: { taskConfigPassthroughs: [{ field: "KUBERNETES_VOLUMES" }] },
    },
  ])("is nothing to refuse for $name", async (row) => {
    const { name: _, ...request } = row;
    await expect(stepPod(request)).resolves.toBeDefined();
  });

  test("a secret called like the workspace's volume gets another name", async () => {
    const { patch } = await stepPod({
      config: { secretAsVolume: [{ secretName: "kfp-workspace", mountPath: "/s" }] },
      executorInput: asked,
    });
    const volumes = patch["volumes"] as { name: string }[];
    expect(new Set(volumes.map(({ name }) => name)).size).toBe(2);
    expect(volumes[0]?.name).toBe("kfp-workspace");
  });
});
