/** Folders for local copies that the compiled template does not mount. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { assertValidPod, mainOf, stepPod } from "../../support/step-pod.ts";

const container = { image: "img", command: ["c"] };
const outputs = (...uris: string[]): JsonObject => ({
  outputs: { artifacts: { o: { artifacts: uris.map((uri) => ({ name: "o", uri })) } } },
});

describe("scratch folders", () => {
  test.for([
    { name: "an output below azblob://", executorInput: outputs("azblob://c/o") },
    {
      name: "an input below azblob://",
      executorInput: { inputs: { artifacts: { i: { artifacts: [{ name: "i", uri: "azblob://c/i" }] } } } },
    },
  ])("$name brings an empty directory", async ({ executorInput }) => {
    const { patch } = await stepPod({ config: null, container, executorInput });
    expect(patch["volumes"]).toEqual([{ name: "azblob-scratch", emptyDir: {} }]);
    expect(mainOf(patch)["volumeMounts"]).toEqual([{ name: "azblob-scratch", mountPath: "/azblob" }]);
    assertValidPod(patch);
  });

  test("schemes that the template has folders for bring none", async () => {
    const { patch } = await stepPod({ config: null, container, executorInput: outputs("gs://b/o", "s3://b/o", "minio://b/o") });
    expect(patch["volumes"]).toBeUndefined();
  });

  test("a folder that the step mounts itself is not mounted twice", async () => {
    const config = { emptyDirMounts: [{ volumeName: "mine", mountPath: "/azblob/" }] };
    const { patch } = await stepPod({ config, container, executorInput: outputs("azblob://c/o") });
    expect((mainOf(patch)["volumeMounts"] as JsonObject[]).map(({ name }) => name)).toEqual(["mine"]);
  });
});
