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

  async function python(program: string, packages: string, env: Record<string, string> = {}): Promise<string> {
    const hook = join(folder, "hook");
    await writeSdkPaths(hook);
    const { PATH: path = "" } = process.env;
    const ended = spawnSync("python3", ["-c", program], {
      env: { ...env, ...withSdkPaths({ PYTHONPATH: packages }, hook), PATH: path },
    });
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

  describe("finds copies of remote artifacts below ARTIFACT_LOCAL_PATH", () => {
    /** Paths as the SDK has them, `custom` for an artifact with a place of its own, and the way back. */
    const SDK = `class Artifact:
    def __init__(self, uri, custom_path='', workspace=False): self.uri, self.custom_path, self.workspace = uri, custom_path, workspace
    @property
    def path(self): return self._get_path()
    @path.setter
    def path(self, path): self.uri = convert_local_path_to_remote_path(path)
    def _get_path(self):
        path = self.custom_path or self.uri.replace('gs://', '/gcs/').replace('s3://', '/s3/').replace('minio://', '/minio/')
        return '/kfp-workspace/.artifacts' + path if self.workspace else path
def convert_local_path_to_remote_path(path):
    return 's3://' + path[4:] if path.startswith('/s3/') else path
`;
    const sdkFolder = (): string => fakeSdk("pass", { "kfp/dsl/types/artifact_types.py": SDK });
    const show = (what: string): string => `from kfp.dsl.types.artifact_types import Artifact\nprint(${what})`;

    test.for([
      ["gs://b/k", 'Artifact("gs://b/k").path', "/copies/gcs/b/k"],
      ["minio://b/k", 'Artifact("minio://b/k").path', "/copies/minio/b/k"],
      ["s3://b/k", 'Artifact("s3://b/k").path', "/copies/s3/b/k"],
      ["an artifact in the workspace", 'Artifact("s3://b/k", workspace=True).path', "/kfp-workspace/.artifacts/copies/s3/b/k"],
      ["a local artifact", 'Artifact("/home/artifacts/k").path', "/home/artifacts/k"],
      ["a place of its own", 'Artifact("s3://b/k", custom_path="/s3/own").path', "/s3/own"],
    ] as const)("%s", async ([, what, expected], { expect }) => {
      expect(await python(show(what), sdkFolder(), { ARTIFACT_LOCAL_PATH: "/copies" })).toBe(expected);
    });

    test("and the way back from a path that a component sets", async ({ expect }) => {
      const program = `${show("")}\na = Artifact("s3://b/k")\na.path = "/copies/s3/b/other"\nprint(a.uri)`;
      expect(await python(program, sdkFolder(), { ARTIFACT_LOCAL_PATH: "/copies/" })).toBe("s3://b/other");
    });

    test("only where it is set", async ({ expect }) => {
      expect(await python(show('Artifact("s3://b/k").path'), sdkFolder(), { ARTIFACT_LOCAL_PATH: "" })).toBe("/s3/b/k");
    });
  });

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
