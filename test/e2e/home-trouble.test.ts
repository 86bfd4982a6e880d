/** Homes that are full, read-only, gone, or named in a way that a URI would read otherwise. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";
import { storedRuns } from "../support/stored-runs.ts";

const fixture = (name: string): string => join(root, `test/fixtures/${name}.yaml`);
const isolations = ["in-process", "process"];

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-home-trouble-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function mounted(path: string, options: string): boolean {
  mkdirSync(path, { recursive: true });
  return spawnSync("mount", ["-t", "tmpfs", "-o", options, "none", path]).status === 0;
}

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), "kfp-mount-"));
  const can = mounted(path, "size=100k");
  spawnSync("umount", [path]);
  rmSync(path, { recursive: true, force: true });
  return can;
}

/** Lines for a person; a stack has others. */
function expectNoStack(stderr: string): void {
  expect(stderr).not.toMatch(/^ +at |this should not have happened/m);
}

describe.skipIf(skipUnless(canMount(), "full disks: this user may not mount a small file system"))("a disk that", () => {
  test.for(isolations)(
    "has no room for a run, %s: one line, the JSON result, no run left open",
    { timeout: 60_000 },
    async (isolation, { onTestFinished }) => {
      const disk = join(folder, `tiny-${isolation}`);
      expect(mounted(disk, "size=280k")).toBe(true);
      onTestFinished(() => void spawnSync("umount", [disk]));
      const args = [
        "run",
        fixture("artifact_between_steps"),
        "--home",
        join(disk, "home"),
        "--isolation",
        isolation,
        "--output",
        "json",
      ];
      const ended = await runCli(programs, args, { cwd: folder });
      expect(ended.code, ended.stderr).toBe(1);
      expect(parseResult(ended.stdout)).toMatchObject({ state: "FAILED" });
      expect(ended.stderr.match(/^cannot record everything of run \S+ in \S+: the disk is full; put that right/gm)).toHaveLength(
        1,
      );
      expectNoStack(ended.stderr);
      for (const run of storedRuns(join(disk, "home"))) expect(run.state).toBe("FAILED");
    },
  );

  test.for(isolations)(
    "is filled by a step, %s: the run and its tasks have their ends, and the home goes on",
    { timeout: 60_000 },
    async (isolation, { onTestFinished }) => {
      const disk = join(folder, `filled-${isolation}`);
      expect(mounted(disk, "size=1500k")).toBe(true);
      onTestFinished(() => void spawnSync("umount", [disk]));
      const home = join(disk, "home");
      const args = ["run", fixture("fills_disk"), "--home", home, "--isolation", isolation, "--output", "json"];
      const ended = await runCli(programs, args, { cwd: folder, env: { FILL_FOLDER: disk } });
      expect(ended.code, ended.stderr).toBe(1);
      expectNoStack(ended.stderr);
      const result = parseResult(ended.stdout);
      expect(result.state).toBe("FAILED");
      expect(result.tasks.find(({ name }) => name === "fill")).toMatchObject({ state: "FAILED" });
      rmSync(join(disk, "ballast"));
      const [run] = storedRuns(home);
      expect(run?.state).toBe("FAILED");
      expect(Object.keys(run?.tasks ?? {}).filter((state) => state !== "FAILED" && state !== "SUCCEEDED")).toEqual([]);
      const next = await runCli(programs, ["run", fixture("artifact_between_steps"), "--home", home], { cwd: folder });
      expect(next.code, next.stderr).toBe(0);
    },
  );

  test("may only be read: one line", { timeout: 60_000 }, async ({ onTestFinished }) => {
    const disk = join(folder, "read-only");
    expect(mounted(disk, "size=2m")).toBe(true);
    onTestFinished(() => void spawnSync("umount", [disk]));
    const args = (home: string): string[] => ["run", fixture("artifact_between_steps"), "--home", join(disk, home)];
    expect((await runCli(programs, args("home"), { cwd: folder })).code).toBe(0);
    expect(spawnSync("mount", ["-o", "remount,ro", disk]).status).toBe(0);
    for (const home of ["home", "another"]) {
      const ended = await runCli(programs, args(home), { cwd: folder });
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(ended.stderr).toMatch(/^kfp-runtime: Cannot use \S+ as home: EROFS.*--home\n$/);
    }
  });
});

describe("a home", () => {
  test.for(isolations)(
    "that a step removes, %s: the run ends with a result and without a stack",
    { timeout: 60_000 },
    async (isolation) => {
      const home = join(folder, `removed-${isolation}`);
      const args = ["run", fixture("removes_home"), "--home", home, "--isolation", isolation, "--output", "json"];
      const ended = await runCli(programs, args, { cwd: folder, env: { HOME_TO_REMOVE: home } });
      expect(ended.code, ended.stderr).toBe(1);
      expectNoStack(ended.stderr);
      expect(parseResult(ended.stdout)).toMatchObject({ state: "FAILED" });
      expect(ended.stderr).toMatch(/^cannot record everything of run \S+ in \S+: the folder was removed/m);
      const next = await runCli(programs, ["run", fixture("artifact_between_steps"), "--home", home], { cwd: folder });
      expect(next.code, next.stderr).toBe(0);
    },
  );

  test.for(
    ["a?b", "a#b", "a%20b", "a%2Fb", "a b", "??", "ä&=+;", "a?endpoint=evil"].flatMap((name, index) => [
      { name, isolation: isolations[index % 2] ?? "" },
    ]),
  )("named $name keeps its artifacts, and finds them again, $isolation", { timeout: 60_000 }, async ({ name, isolation }) => {
    const cwd = mkdtempSync(join(folder, "names-"));
    const args = ["run", fixture("artifact_between_steps"), "--home", name, "--isolation", isolation, "--output", "json"];
    const first = await runCli(programs, args, { cwd });
    expect(first.code, first.stderr).toBe(0);
    const [artifact] = parseResult(first.stdout).tasks.find((task) => task.name === "mk")?.outputs.artifacts["d"] ?? [];
    expect(artifact?.uri.startsWith(join(cwd, name, "artifacts/"))).toBe(true);
    expect(existsSync(artifact?.uri ?? "")).toBe(true);
    expect(readdirSync(cwd)).toEqual([name]);
    const second = await runCli(programs, args, { cwd });
    expect(statesOf(parseResult(second.stdout))).toEqual({ root: "SUCCEEDED", mk: "CACHED", rd: "SUCCEEDED" });
  });

  test(
    "that a process on another machine has locked names the file to delete, for home clear, too",
    { timeout: 60_000 },
    async () => {
      const home = join(folder, "locked");
      const run = ["run", fixture("cases/one-step"), "--home", home];
      expect((await runCli(programs, run, { cwd: folder })).code).toBe(0);
      const lock = join(home, "lock");
      writeFileSync(lock, JSON.stringify({ pid: 7, processStart: "1", host: "gone", since: "2026-01-01", what: "run x" }));
      for (const args of [run, ["home", "clear", "--home", home]]) {
        const ended = await runCli(programs, args, { cwd: folder });
        expect(ended.code).toBe(1);
        expect(ended.stderr).toContain(`delete the file ${lock}\n`);
        expect(ended.stderr.trim().split("\n")).toHaveLength(1);
      }
      writeFileSync(lock, "null");
      expect((await runCli(programs, ["home", "--home", home], { cwd: folder })).code).toBe(0);
      expect((await runCli(programs, run, { cwd: folder })).code).toBe(0);
    },
  );
});
