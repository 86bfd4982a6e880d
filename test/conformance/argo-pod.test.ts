/** That a patch makes a valid pod means something: what merges how, and what is found invalid. */
import { describe, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { strategicMerge } from "../support/strategic-merge.ts";
import { assertValidPod } from "../support/step-pod.ts";

describe("strategicMerge()", () => {
  test.for<{ name: string; original: JsonObject; patch: JsonObject; merged: JsonObject }>([
    {
      name: "containers by name, new ones in front of those they do not follow",
      original: { containers: [{ name: "wait" }, { name: "main", image: "a", command: ["x", "y"] }] },
      patch: { containers: [{ name: "main", command: ["z"] }, { name: "oci-0" }] },
      merged: { containers: [{ name: "wait" }, { name: "main", image: "a", command: ["z"] }, { name: "oci-0" }] },
    },
    {
      name: "new init containers before those of the template",
      original: { initContainers: [{ name: "init" }, { name: "kfp-launcher" }] },
      patch: { initContainers: [{ name: "fetch" }] },
      merged: { initContainers: [{ name: "fetch" }, { name: "init" }, { name: "kfp-launcher" }] },
    },
    {
      name: "variables by name, member by member",
      original: {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "2" },
        ],
      },
      patch: {
        env: [
          { name: "C", value: "3" },
          { name: "A", valueFrom: { fieldRef: { fieldPath: "x" } } },
        ],
      },
      merged: {
        env: [
          { name: "C", value: "3" },
          { name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "x" } } },
          { name: "B", value: "2" },
        ],
      },
    },
    {
      name: "a name that the patch has twice",
      original: {},
      patch: {
        volumes: [
          { name: "v", secret: {} },
          { name: "v", configMap: {} },
        ],
      },
      merged: { volumes: [{ name: "v", secret: {}, configMap: {} }] },
    },
    {
      name: "mounts by path",
      original: { volumeMounts: [{ name: "a", mountPath: "/a", readOnly: true }] },
      patch: { volumeMounts: [{ name: "b", mountPath: "/a" }] },
      merged: { volumeMounts: [{ name: "b", mountPath: "/a", readOnly: true }] },
    },
    {
      name: "tolerations, arguments and claims of a container as a whole",
      original: { tolerations: [{ key: "a" }], args: ["1", "2"], resources: { claims: [{ name: "a" }] } },
      patch: { tolerations: [{ key: "b" }], args: ["3"], resources: { claims: [{ name: "b" }] } },
      merged: { tolerations: [{ key: "b" }], args: ["3"], resources: { claims: [{ name: "b" }] } },
    },
    {
      name: "objects member by member, and null takes one away",
      original: { securityContext: { runAsUser: 1, runAsGroup: 2 }, nodeSelector: { a: "1" }, hostname: "h" },
      patch: { securityContext: { runAsUser: 3 }, nodeSelector: { b: "2" }, hostname: null },
      merged: { securityContext: { runAsUser: 3, runAsGroup: 2 }, nodeSelector: { a: "1", b: "2" } },
    },
  ])("merges $name", ({ original, patch, merged }, { expect }) => {
    expect(strategicMerge(original, patch)).toEqual(merged);
  });
});

describe("assertValidPod()", () => {
  const main = (more: Record<string, JsonValue>): JsonObject => ({ containers: [{ name: "main", ...more }] });
  test.for<{ name: string; patch: JsonObject; message: RegExp }>([
    { name: "a wrong type", patch: main({ securityContext: { runAsUser: "7" } }), message: /runAsUser/ },
    { name: "a misspelled member", patch: main({ imagePullPolice: "Always" }), message: /no member .*imagePullPolice/ },
    {
      name: "a misspelled member far below",
      patch: { volumes: [{ name: "v", secret: { secretname: "s" } }] },
      message: /no member spec\.volumes\.\d+\.secret\.secretname/,
    },
    {
      name: "a mount without its volume",
      patch: main({ volumeMounts: [{ name: "x", mountPath: "/x" }] }),
      message: /unknown volume/,
    },
    { name: "a volume of two sources", patch: { volumes: [{ name: "v", secret: {}, emptyDir: {} }] }, message: /one source/ },
    {
      name: "a variable with two values",
      patch: main({ env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "x" } } }] }),
      message: /two values/,
    },
  ])("refuses $name", ({ patch, message }, { expect }) => {
    expect(() => assertValidPod(patch)).toThrow(message);
  });

  test("takes maps of any keys", ({ expect }) => {
    expect(() =>
      assertValidPod({ nodeSelector: { "a/b": "c" }, ...main({ resources: { limits: { "x.y/z": "1" } } }) }),
    ).not.toThrow();
  });
});
