/** What looks after a home, as a person types it: homes of any kind, one line for what is wrong, JSON for programs. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { documentedProblems } from "../support/documented-shapes.ts";
import { fixturePipeline } from "../support/history-home.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { until } from "../support/serving.ts";
import { skipUnless } from "../support/skip.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "kfp-home-commands-")));
  writeFileSync(join(folder, "a-file"), "");
  mkdirSync(join(folder, "a-folder"));
  symlinkSync("a-circle", join(folder, "a-circle"));
  mkdirSync(join(folder, "damaged/state.db"), { recursive: true });
  writeFileSync(join(folder, "damaged/kfp-runtime-home"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = async (args: readonly string[]): Promise<CliRun> => await runCli(programs, args, { cwd: folder });
/** Of the shape that docs/cli.md gives. */
const jsonOf = (shape: string, { stdout }: CliRun): unknown => {
  expect(documentedProblems(shape, stdout)).toEqual([]);
  return JSON.parse(stdout) as unknown;
};
const gate = join(root, "test/fixtures/gate.yaml");

describe("one line says what is wrong", () => {
  const isEmpty = /^kfp-runtime: Option --(home|secrets|params) is empty\n$/;
  const isFile = /^kfp-runtime: Cannot read the home \S+a-file: it is a file, not a folder\n$/;
  const isFolder = /^kfp-runtime: Cannot \S+ .*: it is a folder, not a file\n$/;
  test.for<[args: string[], code: number, stderr: RegExp]>([
    ...["home", "runs", "serve"].map((word): [string[], number, RegExp] => [[word, "--home", ""], 2, isEmpty]),
    [["run", gate, "--home", ""], 2, isEmpty],
    [["run", gate, "--home", "h", "--secrets", ""], 2, isEmpty],
    [["run", gate, "--home", "h", "--params", ""], 2, isEmpty],
    [["cache", "ls", "--home", ""], 2, isEmpty],
    [["home", "--home", "a-file"], 1, isFile],
    [["home", "check", "--home", "a-file"], 1, isFile],
    [["runs", "--home", "a-file"], 1, isFile],
    [["serve", "--home", "a-file"], 1, /a-file as home: something else is there already; choose another with --home\n$/],
    ...[["home"], ["home", "check"], ["home", "clear"], ["runs"]].map((words): [string[], number, RegExp] => [
      [...words, "--home", "a-circle"],
      1,
      /^kfp-runtime: Cannot read the home \S+a-circle: links lead in a circle\n$/,
    ]),
    [["home", "check", "--home", "damaged"], 1, isFolder],
    [["runs", "--home", "damaged"], 1, isFolder],
    [["serve", "--home", "damaged", "--port", "0", "--grpc-port", "0"], 1, isFolder],
    [["run", "a-folder", "--home", "h"], 2, isFolder],
    [["lint", "a-folder"], 2, isFolder],
    [["run", gate, "--home", "h", "--params", "a-folder"], 2, isFolder],
    [["serve", "--home", "h", "--secrets", "nowhere"], 2, /nowhere/],
    [
      ["serve", "--home", "h", "--port", "0", "--grpc-port", "0", "--ready-file", "a-folder"],
      1,
      /^kfp-runtime: Cannot write the file of --ready-file, \S+a-folder: it is a folder, not a file\n$/,
    ],
    [["home", "backup", "", "--home", "h"], 2, /^kfp-runtime: Which folder\?/],
    [["home", "show", "--dry-run"], 2, /^kfp-runtime: Option --dry-run belongs to home gc/],
    [
      ["cache", "clear", "nobody", "--home", "h"],
      2,
      /^kfp-runtime: Cannot take "nobody" out of the cache: no task of that name is in/,
    ],
  ])("%j", { timeout: 60_000 }, async ([args, code, stderr]) => {
    const ended = await cli(args);
    expect(ended.stderr).toMatch(stderr);
    expect(ended.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
    expect(ended).toMatchObject({ code, stdout: "" });
  });

  test.for(["--port", "--grpc-port"])("%s of another program", { timeout: 60_000 }, async (option) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const free = option === "--port" ? "--grpc-port" : "--port";
    const ended = await cli(["serve", "--home", "ports", option, String(port), free, "0"]);
    other.close();
    expect(ended).toMatchObject({
      code: 1,
      stderr: `kfp-runtime: Cannot listen at port ${port}: another program uses it; choose another, or none for the next free one\n`,
    });
  });

  test.skipIf(skipUnless(process.getuid?.() !== 0, "a home that may not be read: root may read everything"))(
    "a home that may not be read",
    async () => {
      const closed = join(folder, "closed");
      mkdirSync(closed, { mode: 0o000 });
      for (const words of [["home"], ["home", "check"], ["runs"]]) {
        const ended = await cli([...words, "--home", "closed"]);
        expect(ended).toMatchObject({ code: 1, stderr: `kfp-runtime: Cannot read the home ${closed}: permission denied\n` });
      }
      chmodSync(closed, 0o700);
    },
  );
});

test("a home is for its owner alone, and every action of it says so in JSON, too", { timeout: 120_000 }, async () => {
  const home = join(folder, "used");
  const { stdout } = await cli([
    "run",
    fixturePipeline("flaky"),
    "--param",
    `file=${gate}`,
    "--home",
    "used",
    "--output",
    "json",
  ]);
  const { runId } = parseResult(stdout);
  // Times of runs are whole seconds, and only what ended before this one is removed.
  const endedMs = Date.now();
  await until("the second is over", () => Math.floor(Date.now() / 1000) > Math.floor(endedMs / 1000));
  expect(statSync(home).mode & 0o777).toBe(0o700);

  const shown = jsonOf("HomeUsage", await cli(["home", "--home", "used", "--output", "json"]));
  expect(shown).toMatchObject({ home, exists: true, databaseBytes: expect.any(Number) as number });
  const checked = jsonOf("HomeCheck", await cli(["home", "check", "--home", "used", "--output", "json"]));
  expect(checked).toEqual({ home, problems: [], missingFiles: [] });

  const args = ["home", "gc", "--older-than", "0", "--home", "used"];
  const planned = await cli([...args, "--dry-run"]);
  expect(planned.stdout).toContain(`would remove ${join(home, "runs", runId)}\n`);
  const plan = jsonOf("HomeSweep", await cli([...args, "--dry-run", "--output", "json"])) as { readonly paths: string[] };
  expect(plan).toMatchObject({ home, dryRun: true, runs: 1 });
  for (const path of plan.paths) expect(existsSync(path), path).toBe(true);
  const swept = jsonOf("HomeSweep", await cli([...args, "--output", "json"])) as { readonly paths: string[] };
  expect(swept).toMatchObject({ dryRun: false, runs: 1, paths: plan.paths });
  for (const path of plan.paths) expect(existsSync(path), path).toBe(false);
  expect(readdirSync(join(home, "artifacts"))).toEqual([]);

  const copied = jsonOf("HomeBackup", await cli(["home", "backup", "copy", "--home", "used", "--output", "json"]));
  expect(copied).toMatchObject({ home, target: join(folder, "copy") });
  expect(statSync(join(folder, "copy")).mode & 0o777).toBe(0o700);
  expect(jsonOf("HomeCleared", await cli(["home", "clear", "--home", "used", "--output", "json"]))).toMatchObject({ home });
});
