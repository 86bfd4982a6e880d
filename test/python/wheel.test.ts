/**
 * The wheel for pip: what is in it, and, in a fresh environment that was installed without an index, what people do with it, in
 * test_kfp_runtime.py: functions from pytest and from a notebook, failures, a server with the SDK's client.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockedWheels } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms } from "../support/built-programs.ts";
import { root, runScript } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";

const lock = "test/python/requirements.txt";
const asked = readFileSync(path.join(root, "test/python/requirements.in"), "utf8").match(/^\w\S*==\S+$/gm) ?? [];
const isSkipped = skipUnless(canInstallSdk("hatchling==1.33.0"), "the wheel: needs python3 with venv, and a package index");

/** Four times what it was in November 2026. */
const LARGEST_WHEEL_BYTES = 4 << 20;

describe.skipIf(isSkipped)("the wheel", () => {
  let folder = "";
  let wheel = "";
  let dist = "";
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-wheel-"));
    dist = path.dirname((await builtPrograms()).bin);
    wheel = await buildWheel("first");
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function buildWheel(name: string): Promise<string> {
    const out = path.join(folder, name);
    const { code, stderr } = await runScript("build-wheel.mjs", ["--dist", dist, "--out", out]);
    expect(code, stderr).toBe(0);
    const [file = ""] = readdirSync(out);
    return path.join(out, file);
  }

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
    expect(hash(await buildWheel("second"))).toBe(hash(wheel));
  });

  test("is installed without an index, does its work, and has types that hold", { timeout: 1_200_000 }, async () => {
    const wheels = lockedWheels(lock);
    const environment = path.join(folder, "environment");
    const python = path.join(environment, "bin/python");
    const offline = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: wheels };
    await run("python3", ["-m", "venv", environment], offline);
    await run(python, ["-m", "pip", "install", "--quiet", wheel, ...asked], offline);

    const strict = ["-m", "mypy", "--config-file", path.join(root, "python/pyproject.toml"), "--cache-dir", "/dev/null"];
    await run(python, [...strict, path.join(root, "python/src"), path.join(root, "test/python/typed_use.py")], offline);

    const tests = ["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--basetemp", path.join(folder, "pytest")];
    const told = await run(python, ["-B", "-W", "ignore", ...tests, path.join(root, "test/python/test_kfp_runtime.py")], offline);
    expect(told).toMatch(/\b28 passed in/);
  });

  /** Without the settings of this machine that would lead clients elsewhere. */
  async function run(command: string, args: readonly string[], variables: Record<string, string>): Promise<string> {
    const home = path.join(folder, "user");
    mkdirSync(home, { recursive: true });
    const env = { PATH: process.env["PATH"] ?? "", HOME: home, NO_PROXY: "*", PYTHONDONTWRITEBYTECODE: "1", ...variables };
    const child = spawn(command, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    expect(code, output).toBe(0);
    return output;
  }
});
