/**
 * The wheel for pip: what is in it, and, in a fresh environment that was installed without an index, what people do with it, in
 * test_kfp_runtime.py: functions from pytest and from a notebook, failures, a server with the SDK's client.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildWheel, WheelEnvironment } from "../support/built-wheel.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";

const isSkipped = skipUnless(canInstallSdk("hatchling==1.33.0"), "the wheel: needs python3 with venv, and a package index");

/** Four times what it was in November 2026. */
const LARGEST_WHEEL_BYTES = 4 << 20;

describe.skipIf(isSkipped)("the wheel", () => {
  let folder = "";
  let wheel = "";
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-wheel-"));
    wheel = await buildWheel(path.join(folder, "first"));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("holds the command, the licences and the types, nothing that belongs to one Node or one machine", () => {
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    expect(path.basename(wheel)).toBe(`kfp_runtime-${version}-py3-none-any.whl`);
    const listing = spawnSync("python3", ["-m", "zipfile", "--list", wheel], { encoding: "utf8" }).stdout;
    const names = listing
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s/)[0] ?? "");
    const info = `kfp_runtime-${version}.dist-info`;
    const wanted = ["py.typed", "__init__.py", "dist/lib/boot.cjs", "dist/lib/kfp-runtime.js", "dist/bin/driver"];
    expect(names).toEqual(expect.arrayContaining(wanted.map((name) => `kfp_runtime/${name}`)));
    expect(names).toEqual(
      expect.arrayContaining(["LICENSE", "THIRD-PARTY-NOTICES.md"].map((name) => `${info}/licenses/${name}`)),
    );
    expect(names.filter((name) => /\.(cache|map|node|so|pyc)$|portable\/|requirements/.test(name))).toEqual([]);
    expect(statSync(wheel).size).toBeLessThan(LARGEST_WHEEL_BYTES);
  });

  test("has the same bytes when it is built again", { timeout: 120_000 }, async () => {
    const hash = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
    expect(hash(await buildWheel(path.join(folder, "second")))).toBe(hash(wheel));
  });

  test("is installed without an index, does its work, and has types that hold", { timeout: 1_200_000 }, async () => {
    const environment = new WheelEnvironment(folder);
    await environment.install(wheel);
    const strict = ["-m", "mypy", "--config-file", path.join(root, "python/pyproject.toml"), "--cache-dir", "/dev/null"];
    await environment.python([...strict, path.join(root, "python/src"), path.join(root, "test/python/typed_use.py")]);
    expect(await environment.test()).toMatch(/\b28 passed in/);
  });
});
