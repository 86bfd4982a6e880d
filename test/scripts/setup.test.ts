import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeEach, describe, test } from "vitest";
import { makeFolder, removeFolder, root, runToEnd } from "../support/probe.ts";

const folders: string[] = [];
let checkout = "";

const lock = {
  packages: {
    "": { name: "kfp-runtime" },
    "node_modules/needed": { version: "1.2.3" },
    "node_modules/a/node_modules/nested": { version: "2.0.0" },
    "node_modules/for-here": { version: "3.0.0", optional: true, os: [process.platform], cpu: [process.arch] },
    "node_modules/for-elsewhere": { version: "3.0.0", optional: true, os: ["win32"], cpu: ["x64"] },
    "node_modules/of-something-optional": { version: "3.0.0", optional: true },
    [`node_modules/node-linux-${process.arch}`]: { version: "24.0.0", optional: true, os: "linux", cpu: process.arch },
  },
};

/** A checkout with the scripts, a lock file, and an npm whose `ci` does what `installs` says. */
beforeEach(async () => {
  checkout = await makeFolder();
  folders.push(checkout);
  cpSync(path.join(root, "scripts/lib"), path.join(checkout, "scripts/lib"), { recursive: true });
  cpSync(path.join(root, "scripts/setup.mjs"), path.join(checkout, "scripts/setup.mjs"));
  writeFileSync(path.join(checkout, "package-lock.json"), JSON.stringify(lock));
  writeFileSync(path.join(checkout, "package.json"), "{}");
  mkdirSync(path.join(checkout, "src"));
  installAll();
});
afterAll(() => Promise.all(folders.map(removeFolder)));

function install(location: string, version: string): void {
  mkdirSync(path.join(checkout, location), { recursive: true });
  writeFileSync(path.join(checkout, location, "package.json"), JSON.stringify({ version }));
}

function installAll(): void {
  for (const [location, { version }] of Object.entries(lock.packages) as [string, { version?: string }][]) {
    if (version !== undefined && location !== "node_modules/for-elsewhere") install(location, version);
  }
}

function uninstall(name: string): void {
  rmSync(path.join(checkout, "node_modules", name), { recursive: true });
}

function writeNpm(script: string): string {
  const bin = path.join(checkout, "fake-bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, "npm"), `#!/bin/sh\necho "$@" > ${checkout}/npm-called\n${script}\n`, { mode: 0o755 });
  return bin;
}

interface SetUpOptions {
  readonly npm?: string;
  readonly args?: string[];
  readonly version?: string;
}

/** Runs the set-up as a Node of the given version; the npm on its PATH runs `npm`. */
async function setUp({ npm = "exit 99", args = [], version = process.versions.node }: SetUpOptions = {}) {
  const preload = path.join(checkout, "version.cjs");
  writeFileSync(
    preload,
    `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });
     Object.defineProperty(process, "version", { value: "v${version}" });`,
  );
  const script = path.join(checkout, "scripts/setup.mjs");
  return runToEnd(process.execPath, ["--require", preload, script, ...args], { PATH: `${writeNpm(npm)}:/usr/bin:/bin` });
}

const quiet = { code: 0, stdout: "", stderr: "" };

describe("scripts/setup.mjs", () => {
  test("says nothing when everything is installed", async ({ expect }) => {
    expect(await setUp()).toEqual(quiet);
  });

  test.for([
    { name: "is missing", change: () => uninstall("needed"), reason: "needed 1.2.3 is not installed" },
    {
      name: "has another version",
      change: () => install("node_modules/needed", "1.0.0"),
      reason: "needed is 1.0.0 instead of 1.2.3",
    },
    { name: "is missing below another", change: () => uninstall("a"), reason: "nested 2.0.0 is not installed" },
    { name: "is for this platform and missing", change: () => uninstall("for-here"), reason: "for-here 3.0.0 is not installed" },
  ])("runs npm ci when a package $name", async ({ change, reason }, { expect }) => {
    change();
    const ended = await setUp({
      npm: `cd ${checkout}/node_modules && mkdir -p needed a/node_modules/nested for-here
        echo '{"version":"1.2.3"}' > needed/package.json
        echo '{"version":"2.0.0"}' > a/node_modules/nested/package.json
        echo '{"version":"3.0.0"}' > for-here/package.json`,
    });
    expect(ended).toEqual({ ...quiet, stderr: `setup: installing npm packages (npm ci), because ${reason}\n` });
    expect(readFileSync(path.join(checkout, "npm-called"), "utf8")).toMatch(/^ci /);
  });

  test("does not believe an npm that installs nothing and reports success", async ({ expect }) => {
    uninstall("for-here");
    const { code, stderr } = await setUp({ npm: "exit 0" });
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toEqual([
      "setup: installing npm packages (npm ci), because for-here 3.0.0 is not installed",
      expect.stringMatching(/^setup: for-here 3\.0\.0 is not installed after npm ci: npm leaves out .*NODE_EXTRA_CA_CERTS$/),
    ]);
  });

  test("reports an npm that fails", async ({ expect }) => {
    uninstall("needed");
    const { code, stderr } = await setUp({ npm: "echo no network >&2; exit 3" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nno network\nsetup: npm ci failed \(exit code 3\): see its messages above\n$/);
  });

  test("needs the Node of npm only where the running one is too old", async ({ expect }) => {
    uninstall(`node-linux-${process.arch}`);
    expect(await setUp({ version: "22.13.0" })).toEqual(quiet);
    const { code, stderr } = await setUp({ version: "20.20.2", npm: "exit 0" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/setup: node-linux-\S+ 24\.0\.0 is not installed after npm ci/);
  });

  test("refuses a Node that cannot run the set-up", async ({ expect }) => {
    expect(await setUp({ version: "16.20.0" })).toEqual({
      ...quiet,
      code: 1,
      stderr: "setup: Node.js 18 or newer is needed to set up, this is v16.20.0\n",
    });
  });

  test("builds with --build when a source changed, and only then", async ({ expect }) => {
    writeFileSync(
      path.join(checkout, "scripts/build.mjs"),
      `import { mkdirSync, writeFileSync } from "node:fs";
       import { hashBuildInputs, programs, root } from "./lib/project.mjs";
       for (const folder of ["bin", "lib"]) mkdirSync(root + "/dist/" + folder, { recursive: true });
       const names = ["lib/boot.cjs", "lib/start.cjs", ...Object.keys(programs).flatMap((name) => ["bin/" + name, "lib/" + name + ".js"])];
       for (const name of names) writeFileSync(root + "/dist/" + name, "");
       writeFileSync(root + "/dist/meta.json", JSON.stringify({ inputs: hashBuildInputs() }));`,
    );
    const building = "setup: building dist, because the sources have changed since the last build or it is missing\n";
    const source = path.join(checkout, "src/a.ts");
    writeFileSync(source, "1");
    expect(await setUp({ args: ["--build"] })).toEqual({ ...quiet, stderr: building });
    expect(await setUp({ args: ["--build"] })).toEqual(quiet);
    writeFileSync(source, "2");
    expect(await setUp()).toEqual(quiet);
    expect(await setUp({ args: ["--build"] })).toEqual({ ...quiet, stderr: building });
    rmSync(path.join(checkout, "dist/bin/driver"));
    expect(await setUp({ args: ["--build"] })).toEqual({ ...quiet, stderr: building });
  });

  test("reports a build that fails", async ({ expect }) => {
    writeFileSync(path.join(checkout, "scripts/build.mjs"), "process.exit(4);");
    const { code, stderr } = await setUp({ args: ["--build"] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nsetup: the build failed \(exit code 4\)\n$/);
  });
});
