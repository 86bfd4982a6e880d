/** Python components of real SDKs, old and new, find their artifacts in a local run. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const pipeline = readFileSync(join(root, "test/fixtures/sdk_paths.yaml"), "utf8");
const newest = /kfp==([\d.]+)/.exec(readFileSync(join(root, "examples/python-components/pipeline.yaml"), "utf8"))?.[1] ?? "";

/** The oldest needs its dependencies, which only an older Python takes; the others run without them. */
const VERSIONS = [
  { version: "2.0.1", executor: "python3 -m kfp.components.executor_main", alone: false },
  { version: "2.1.3", executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true },
  { version: "2.4.0", executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true },
  { version: newest, executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true },
];

function isPython(condition: string): boolean {
  return spawnSync("python3", ["-c", `import venv, ensurepip, sys; sys.exit(not (${condition}))`]).status === 0;
}

/** One version stands for all: an index that answers has them. */
function hasPackageIndex(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "kfp-pip-"));
  try {
    const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0", "--dest", folder, `kfp==${newest}`];
    return spawnSync("python3", args, { timeout: 60_000 }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const canInstall = hasPackageIndex();

describe("Python components of the SDK", () => {
  let programs: Programs;
  let folder = "";
  beforeAll(async () => {
    programs = await builtPrograms();
    folder = mkdtempSync(join(tmpdir(), "kfp-sdk-versions-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const { version, executor, alone } of VERSIONS) {
    const python = alone ? "sys.version_info >= (3, 9)" : "(3, 9) <= sys.version_info < (3, 12)";
    const reason = `SDK ${version}: needs python3 with venv (${python}), and a package index`;
    test.skipIf(skipUnless(isPython(python) && canInstall, reason))(
      `${version} write and read artifacts`,
      { timeout: 600_000 },
      async () => {
        const text = pipeline
          .replaceAll("'kfp==KFP_VERSION'", alone ? `'kfp==${version}' '--no-deps'` : `'kfp==${version}'`)
          .replaceAll("EXECUTOR", executor);
        const path = join(folder, `sdk-${version}.yaml`);
        writeFileSync(path, text);
        for (const isolation of ["in-process", "process"]) {
          const args = ["run", path, "--isolation", isolation, "--no-cache", "--output", "json"];
          const ended = await runCli(programs, args, { cwd: folder });
          expect(ended.code, ended.stderr).toBe(0);
          expect(parseResult(ended.stdout).outputs.parameters).toEqual({ Output: "written" });
        }
      },
    );
  }
});
