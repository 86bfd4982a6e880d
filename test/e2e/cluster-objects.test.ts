/** Local runs of steps that use secrets, config maps, volumes, pod fields and the workspace. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { mountSupport } from "../../src/local/steps/host-mounts.ts";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const pipeline = join(root, "test/fixtures/local/cluster_objects.yaml");
const SECRET = "planted-1b9f";

const support = mountSupport();
const cannotMount = skipUnless(
  "unshare" in support && process.getuid?.() === 0,
  `volumes of local runs: ${"reason" in support ? support.reason : "only root makes the folders to mount on"}`,
);

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-objects-"));
  mkdirSync(join(folder, "objects/login"), { recursive: true });
  writeFileSync(join(folder, "objects/login/user"), "ada");
  writeFileSync(join(folder, "objects/login/password"), SECRET);
  writeFileSync(
    join(folder, "objects/paint.yaml"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: paint\ndata:\n  colour: blue\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (home: string, ...more: string[]): Promise<CliRun> =>
  runCli(programs, ["run", pipeline, "--home", home, "--output", "json", ...more], { cwd: folder });

describe.skipIf(cannotMount).each(["in-process", "process"])("a local run with objects of a cluster, %s", (isolation) => {
  test("gives steps what a pod has, and leaves nothing behind", { timeout: 120_000 }, async ({ expect }) => {
    const home = `home-${isolation}`;
    const ended = await run(home, "--isolation", isolation, "--secrets", "objects");
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(new Set(Object.values(statesOf(result)))).toEqual(new Set(["SUCCEEDED"]));
    const said = (name: string) => result.tasks.find((task) => task.name === name)?.outputs.parameters["said"];
    expect(said("read-settings")).toBe(`${SECRET} unset blue ada blue 0`);
    expect(said("read-volumes")).toBe("written part 0 shared");
    // The pipeline deleted its claim; what pods take with them is gone, too.
    expect(readdirSync(join(folder, home, "volumes"))).toEqual([]);
    expect(existsSync(join(folder, home, "runs", result.runId, "volumes"))).toBe(false);
    expect(readdirSync("/mnt/claim")).toEqual([]);
  });

  test("says which secret is missing, and in which task", { timeout: 120_000 }, async ({ expect }) => {
    const ended = await run(`missing-${isolation}`, "--isolation", isolation);
    expect(ended.code).toBe(1);
    const failed = parseResult(ended.stdout).tasks.find(({ name }) => name === "read-settings");
    expect(failed).toMatchObject({
      state: "FAILED",
      error:
        'Cannot set variable PASSWORD: there is no secret "login"; pass it with --secrets, or set PASSWORD in your own environment',
    });
  });
});

test("a file that is not a secret is refused before anything runs", async ({ expect }) => {
  writeFileSync(join(folder, "pod.yaml"), "kind: Pod\nmetadata:\n  name: p\n");
  const ended = await run("refused", "--secrets", "pod.yaml");
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('pod.yaml holds an object of kind "Pod": only Secret and ConfigMap are read');
  expect(existsSync(join(folder, "refused"))).toBe(false);
});
