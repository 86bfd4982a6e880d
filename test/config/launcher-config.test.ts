import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadLauncherConfig } from "../../src/config/load-launcher-config.ts";
import { choosePipelineRoot } from "../../src/config/pipeline-root.ts";
import { KubeError } from "../../src/core/errors.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";

let folder: string;
let calls: string[];
let warnings: string[];
let configMap: Record<string, string> | undefined;
let failure: Error | undefined;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "kfp-config-test-")), "mount");
  calls = [];
  warnings = [];
  configMap = undefined;
  failure = undefined;
});
afterEach(() => rm(join(folder, ".."), { recursive: true, force: true }));

const deps = {
  files: nodeFileSystem,
  kube: () =>
    Promise.resolve({
      getConfigMap(namespace: string, name: string) {
        calls.push(`${namespace}/${name}`);
        return failure === undefined ? Promise.resolve(configMap) : Promise.reject(failure);
      },
    }),
  logger: { warn: (message: string) => void warnings.push(message) },
};
const load = () => loadLauncherConfig(deps, { namespace: "team-a", folder });
const rejected = (status: number): KubeError => new KubeError("KUBE_REJECTED", "refused", { details: { status } });

describe("loadLauncherConfig()", () => {
  test("E10 the mount wins and the API is not called", async () => {
    await mkdir(join(folder, "..2026"), { recursive: true });
    await writeFile(join(folder, "..2026", "defaultPipelineRoot"), " minio://b/p\n");
    await symlink("..2026", join(folder, "..data"));
    await symlink("..data/defaultPipelineRoot", join(folder, "defaultPipelineRoot"));
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, ".hidden"), "x");
    configMap = { defaultPipelineRoot: "minio://other" };
    expect(await load()).toEqual({ defaultPipelineRoot: "minio://b/p" });
    expect(calls).toEqual([]);
  });

  test.for(["missing", "empty", "a file"])("E11 the ConfigMap is read when the mount is %s", async (what) => {
    if (what === "empty") await mkdir(folder, { recursive: true });
    if (what === "a file") await writeFile(folder, "x");
    configMap = { defaultPipelineRoot: "s3://b/p", providers: "s3: {}" };
    expect(await load()).toEqual({ defaultPipelineRoot: "s3://b/p", providersText: "s3: {}" });
    expect(calls).toEqual(["team-a/kfp-launcher"]);
  });

  test("no ConfigMap is not a configuration", async () => {
    expect(await load()).toEqual({});
  });

  test("a refusal is not a configuration when the mount is empty, with a warning (LAU-4)", async () => {
    await mkdir(folder, { recursive: true });
    failure = rejected(403);
    expect(await load()).toEqual({});
    expect(warnings).toHaveLength(1);
  });

  test.for([
    { name: "403 without a mount", status: 403, isMounted: false },
    { name: "500 with an empty mount", status: 500, isMounted: true },
  ])("fatal: $name", async ({ status, isMounted }) => {
    if (isMounted) await mkdir(folder, { recursive: true });
    failure = rejected(status);
    await expect(load()).rejects.toBe(failure);
  });
});

describe("choosePipelineRoot()", () => {
  test.for([
    { name: "the run's own", runRoot: "s3://run", specRoot: "s3://spec", config: "s3://config", expected: "s3://run" },
    { name: "the pipeline spec's", runRoot: "", specRoot: "s3://spec", config: "s3://config", expected: "s3://spec" },
    { name: "the configured one, with its query", config: "s3://config?region=x", expected: "s3://config?region=x" },
    { name: "the built-in one", expected: "minio://mlpipeline/v2/artifacts" },
  ])("takes $name", async ({ runRoot, specRoot, config, expected }) => {
    configMap = config === undefined ? undefined : { defaultPipelineRoot: config };
    expect(await choosePipelineRoot(deps, { runRoot, specRoot, namespace: "n", folder })).toBe(expected);
  });

  test("asks for no configuration when the run decides", async () => {
    await choosePipelineRoot(deps, { runRoot: "/local/root", namespace: "n", folder });
    expect(calls).toEqual([]);
  });
});
