import type { IVolume } from "kubernetes-models/v1";
import { describe, expect, test } from "vitest";
import { podMounts } from "../../../src/local/pods/pod-volumes.ts";

describe("podMounts()", () => {
  test.for<{ volume: Omit<IVolume, "name">; source: object; readOnly: boolean }>([
    {
      volume: { secret: { secretName: "s", optional: true } },
      source: { kind: "object", object: "Secret", name: "s", optional: true },
      readOnly: true,
    },
    {
      volume: { configMap: { name: "c" } },
      source: { kind: "object", object: "ConfigMap", name: "c", optional: false },
      readOnly: true,
    },
    { volume: { persistentVolumeClaim: { claimName: "p" } }, source: { kind: "claim", name: "p" }, readOnly: false },
    { volume: { emptyDir: {} }, source: { kind: "temporary", inMemory: false }, readOnly: false },
    { volume: { emptyDir: { medium: "Memory" } }, source: { kind: "temporary", inMemory: true }, readOnly: false },
    { volume: { ephemeral: {} }, source: { kind: "temporary", inMemory: false }, readOnly: false },
  ])("knows $volume", ({ volume, source, readOnly }) => {
    const pod = { volumes: [{ name: "v", ...volume }] };
    expect(podMounts(pod, [{ name: "v", mountPath: "/data/" }])).toEqual([
      { volume: "v", source, path: "/data", subPath: "", readOnly },
    ]);
  });

  test("keeps sub-path and read-only", () => {
    const pod = { volumes: [{ name: "v", emptyDir: {} }] };
    const [mount] = podMounts(pod, [{ name: "v", mountPath: "/a", subPath: "b/c", readOnly: true }]);
    expect(mount).toMatchObject({ path: "/a", subPath: "b/c", readOnly: true });
  });

  test.for([
    { mount: { name: "other", mountPath: "/a" }, says: /no such volume/ },
    { mount: { name: "v", mountPath: "a" }, says: /"a" is not absolute/ },
    { mount: { name: "v", mountPath: "/a", subPath: "../b" }, says: /"\.\.\/b" is not below the volume/ },
    { mount: { name: "v", mountPath: "/a", subPath: "/b" }, says: /"\/b" is not below the volume/ },
    { mount: { name: "nfs", mountPath: "/a" }, says: /cannot make volume "nfs"/ },
  ])("refuses $mount", ({ mount, says }) => {
    const pod = {
      volumes: [
        { name: "v", emptyDir: {} },
        { name: "nfs", nfs: { server: "s", path: "/" } },
      ],
    };
    expect(() => podMounts(pod, [mount])).toThrow(says);
  });
});
