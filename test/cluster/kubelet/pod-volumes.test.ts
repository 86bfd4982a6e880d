import { mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "vitest";
import type { IVolume } from "kubernetes-models/v1";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { podOf } from "./pod-objects.ts";
import { makeVolumes } from "./pod-volumes.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-volumes-"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const data = (entries: Record<string, string>) => new Map(Object.entries(entries).map(([key, text]) => [key, Buffer.from(text)]));

async function make(volume: Omit<IVolume, "name">): Promise<string> {
  const pod = podOf({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...{ name: "p", namespace: "ns", uid: "u", resourceVersion: "1", creationTimestamp: "2026-08-01T12:00:00Z" },
      labels: { app: "x" },
    },
    spec: { containers: [], serviceAccountName: "runner", volumes: [{ name: "v", ...volume }] } as unknown as JsonObject,
  });
  const volumes = await makeVolumes(
    pod,
    {
      configMap: (_namespace, name) => (name === "settings" ? data({ a: "1", b: "2" }) : undefined),
      secret: (_namespace, name) => (name === "login" ? data({ user: "ada" }) : undefined),
      hasClaim: (namespace, name) => namespace === "ns" && name === "claim",
      token: (namespace, account) => `token of ${namespace}/${account}`,
    },
    { pod: path.join(folder, "pod"), claims: path.join(folder, "claims") },
  );
  return volumes.get("v") ?? "";
}

async function contents(place: string): Promise<Record<string, string>> {
  const files = await readdir(place, { recursive: true, withFileTypes: true });
  const read = files
    .filter((file) => file.isFile())
    .map(async (file) => {
      const whole = path.join(file.parentPath, file.name);
      return [path.relative(place, whole), await readFile(whole, "utf8")] as const;
    });
  return Object.fromEntries(await Promise.all(read));
}

describe("makeVolumes()", () => {
  test.for<[string, Omit<IVolume, "name">, Record<string, string>]>([
    ["an empty folder", { emptyDir: {} }, {}],
    ["a config map", { configMap: { name: "settings" } }, { a: "1", b: "2" }],
    [
      "some keys of a config map",
      { configMap: { name: "settings", items: [{ key: "b", path: "below/b" }] } },
      { "below/b": "2" },
    ],
    ["an optional config map", { configMap: { name: "no", optional: true } }, {}],
    ["an optional key", { configMap: { name: "settings", optional: true, items: [{ key: "no", path: "no" }] } }, {}],
    ["a secret", { secret: { secretName: "login" } }, { user: "ada" }],
    ["fields", { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.labels['app']" } }] } }, { name: "x" }],
    [
      "several sources",
      {
        projected: {
          sources: [
            { serviceAccountToken: { path: "token", audience: "a" } },
            { secret: { name: "login" } },
            { configMap: { name: "settings", items: [{ key: "a", path: "a" }] } },
          ],
        },
      },
      { token: "token of ns/runner", user: "ada", a: "1" },
    ],
    ["a claim", { persistentVolumeClaim: { claimName: "claim" } }, {}],
  ])("%s", async ([, volume, expected], { expect }) => {
    const place = await make(volume);
    expect(await contents(place)).toEqual(expected);
    expect((await stat(place)).mode & 0o777).toBe(0o777);
  });

  test("a claim is one folder for all pods of its namespace", async ({ expect }) => {
    expect(await make({ persistentVolumeClaim: { claimName: "claim" } })).toBe(path.join(folder, "claims/ns/claim"));
  });

  test.for<[Omit<IVolume, "name">, RegExp]>([
    [{ configMap: { name: "no" } }, /configmap "no" not found/],
    [{ configMap: { name: "settings", items: [{ key: "no", path: "no" }] } }, /references non-existent configmap key: no/],
    [{ secret: { secretName: "no" } }, /secret "no" not found/],
    [{ persistentVolumeClaim: { claimName: "no" } }, /persistentvolumeclaim "no" not found/],
    [{ hostPath: { path: "/" } }, /no volumes such as "v"/],
  ])("waits for %j", async ([volume, message], { expect }) => {
    await expect(make(volume)).rejects.toThrow(message);
  });
});
