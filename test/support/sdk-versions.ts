/** A pipeline of Python components as an SDK of some version compiles it, run with that SDK. @module */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { parseResult } from "./run-results.ts";
import { skipUnless } from "./skip.ts";

export interface SdkVersion {
  readonly version: string;
  /** The command that the SDK's executor is started with. */
  readonly executor: string;
  /** Whether it runs without its dependencies, which only an older Python takes. */
  readonly alone: boolean;
  /** A pipeline that the SDK of this version has compiled, and its outputs. */
  readonly compiled?: { readonly pipeline: string; readonly outputs: object };
}

export const newestSdk =
  /kfp==([\d.]+)/.exec(readFileSync(join(root, "examples/python-components/pipeline.yaml"), "utf8"))?.[1] ?? "";

function isPython(condition: string): boolean {
  return spawnSync("python3", ["-c", `import venv, ensurepip, sys; sys.exit(not (${condition}))`]).status === 0;
}

/** One version stands for all: an index that answers has them. */
function hasPackageIndex(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "kfp-pip-"));
  try {
    const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0", "--dest", folder, `kfp==${newestSdk}`];
    return spawnSync("python3", args, { timeout: 60_000 }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Declares a test for each version: components write and read artifacts, in both isolations. */
export function testSdkVersions(versions: readonly SdkVersion[]): void {
  const canInstall = hasPackageIndex();
  const pipeline = readFileSync(join(root, "test/fixtures/sdk_paths.yaml"), "utf8");

  describe("Python components of the SDK", () => {
    let programs: Programs;
    let folder = "";
    beforeAll(async () => {
      programs = await builtPrograms();
      folder = mkdtempSync(join(tmpdir(), "kfp-sdk-versions-"));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    for (const { version, executor, alone, compiled } of versions) {
      const python = alone ? "sys.version_info >= (3, 9)" : "(3, 9) <= sys.version_info < (3, 12)";
      const reason = `SDK ${version}: needs python3 with venv (${python}), and a package index`;
      const isSkipped = skipUnless(isPython(python) && canInstall, reason);
      const outputsInBothIsolations = async (path: string): Promise<unknown[]> => {
        const outputs: unknown[] = [];
        for (const isolation of ["in-process", "process"]) {
          const args = ["run", path, "--isolation", isolation, "--no-cache", "--output", "json"];
          const ended = await runCli(programs, args, { cwd: folder });
          outputs.push(ended.code === 0 ? parseResult(ended.stdout).outputs.parameters : ended.stderr);
        }
        return outputs;
      };

      test.skipIf(isSkipped)(`${version} write and read artifacts`, { timeout: 600_000 }, async () => {
        const text = pipeline
          .replaceAll("'kfp==KFP_VERSION'", alone ? `'kfp==${version}' '--no-deps'` : `'kfp==${version}'`)
          .replaceAll("EXECUTOR", executor);
        const path = join(folder, `sdk-${version}.yaml`);
        writeFileSync(path, text);
        const outputs = { Output: "written" };
        expect(await outputsInBothIsolations(path)).toEqual([outputs, outputs]);
      });

      test.skipIf(isSkipped || compiled === undefined)(
        `${version} run a pipeline that this version has compiled`,
        { timeout: 600_000 },
        async () => {
          const { pipeline: file = "", outputs } = compiled ?? {};
          expect(await outputsInBothIsolations(join(root, file))).toEqual([outputs, outputs]);
        },
      );
    }
  });
}
