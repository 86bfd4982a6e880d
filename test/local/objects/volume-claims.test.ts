import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLocalVolumeClaims } from "../../../src/local/objects/volume-claims.ts";
import type { VolumeClaim } from "../../../src/ports/kube-api.ts";

const claim = (name: string): VolumeClaim => ({
  name,
  annotations: {},
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "" },
});

test("claims are folders: made once, found, removed with their files, made again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kfp-claims-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const volumes = join(folder, "volumes");
  const claims = createLocalVolumeClaims(volumes);
  expect(await claims.findVolumeClaim("ns", "data")).toBe("absent");
  expect(await claims.deleteVolumeClaim("ns", "data")).toBe("absent");
  const made = await Promise.all([claims.createVolumeClaim("ns", claim("data")), claims.createVolumeClaim("ns", claim("data"))]);
  expect(made.toSorted()).toEqual(["created", "exists"]);
  writeFileSync(join(volumes, "data/file"), "x");
  expect(await claims.findVolumeClaim("ns", "data")).toBe("present");
  const deleted = await Promise.all([claims.deleteVolumeClaim("ns", "data"), claims.deleteVolumeClaim("ns", "data")]);
  expect(deleted.toSorted()).toEqual(["absent", "deleted"]);
  expect(readdirSync(volumes)).toEqual([]);
  expect(await claims.createVolumeClaim("ns", claim("data"))).toBe("created");
  expect(existsSync(join(volumes, "data/file"))).toBe(false);
});

test.for(["", ".", "..", "a/b", "../artifacts"])("the name %j never becomes a path", async (name) => {
  const claims = createLocalVolumeClaims("/nonexistent/volumes");
  await expect(claims.createVolumeClaim("ns", claim(name))).rejects.toMatchObject({ code: "SPEC_INVALID" });
  await expect(claims.findVolumeClaim("ns", name)).rejects.toMatchObject({ code: "SPEC_INVALID" });
  await expect(claims.deleteVolumeClaim("ns", name)).rejects.toMatchObject({ code: "SPEC_INVALID" });
});
