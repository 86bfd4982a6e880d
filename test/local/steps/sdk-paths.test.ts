import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runsSdkExecutor, withSdkPaths, writeSdkPaths } from "../../../src/local/steps/sdk-paths.ts";
import { skipUnless } from "../../support/skip.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-sdk-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("runsSdkExecutor()", () => {
  test.for<[string[], boolean]>([
    [["sh", "-ec", "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --x"], true],
    [["sh", "-ec", "python3 -m kfp.components.executor_main --x"], true],
    [["python3", "-m", "kfp.dsl.executor_main"], true],
    [["sh", "-c", "python3 train.py"], false],
    [["python3", "-m", "kfp.dsl.executor_mainly"], false],
    [[], false],
  ])("%j: %s", ([command, expected], { expect }) => {
    expect(runsSdkExecutor(command)).toBe(expected);
  });
});

describe("withSdkPaths()", () => {
  test("comes before what the component sets itself", () => {
    expect(withSdkPaths({ A: "1" }, "/f")).toEqual({ A: "1", PYTHONPATH: "/f" });
    expect(withSdkPaths({ PYTHONPATH: "/own" }, "/f")).toEqual({ PYTHONPATH: "/f:/own" });
  });
});

const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 7))"]).status === 0;

describe.skipIf(skipUnless(hasPython, "paths of old SDKs: needs python3"))("the hook", () => {
  /** A module as old SDKs have it, and another `sitecustomize`. */
  function fakeSdk(getPath: string, more: Record<string, string> = {}): string {
    const packages = join(folder, "packages");
    for (const name of ["kfp/dsl/types", "kfp/components/types"]) {
      mkdirSync(join(packages, name), { recursive: true });
      writeFileSync(
        join(packages, name, "artifact_types.py"),
        `class Artifact:\n    def __init__(self, uri): self.uri = uri\n    @property\n    def path(self): return self._get_path()\n    def _get_path(self): ${getPath}\nclass Model(Artifact): pass\n`,
      );
    }
    for (const [name, text] of Object.entries(more)) writeFileSync(join(packages, name), text);
    return packages;
  }

  async function python(program: string, packages: string): Promise<string> {
    const hook = join(folder, "hook");
    await writeSdkPaths(hook);
    const { PATH: path = "" } = process.env;
    const ended = spawnSync("python3", ["-c", program], { env: { ...withSdkPaths({ PYTHONPATH: packages }, hook), PATH: path } });
    expect(ended.stderr.toString()).toBe("");
    return ended.stdout.toString().trim();
  }

  const ask = (module: string): string =>
    `from ${module} import Artifact, Model; print(Artifact("/a/b").path, Model("/m").path, Artifact("hf://x").path, Artifact("").path)`;

  test.for(["kfp.dsl.types.artifact_types", "kfp.components.types.artifact_types"])(
    "gives an absolute path to whom %s has none for, and nothing else",
    async (module, { expect }) => {
      expect(await python(ask(module), fakeSdk("return None"))).toBe("/a/b /m None None");
    },
  );

  test("leaves an SDK alone that has an answer", async () => {
    expect(await python(ask("kfp.dsl.types.artifact_types"), fakeSdk("return 'own:' + self.uri"))).toBe(
      "own:/a/b own:/m own:hf://x own:",
    );
  });

  test("does not hide another sitecustomize, nor put its folder in the way of imports", async () => {
    const packages = fakeSdk("return None", { "sitecustomize.py": "import builtins; builtins.other = 'seen'\n" });
    const program = `${ask("kfp.dsl.types.artifact_types")}; print(other); import sys; print([p for p in sys.path if p.endswith('hook')])`;
    expect(await python(program, packages)).toBe("/a/b /m None None\nseen\n[]");
  });
});
