/** Every Kubernetes config the Go driver was recorded with gives the same patch here. */
import { fromJson } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { PipelineTaskSchema, type PipelineTask } from "../../../../src/core/kfp-types.ts";
import type { JsonObject } from "../../../../src/core/values/value.ts";
import { root } from "../../../support/probe.ts";
import { mainOf, stepPod } from "../../../support/step-pod.ts";

interface Recording {
  readonly pipeline: string;
  readonly task: string;
  readonly iterationIndex: number;
  readonly kubernetesConfig: JsonObject;
  readonly parent: JsonObject;
  readonly siblings: readonly JsonObject[];
  readonly patch?: JsonObject;
  /** Of the reference, where it failed: it could not resolve a quantity of the step's container. */
  readonly failed?: string;
}

const recordings = JSON.parse(
  readFileSync(path.join(root, "test/fixtures/recordings/kubernetes-config.json"), "utf8"),
) as Recording[];

const rowOf = (json: JsonObject): PipelineTask => fromJson(PipelineTaskSchema, json);

describe("the recorded Kubernetes configs", () => {
  test.for(recordings.flatMap(({ patch, ...recording }) => (patch === undefined ? [] : [{ ...recording, patch }])))(
    "$pipeline $task $iterationIndex: the reference's patch",
    async ({ kubernetesConfig, parent, siblings, iterationIndex, patch }, { expect }) => {
      const image = mainOf(patch)["image"] as string;
      const made = await stepPod({
        config: kubernetesConfig,
        container: { image, command: ["c"] },
        rows: { parent: rowOf(parent), siblings: siblings.map(rowOf) },
        iterationIndex: iterationIndex < 0 ? undefined : iterationIndex,
      });
      const [main, ...others] = made.patch["containers"] as JsonObject[];
      const { command, args, ...rest } = main as JsonObject;
      expect(command).toContain("/kfp-launcher/launch");
      expect(args).toEqual(["c"]);
      expect({ ...made.patch, containers: [rest, ...others] }).toEqual(patch);
    },
  );

  test("nearly every member at once makes a valid pod, with each value at its place", async ({ expect }) => {
    const recording = recordings.find(({ failed }) => failed !== undefined) as Recording;
    // The output it takes its value from is a text of the stub program where an object is needed.
    const { nodeAffinity, ...config } = recording.kubernetesConfig;
    expect(nodeAffinity).toBeDefined();
    const { patch } = await stepPod({
      config,
      rows: { parent: rowOf(recording.parent), siblings: recording.siblings.map(rowOf) },
    });
    expect(patch).toMatchObject({
      nodeSelector: { "kubernetes.io/arch": "amd64" },
      imagePullSecrets: ["1", "2", "1", "2", "3", "4"].map((n) => ({ name: `pull-secret-${n}` })),
      tolerations: [
        { key: "some_foo_key1", operator: "Equal", value: "value1", effect: "NoSchedule" },
        { key: "some_foo_key2", operator: "Exists", effect: "NoExecute" },
        { key: "some_foo_key3", operator: "Equal", value: "value1", effect: "NoSchedule" },
        { key: "some_foo_key6", operator: "Equal", value: "value3", effect: "NoSchedule" },
        { key: "some_foo_key4", operator: "Equal", value: "value2", effect: "NoSchedule" },
        { key: "some_foo_key5", operator: "Exists", effect: "NoExecute" },
      ],
    });
    const main = (patch["containers"] as JsonObject[])[0] as { env: { name: string }[]; volumeMounts: { mountPath: string }[] };
    expect(main.env.map(({ name }) => name)).toEqual([
      ...["KFP_POD_NAME", "KFP_POD_UID", "NAMESPACE"],
      ...["SECRET_KEY_1", "SECRET_KEY_2", "SECRET_KEY_3", "SECRET_KEY_4"],
      ...["CFG_KEY_1", "CFG_KEY_2", "CFG_KEY_3", "CFG_KEY_4"],
    ]);
    expect(main.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(["/pvc/path", "/tmp/secret", "/tmp/config_map"]);
  });
});
