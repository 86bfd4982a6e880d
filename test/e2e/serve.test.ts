/** `kfp-runtime serve` with real processes: several terminals in one home, and servers that are stopped or killed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { allEnded, isRunning } from "../support/processes.ts";
import { parseResult, normalised, statesOf } from "../support/run-results.ts";
import { startServing, until, type Serving } from "../support/serving.ts";
import { storedRuns } from "../support/stored-runs.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-serve-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const gate = join(root, "test/fixtures/gate.yaml");
const wideLoop = join(root, "test/fixtures/pipelines/wide_loop.yaml");
const failures = join(root, "test/fixtures/pipelines/failures.yaml");

/** A folder of its own for one test. */
function place(name: string): { readonly home: string; readonly files: string } {
  const files = join(folder, name);
  mkdirSync(files, { recursive: true });
  return { home: join(files, "home"), files };
}

async function serving(home: string, args: readonly string[] = [], env = {}): Promise<Serving> {
  const server = await startServing(programs, home, args, env);
  onTestFinished(async () => void (await server.end("SIGKILL")));
  return server;
}

function pidsIn(path: string): number[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1).map(Number) : [];
}

/** Creates runs of gate.yaml through the API. */
async function createGates(server: Serving, files: string, count: number): Promise<string[]> {
  const { source } = await loadPipelineFile(nodeFileSystem, gate);
  const client = await server.connect();
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const runId of ids) {
    await client.createRun({ runId, displayName: runId, source, parameters: { folder: files }, pipelineRoot: "" });
  }
  client.close();
  return ids;
}

describe("kfp-runtime run in a home that is served", () => {
  test("shows the run, its result and its exit code as if it ran here", { timeout: 120_000 }, async () => {
    const { home } = place("as-if");
    const here = await runCli(programs, ["run", wideLoop, "--home", `${home}-here`, "--output", "json"], { cwd: folder });
    const failedHere = await runCli(programs, ["run", failures, "--home", `${home}-here`], { cwd: folder });
    const server = await serving(home);
    const there = await runCli(programs, ["run", wideLoop, "--home", home, "--output", "json"], { cwd: folder });
    expect(there.code, there.stderr).toBe(0);
    expect(there.stderr).toContain(`process ${server.pid} serves ${home} and executes the run`);
    expect(normalised(parseResult(there.stdout))).toEqual(normalised(parseResult(here.stdout)));

    const failedThere = await runCli(programs, ["run", failures, "--home", home], { cwd: folder });
    expect(failedThere.code).toBe(1);
    expect(failedHere.code).toBe(1);
    const plain = (text: string): string[] =>
      text
        .replaceAll(/\d+\.\d+ s/g, "TIME")
        .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, "ID")
        .replaceAll("home-here", "home")
        .split("\n")
        .toSorted();
    expect(plain(failedThere.stdout)).toEqual(plain(failedHere.stdout));
    const ofServer = `process ${server.pid} serves ${home} and executes the run`;
    expect(plain(failedThere.stderr).filter((line) => line !== ofServer)).toEqual(plain(failedHere.stderr));
    expect(await server.end("SIGTERM")).toBe(0);
    expect(existsSync(join(home, "lock"))).toBe(false);
  });

  test("carries its options, its environment and its folder", { timeout: 120_000 }, async () => {
    const { home, files } = place("options");
    const pipeline = join(files, "where.yaml");
    writeFileSync(
      pipeline,
      readFileSync(gate, "utf8")
        .replace(`'echo $$$$ >> "$1/firsts"`, () => `'echo "$GREETING in $(pwd)"; echo $$$$ >> "$1/firsts"`)
        .replace("taskInfo: { name: first }", "cachingOptions: { enableCache: true }\n        taskInfo: { name: first }"),
    );
    writeFileSync(join(files, "go"), "");
    await serving(home);
    const rootFolder = join(files, "artifacts");
    const args = ["run", pipeline, "--home", home, "--param", `folder=${files}`, "--pipeline-root", rootFolder];
    const options = { cwd: files, env: { GREETING: "hello" } };
    for (const isolation of ["in-process", "process"]) {
      const ended = await runCli(programs, [...args, "--isolation", isolation, "--no-cache"], options);
      expect(ended.code, ended.stderr).toBe(0);
      expect(ended.stderr).toContain(`first | hello in ${files}`);
    }
    expect(pidsIn(join(files, "firsts"))).toHaveLength(2);
    expect(existsSync(rootFolder)).toBe(true);
    const stderr = [await runCli(programs, args, options), await runCli(programs, args, options)].map((ended) => ended.stderr);
    expect(stderr.map((text) => /first: (CACHED|SUCCEEDED)/.exec(text)?.[1])).toEqual(["SUCCEEDED", "CACHED"]);
  });

  test("ends the run with Ctrl-C, and the server lives on", { timeout: 120_000 }, async () => {
    const { home, files } = place("cancel");
    const server = await serving(home);
    let sent = false;
    const args = ["run", gate, "--home", home, "--param", `folder=${files}`, "--output", "json"];
    const ended = await runCli(programs, args, {
      cwd: folder,
      onStderr: (stderr, signal) => {
        if (sent || !stderr.includes("gate: step started")) return;
        sent = true;
        signal("SIGINT");
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", first: "SUCCEEDED", gate: "FAILED" });
    expect(result.tasks.find(({ name }) => name === "gate")?.error).toBe("cancelled by user");
    expect(await allEnded(pidsIn(join(files, "gates")))).toBe(true);
    expect(isRunning(server.pid)).toBe(true);
  });

  test("says that the run goes on later when the server is stopped or killed", { timeout: 120_000 }, async () => {
    const { home, files } = place("gone");
    for (const [index, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
      const server = await serving(home);
      const run = runCli(programs, ["run", gate, "--home", home, "--param", `folder=${files}`], { cwd: folder });
      await until("its step runs", () => pidsIn(join(files, "gates")).length === index * 2 + 1);
      await server.end(signal);
      const ended = await run;
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/The server of .* has stopped before run .* ended; the run goes on when/);
      const again = await serving(home);
      await until("it goes on", () => pidsIn(join(files, "gates")).length === index * 2 + 2);
      writeFileSync(join(files, "go"), "");
      await until("it ends", () => storedRuns(home).every(({ state }) => state === "SUCCEEDED"));
      rmSync(join(files, "go"));
      await again.end("SIGTERM");
    }
    expect(await allEnded(pidsIn(join(files, "gates")))).toBe(true);
  });

  test("is refused by a server of another version in one line", { timeout: 60_000 }, async () => {
    const { home } = place("versions");
    const server = await serving(home);
    const lock = JSON.parse(readFileSync(join(home, "lock"), "utf8")) as { server: object };
    writeFileSync(join(home, "lock"), JSON.stringify({ ...lock, server: { ...lock.server, version: "9.9.9", handOver: 99 } }));
    const ended = await runCli(programs, ["run", wideLoop, "--home", home], { cwd: folder });
    expect(ended.code).toBe(1);
    expect(ended.stderr.trim().split("\n").at(-1)).toMatch(
      new RegExp(`process ${server.pid} serves it with kfp-runtime 9\\.9\\.9, to which this version, .*, cannot hand its runs`),
    );
  });

  test("shows the token of the home to a server that requires one", { timeout: 60_000 }, async () => {
    const { home, files } = place("token");
    writeFileSync(join(files, "go"), "");
    const server = await serving(home, ["--auth"]);
    for (const isolation of ["in-process", "process"]) {
      const args = ["run", gate, "--home", home, "--param", `folder=${files}`, "--isolation", isolation, "--no-cache"];
      const ended = await runCli(programs, args, { cwd: folder });
      expect(ended.code, ended.stderr).toBe(0);
    }
    const token = readFileSync(server.tokenFile ?? "", "utf8").trim();
    expect(server.log()).not.toContain(token);
    writeFileSync(server.tokenFile ?? "", "x".repeat(43));
    const refused = await runCli(programs, ["run", wideLoop, "--home", home], { cwd: folder });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/UNAUTHENTICATED/);
  });
});

test("two runs in one home: the second waits for the first", { timeout: 120_000 }, async () => {
  const { home, files } = place("two");
  const args = ["run", gate, "--home", home, "--param", `folder=${files}`, "--no-cache"];
  const first = runCli(programs, args, { cwd: folder });
  await until("the first one runs", () => pidsIn(join(files, "gates")).length === 1);
  const refused = await runCli(programs, [...args, "--wait", "0"], { cwd: folder });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/has been using it since/);
  const second = runCli(programs, args, {
    cwd: folder,
    onStderr: (stderr) => {
      if (stderr.includes("waiting for")) writeFileSync(join(files, "go"), "");
    },
  });
  const ended = await Promise.all([first, second]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(storedRuns(home).map(({ state }) => state)).toEqual(["SUCCEEDED", "SUCCEEDED"]);
});

test.for(["in-process", "process"])(
  "kill -9 while runs execute, %s: the next server ends what was left behind and every run",
  { timeout: 180_000 },
  async (isolation) => {
    const { home, files } = place(`killed-${isolation}`);
    const server = await serving(home, ["--max-runs", "3", "--isolation", isolation]);
    const ids = await createGates(server, files, 5);
    await until("three runs are in the middle", () => pidsIn(join(files, "gates")).length === 3);
    await server.end("SIGKILL");
    const left = pidsIn(join(files, "gates"));
    expect(left.every(isRunning)).toBe(true);

    // A run in a terminal takes nothing from the server that is to come.
    const between = await runCli(programs, ["run", wideLoop, "--home", home], { cwd: folder });
    expect(between.code, between.stderr).toBe(0);
    expect(
      storedRuns(home)
        .map(({ state }) => state)
        .toSorted(),
    ).toEqual([...["PENDING", "PENDING"], ...["RUNNING", "RUNNING", "RUNNING"], "SUCCEEDED"]);
    expect(await allEnded(left)).toBe(true);

    const again = await serving(home, ["--max-runs", "3", "--isolation", isolation]);
    expect(again.log()).toContain("going on with 3 runs that an earlier server left unfinished");
    await until("they run again", () => pidsIn(join(files, "gates")).length === 6);
    // Done is done: only the steps that were cut are run again.
    expect(pidsIn(join(files, "firsts"))).toHaveLength(3);
    writeFileSync(join(files, "go"), "");
    await until("all have ended", () => storedRuns(home).every(({ state }) => state === "SUCCEEDED"));
    expect(storedRuns(home)).toHaveLength(ids.length + 1);
    expect(await allEnded(pidsIn(join(files, "gates")))).toBe(true);
    expect(await again.end("SIGTERM")).toBe(0);
  },
);

describe.for(["in-process", "process"])("the log of a step that runs, %s", (isolation) => {
  test("is followed over REST line by line, of its own iteration only", { timeout: 120_000 }, async () => {
    const { home, files } = place(`talking-${isolation}`);
    const server = await serving(home, ["--isolation", isolation]);
    // Steps that wait for it must not outlive a test that failed before.
    onTestFinished(() => writeFileSync(join(files, "go"), ""));
    const { source } = await loadPipelineFile(nodeFileSystem, join(root, "test/fixtures/talking.yaml"));
    const client = await server.connect();
    const runId = randomUUID();
    await client.createRun({ runId, displayName: "talking", source, parameters: { folder: files }, pipelineRoot: "" });
    client.close();
    let steps: { task_id: string; state: string }[] = [];
    await until("both steps run", async () => {
      const answer = await fetch(`${server.rest.url}/apis/v2beta1/runs/${runId}/tasks?page_size=100`);
      const { tasks = [] } = (await answer.json()) as { tasks?: { name: string; task_id: string; state: string }[] };
      steps = tasks.filter(({ name }) => name === "talk");
      return steps.length === 2;
    });
    const logOf = async (taskId: string, query: string): Promise<Response> =>
      await fetch(`${server.rest.url}/apis/v1alpha1/runs/${runId}/nodes/${taskId}/log${query}`);
    const begun: string[] = [];
    for (const { task_id: taskId } of steps) {
      await until("it has said so", async () => {
        const answer = await logOf(taskId, "");
        const text = await answer.text();
        if (answer.status === 200) begun.push(text);
        return answer.status === 200;
      });
    }
    expect(begun.toSorted()).toEqual(["a begins\n", "b begins\n"]);
    const followed = await Promise.all(steps.map(async ({ task_id: taskId }) => await logOf(taskId, "?follow=true")));
    writeFileSync(join(files, "go"), "");
    const texts = await Promise.all(followed.map(async (answer) => (await answer.text()).split("\n").toSorted()));
    const linesOf = (item: string): string[] => ["", `${item} begins`, `${item} complains`, `${item} ends`];
    expect(texts.map((lines) => lines[1] ?? "").toSorted()).toEqual(["a begins", "b begins"]);
    for (const lines of texts) expect(lines).toEqual(linesOf(lines[1]?.slice(0, 1) ?? ""));
    for (const [index, { task_id: taskId }] of steps.entries()) {
      const published = (await (await logOf(taskId, "")).text()).split("\n").toSorted();
      expect(published).toEqual(texts[index]);
    }
  });
});

describe("kfp-runtime serve", () => {
  test("takes the next free port by itself, and no other than the one it was told", { timeout: 60_000 }, async () => {
    const { home } = place("ports");
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const ended = await runCli(programs, ["serve", "--home", home, "--grpc-port", String(port)], { cwd: folder });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`Cannot listen at port ${port}: another program uses it`);
    expect(existsSync(join(home, "lock"))).toBe(false);
  });

  test.for([
    [["--host", "0.0.0.0"], /without --auth: other machines could run programs here/],
    [["--grpc-port", "70000"], /"70000" is not a port/],
    [["--max-runs", "0"], /Cannot read option --max-runs: "0" is not a whole number from 1/],
    [["pipeline.yaml"], /Too many words/],
  ] as const)("refuses %j", { timeout: 120_000 }, async ([args, message]) => {
    const ended = await runCli(programs, ["serve", "--home", join(folder, "unused"), ...args], { cwd: folder });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(message);
  });

  test("refuses a home that is served, naming who serves it", { timeout: 60_000 }, async () => {
    const { home } = place("served");
    const server = await serving(home);
    const ended = await runCli(programs, ["serve", "--home", home], { cwd: folder });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`process ${server.pid} on`);
    expect(ended.stderr).toContain("(serve)");
  });
});
