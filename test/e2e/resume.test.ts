/** Runs that failed or were cancelled go on from their failed steps, in both isolations. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockHome } from "../../src/local/home/home-lock.ts";
import { homeAt } from "../../src/local/home/home.ts";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { builtPrograms, runCli, type CliOptions, type CliRun, type Programs } from "../support/built-programs.ts";
import { fixturePipeline } from "../support/history-home.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { startServing, until } from "../support/serving.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "kfp-resume-")));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = async (args: readonly string[], options: Partial<CliOptions> = {}): Promise<CliRun> =>
  await runCli(programs, args, { cwd: folder, ...options });

describe.for(["in-process", "process"])("resume, isolation %s", (isolation) => {
  const home = `home-${isolation}`;

  test("does again what failed, does what was left out, and nothing else", { timeout: 120_000 }, async () => {
    const file = path.join(folder, `there-${isolation}`);
    const args = ["run", fixturePipeline("flaky"), "--param", `file=${file}`, "--home", home, "--isolation", isolation];
    const failed = await cli([...args, "--output", "json"]);
    expect(failed.code).toBe(1);
    const { runId, tasks } = parseResult(failed.stdout);
    const firstId = tasks.find(({ name }) => name === "first")?.taskId;
    expect(failed.stderr).toContain(`kfp-runtime resume ${runId} --home ${home}`);

    const again = await cli(["resume", "last", "--home", home, "--output", "json"]);
    expect(again.code, again.stderr).toBe(1);
    expect(again.stderr).toContain(`run ${runId} of pipeline flaky goes on from its failed steps`);
    expect(again.stderr).not.toContain("first runs");

    writeFileSync(file, "");
    const resumed = await cli(["resume", runId.slice(0, 8), "--home", home, "--output", "json"]);
    expect(resumed.code, resumed.stderr).toBe(0);
    const result = parseResult(resumed.stdout);
    expect(result).toMatchObject({ runId, state: "SUCCEEDED", notRun: [] });
    expect(Object.values(statesOf(result)).every((state) => state === "SUCCEEDED")).toBe(true);
    expect(result.tasks.find(({ name }) => name === "first")?.taskId).toBe(firstId);

    const { stdout: logs } = await cli(["logs", runId, "--home", home]);
    const counts = ["first runs", "flaky has hello", "last runs", "each a", "each b"].map(
      (line) => logs.split(`| ${line}\n`).length - 1,
    );
    expect(counts).toEqual([1, 1, 1, 1, 1]);
    expect((await cli(["runs", "--home", home])).stdout.split("\n")).toHaveLength(3);

    const done = await cli(["resume", runId, "--home", home]);
    expect(done).toMatchObject({ code: 2, stderr: `kfp-runtime: Cannot resume run ${runId}: it has succeeded\n` });
  });

  test("runs the exit task again after a body that is done again, and tells it the new end", { timeout: 120_000 }, async () => {
    const file = path.join(folder, `exit-there-${isolation}`);
    const exitHome = `exit-${isolation}`;
    const args = ["run", fixturePipeline("flaky-exit"), "--param", `file=${file}`, "--home", exitHome, "--isolation", isolation];
    const failed = await cli([...args, "--output", "json"]);
    expect(failed.code, failed.stderr).toBe(1);
    const clean = ({ stdout }: CliRun) => parseResult(stdout).tasks.find(({ name }) => name === "clean");
    expect(clean(failed)?.outputs.parameters).toEqual({ seen: '"state":"FAILED"\n' });
    writeFileSync(file, "");
    const resumed = await cli(["resume", "last", "--home", exitHome, "--output", "json"]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(new Set(Object.values(statesOf(parseResult(resumed.stdout))))).toEqual(new Set(["SUCCEEDED"]));
    expect(clean(resumed)).toMatchObject({
      taskId: clean(failed)?.taskId,
      outputs: { parameters: { seen: '"state":"SUCCEEDED"\n' } },
    });
    expect(clean(resumed)?.outputs.artifacts["executor-logs"]).toHaveLength(1);
    expect(resumed.stderr).not.toContain("steady runs");
  });

  test("a cancelled run goes on, and can be cancelled again", { timeout: 120_000 }, async () => {
    const cancelHome = `cancelled-${isolation}`;
    const cancelWhenWaiting: Partial<CliOptions> = {
      onStderr: (stderr, signal) => {
        if (stderr.includes("| waiting") && !stderr.includes("cancelling")) signal("SIGINT");
      },
    };
    const args = ["run", fixturePipeline("cancelled-loop"), "--home", cancelHome, "--isolation", isolation];
    expect((await cli(args, cancelWhenWaiting)).code).toBe(130);
    let whileRunning: Promise<CliRun> | undefined;
    const resumed = await cli(["resume", "last", "--home", cancelHome], {
      onStderr: (stderr, signal) => {
        if (!stderr.includes("| waiting") || whileRunning !== undefined) return;
        whileRunning = cli(["resume", "last", "--home", cancelHome, "--wait", "0"]).finally(() => signal("SIGINT"));
      },
    });
    expect(resumed.code, resumed.stderr).toBe(130);
    // Meanwhile nobody else may.
    expect(await whileRunning).toMatchObject({ code: 1, stderr: expect.stringContaining("has been using it since") as string });
    expect((await cli(["show", "last", "--home", cancelHome])).stdout).toMatch(/^Run \S+: FAILED \(cancelled\) in /);
  });
});

test("in a served home the server goes on with the run, as if it ran here", { timeout: 120_000 }, async () => {
  const home = path.join(folder, "served");
  const serving = await startServing(programs, home);
  try {
    const file = path.join(folder, "there-served");
    const failed = await cli(["run", fixturePipeline("flaky"), "--param", `file=${file}`, "--home", home, "--output", "json"]);
    expect(failed.code, failed.stderr).toBe(1);
    const { runId } = parseResult(failed.stdout);
    writeFileSync(file, "");
    const resumed = await cli(["resume", runId, "--home", home, "--output", "json"]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`process ${serving.pid} serves ${home} and executes the run`);
    expect(resumed.stderr).toContain("flaky | flaky has hello\n");
    expect(resumed.stderr).not.toContain("first runs");
    expect(parseResult(resumed.stdout)).toMatchObject({ runId, state: "SUCCEEDED" });
    expect(existsSync(path.join(home, "runs", runId, "settings.json"))).toBe(false);
    expect(await cli(["resume", runId, "--home", home])).toMatchObject({ code: 2 });
  } finally {
    await serving.end("SIGTERM");
  }
});

describe.for(["by a server", "here"])("a run that was created through the API, resumed %s", (where) => {
  test("still has its macros replaced", { timeout: 120_000 }, async () => {
    const home = path.join(folder, `macros ${where}`);
    const server = await startServing(programs, home);
    const { source } = await loadPipelineFile(nodeFileSystem, fixturePipeline("flaky"));
    const client = await server.connect();
    const runId = randomUUID();
    const parameters = { file: path.join(folder, "[[RunUUID]]") };
    await client.createRun({ runId, displayName: "macros", source, parameters, pipelineRoot: "" });
    client.close();
    await until("it has failed", () => server.log().includes("FAILED"));
    if (where === "here") await server.end("SIGTERM");
    writeFileSync(path.join(folder, runId), "");
    const resumed = await cli(["resume", runId, "--home", home]);
    if (where !== "here") await server.end("SIGTERM");
    expect(resumed.code, resumed.stderr).toBe(0);
  });
});

test("resume waits for its home as long as it is told, and takes another runner", { timeout: 120_000 }, async () => {
  const home = path.join(folder, "waiting");
  const file = path.join(folder, "never");
  const failed = await cli(["run", fixturePipeline("flaky"), "--param", `file=${file}`, "--home", home]);
  expect(failed.code).toBe(1);
  const lock = await lockHome(homeAt(home), "a test", new Date());
  const refused = await cli(["resume", "last", "--home", home, "--wait", "0"]);
  await lock.release();
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("a test") as string });
  const wrong = await cli(["resume", "last", "--home", home, "--runner-for", "nobody=host"]);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("nobody") as string });
  const bin = path.join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, "node"));
  const none = await cli(["resume", "last", "--home", home, "--runner", "container"], { env: { PATH: bin } });
  expect(none.code).not.toBe(0);
  expect(none.stderr).toContain("Cannot run steps in containers");
});
