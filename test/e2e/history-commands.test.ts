/** The commands that look at stored runs, on a home with a finished, a cached, a failed, a cancelled and a running run. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../support/built-programs.ts";
import { documentedProblems } from "../support/documented-shapes.ts";
import { fixturePipeline, makeHistoryHome, type HistoryHome, type RunKind } from "../support/history-home.ts";
import { skipUnless } from "../support/skip.ts";
import { hasTerminals, runOnTerminal } from "../support/terminal.ts";

let home: HistoryHome;
beforeAll(async () => {
  home = await makeHistoryHome();
}, 180_000);
afterAll(async () => await home.dispose());

/** What a terminal would act on. */
const DANGEROUS = /[^\P{Cc}\n]|[\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/u;
const kinds: RunKind[] = ["succeeded", "cached", "failed", "cancelled", "running"];
const json = async (shape: string, ...args: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await home.cli(...args, "--output", "json");
  expect(code, stderr).toBe(0);
  expect(stdout).not.toMatch(DANGEROUS);
  expect(stdout.match(/\n/g)).toHaveLength(1);
  expect(documentedProblems(shape, stdout)).toEqual([]);
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe("runs", () => {
  test("lists every run, newest first, with a state a person understands", async () => {
    const { code, stdout } = await home.cli("runs");
    expect(code).toBe(0);
    const states = stdout
      .split("\n")
      .slice(1, -1)
      .map((line) => line.replace(/^(\S+)  (\S+).*? {2}([A-Z]+(?: \([a-z ]+\))?) .*$/, "$2 $3"));
    expect(states).toEqual([
      ...["cancelled RUNNING", "cancelled FAILED (cancelled)", "awkward FAILED", "two-steps SUCCEEDED", "two-steps SUCCEEDED"],
    ]);
    const [first] = stdout.split("\n").slice(1);
    expect(home.ids.running.startsWith(first?.split(" ")[0] ?? "?")).toBe(true);
  });

  test("has the documented shape", async () => {
    const { runs, total } = (await json("Runs", "runs")) as {
      runs: { runId: string; cancelled: boolean; finishedAt?: string }[];
      total: number;
    };
    expect(total).toBe(5);
    expect(runs.map(({ runId }) => runId)).toEqual(kinds.toReversed().map((kind) => home.ids[kind]));
    expect(runs.map(({ cancelled }) => cancelled)).toEqual([false, true, false, false, false]);
    expect(runs.map(({ finishedAt }) => finishedAt !== undefined)).toEqual([false, true, true, true, true]);
  });

  test("takes a state and a limit", async () => {
    const failed = await home.cli("runs", "--state", "failed", "--limit", "1");
    expect(failed.stdout.split("\n")).toHaveLength(4);
    expect(failed.stdout).toContain("... and 1 more; --limit shows more\n");
    expect((await home.cli("runs", "--state", "pending")).stdout).toMatch(/: no runs in state PENDING\n$/);
  });
});

describe("show", () => {
  test.for<{ kind: RunKind; texts: (string | RegExp)[] }>([
    {
      kind: "succeeded",
      texts: [/^Run \S+: SUCCEEDED in /, "  size = 4\n", "write.data: Dataset /", "      read[1] SUCCEEDED\n"],
    },
    { kind: "cached", texts: ['Parameters\n  text = "other"\n'] },
    {
      kind: "failed",
      texts: [
        ...["fail: failed to execute component: exit status 3\n", String.raw`    | ValueError: \x1b]0;title\x07bad`],
        ...["    not run because of it: inner, inner.deep\n", / {2}output of a step: kfp-runtime logs \S+ fail\n/],
      ],
    },
    { kind: "cancelled", texts: [/^Run \S+: FAILED \(cancelled\) in /, "inner NOT RUN: the run was cancelled\n"] },
    { kind: "running", texts: [/^Run \S+: RUNNING for /, "      wait[0] RUNNING\n"] },
  ])("tells of a $kind run", async ({ kind, texts }) => {
    const { code, stdout } = await home.cli("show", home.ids[kind]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(DANGEROUS);
    for (const text of texts)
      expect(stdout).toEqual(typeof text === "string" ? expect.stringContaining(text) : expect.stringMatching(text));
    if (kind === "running") expect(stdout).not.toContain("NOT RUN");
  });

  test.for(kinds)("has the documented shape for a %s run", async (kind) => {
    const shown = await json("Run", "show", home.ids[kind]);
    expect(shown["runId"]).toBe(home.ids[kind]);
    expect(shown["state"]).toBe({ succeeded: "SUCCEEDED", cached: "SUCCEEDED", running: "RUNNING" }[kind as string] ?? "FAILED");
    expect(shown["cancelled"]).toBe(kind === "cancelled");
    expect((shown["notRun"] as unknown[]).length > 0).toBe(kind === "failed" || kind === "cancelled");
  });

  test.for<{ kind: RunKind; task: string; labels: string[]; state: string }>([
    { kind: "succeeded", task: "write", labels: ["write"], state: "SUCCEEDED" },
    { kind: "succeeded", task: "read", labels: ["loop.read[0]", "loop.read[1]"], state: "SUCCEEDED" },
    { kind: "succeeded", task: "loop.read[1]", labels: ["loop.read[1]"], state: "SUCCEEDED" },
    { kind: "failed", task: "root.fail", labels: ["fail"], state: "FAILED" },
    { kind: "cancelled", task: "wait", labels: ["loop.wait[0]"], state: "FAILED" },
    { kind: "running", task: "wait", labels: ["loop.wait[0]"], state: "RUNNING" },
  ])("tells of task $task of a $kind run", async ({ kind, task, labels, state }) => {
    const shown = (await json("Tasks", "show", home.ids[kind], task)) as { tasks: { label: string; state: string }[] };
    expect(shown.tasks.map(({ label }) => label)).toEqual(labels);
    expect(new Set(shown.tasks.map((found) => found.state))).toEqual(new Set([state]));
    const { stdout } = await home.cli("show", home.ids[kind], task);
    for (const label of labels)
      expect(stdout).toMatch(new RegExp(`^${label.replaceAll(/[[\].]/g, String.raw`\$&`)}: ${state} in`, "m"));
  });

  test.for<{ args: string[]; message: RegExp }>([
    { args: ["zzz"], message: /^kfp-runtime: Cannot find run "zzz": .* has no such run; kfp-runtime runs lists them\n$/ },
    { args: ["two-steps"], message: /: it fits \S+ \(two-steps .*\), \S+ \(two-steps .*\); write more of the id\n$/ },
    { args: ["awkward", "nope"], message: /: its tasks are root, fail, for-loop-1, for-loop-1.say\[0\]\n$/ },
    { args: ["awkward", "inner"], message: /Cannot find task "inner" in run \S+: it was not run: fail failed\n$/ },
    { args: ["last", "--home", "nowhere"], message: /: \S+nowhere has no runs; choose another folder with --home\n$/ },
  ])("says that there is no $args", async ({ args, message }) => {
    const { code, stdout, stderr } = await home.cli("show", ...args);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

describe("logs", () => {
  test.for<{ kind: RunKind; args: string[]; lines: string[] }>([
    { kind: "succeeded", args: ["write"], lines: ["wrote hello"] },
    { kind: "succeeded", args: ["loop.read[1]"], lines: ["read b", "error line"] },
    {
      kind: "failed",
      args: ["fail"],
      lines: [
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in fail',
        String.raw`ValueError: \x1b]0;title\x07bad`,
      ],
    },
    { kind: "cancelled", args: [], lines: ["loop.wait[0] | waiting"] },
    { kind: "running", args: [], lines: ["loop.wait[0] | waiting"] },
    { kind: "running", args: ["wait"], lines: ["loop.wait[0] | waiting"] },
    { kind: "running", args: ["next"], lines: [] },
  ])("prints the lines of a $kind run, $args", async ({ kind, args, lines }) => {
    const { code, stdout } = await home.cli("logs", home.ids[kind], ...args);
    expect(code).toBe(0);
    expect(stdout.split("\n").slice(0, -1)).toEqual(lines);
  });

  test("prints all steps in the order in which they spoke, and those of a loop", async () => {
    const { stdout } = await home.cli("logs", home.ids.succeeded);
    expect(stdout.split("\n")[0]).toBe("write | wrote hello");
    expect(stdout.match(/^loop\.read\[[01]\] \| (?:read [ab]|error line)$/gm)).toHaveLength(4);
    const loop = await home.cli("logs", home.ids.succeeded, "loop");
    expect(loop.stdout).toBe(stdout.slice(stdout.indexOf("\n") + 1));
  });

  test("has the documented shape, one object a line", async () => {
    const { stdout } = await home.cli("logs", home.ids.succeeded, "--output", "json");
    const lines = stdout.split("\n").slice(0, -1);
    expect(lines).toHaveLength(5);
    expect(lines.flatMap((line) => documentedProblems("LogLine", line))).toEqual([]);
    const programs = await home.cli("logs", home.ids.succeeded, "--programs", "--output", "json");
    const programLines = programs.stdout.split("\n").slice(0, -1);
    expect(programLines.flatMap((line) => documentedProblems("ProgramLine", line))).toEqual([]);
    expect(programs.stdout).toContain("driver starts");
  });

  test("shows the log of the run that made cached outputs, when it is asked for by name", async () => {
    const again = await home.cli("run", path.join(import.meta.dirname, "../fixtures/cases/two-steps.yaml"), "--home", "cached");
    expect(again.code).toBe(0);
    await home.cli("run", path.join(import.meta.dirname, "../fixtures/cases/two-steps.yaml"), "--home", "cached");
    const all = await home.cli("logs", "last", "--home", "cached");
    expect(all.stdout).toBe("");
    const named = await home.cli("logs", "last", "write", "--home", "cached");
    expect(named.stdout).toBe("wrote hello\n");
    expect(named.stderr).toBe("note: the outputs of write come from the cache; these are the lines of the run that made them\n");
  });

  test("falls back on the published logs of a run without a journal", async () => {
    const runFolder = path.join(home.folder, ".kfp-runtime/runs", home.ids.failed);
    const journal = path.join(runFolder, "steps.jsonl");
    const kept = readFileSync(journal);
    rmSync(journal);
    const { stdout } = await home.cli("logs", home.ids.failed);
    const shown = await home.cli("show", home.ids.failed);
    writeFileSync(journal, kept);
    expect(stdout).toContain("fail | Traceback (most recent call last):\n");
    expect(shown.stdout).toContain("    | Traceback (most recent call last):\n");
  });

  test("a follower that is stopped ends with 130 and leaves the run alone", { timeout: 120_000 }, async () => {
    const ended = await runCli(home.programs, ["logs", home.ids.running, "--follow"], {
      cwd: home.folder,
      onStdout: (stdout, signal) => {
        if (stdout.includes("waiting")) signal("SIGINT");
      },
    });
    expect(ended).toMatchObject({ code: 130, stdout: "loop.wait[0] | waiting\n" });
    expect((await home.cli("runs", "--state", "running")).stdout).toContain("RUNNING");
  });
});

describe("artifacts", () => {
  test("lists what is there, with size and place", async () => {
    const listed = (await json("Artifacts", "artifacts", home.ids.cached)) as {
      artifacts: { task: string; key: string; uri: string; place: string; sizeBytes: number }[];
    };
    expect(listed.artifacts.map(({ task, key, place, sizeBytes }) => [task, key, place, sizeBytes])).toEqual([
      ...[
        ["loop.read[0]", "copy", "file", 5],
        ["loop.read[1]", "copy", "file", 5],
        ["write", "data", "file", 5],
      ],
    ]);
    const { stdout } = await home.cli("artifacts", home.ids.cached);
    for (const { uri } of listed.artifacts) expect(stdout).toContain(uri);
  });

  test.for<RunKind>(["failed", "cancelled", "running"])("has nothing to list of a %s run but its logs", async (kind) => {
    expect((await home.cli("artifacts", home.ids[kind])).stdout).toBe(`Run ${home.ids[kind]} has made no artifacts\n`);
    const { artifacts } = (await json("Artifacts", "artifacts", home.ids[kind], "--all")) as { artifacts: { key: string }[] };
    expect(new Set(artifacts.map(({ key }) => key))).toEqual(new Set(kind === "running" ? [] : ["executor-logs"]));
  });

  test("opens one in the desktop's program", async () => {
    const bin = path.join(home.folder, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["xdg-open", "open"]) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\nprintf %s "$1" > ${path.join(home.folder, "opened")}\n`);
      chmodSync(path.join(bin, name), 0o755);
    }
    const open = async (...args: string[]) =>
      await runCli(home.programs, ["artifacts", home.ids.succeeded, ...args, "--open"], {
        cwd: home.folder,
        env: { PATH: `${bin}:${path.dirname(process.execPath)}:${process.env["PATH"] ?? ""}` },
      });
    expect(await open("data")).toMatchObject({ code: 0 });
    expect(readFileSync(readFileSync(path.join(home.folder, "opened"), "utf8"), "utf8")).toBe("hello");
    expect(await open()).toMatchObject({ code: 0 });
    expect(readFileSync(path.join(home.folder, "opened"), "utf8")).toBe(
      path.join(home.folder, ".kfp-runtime/artifacts/two-steps", home.ids.succeeded),
    );
    const several = await open("copy");
    expect(several).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("it names 2 artifacts, as loop.read[0].copy") as string,
    });
  });
});

describe("graph", () => {
  test.for<{ kind: RunKind; line: string }>([
    { kind: "succeeded", line: "│  └─ read (2 SUCCEEDED)" },
    { kind: "cached", line: "└─ write SUCCEEDED" },
    { kind: "failed", line: "   └─ deep NOT RUN" },
    { kind: "cancelled", line: "   └─ wait (1 FAILED, 1 NOT RUN)" },
    { kind: "running", line: "   ├─ next <- wait" },
  ])("draws a $kind run with its states", async ({ kind, line }) => {
    const { code, stdout } = await home.cli("graph", home.ids[kind]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toContain(line);
    const graph = await json("Graph", "graph", home.ids[kind]);
    expect(graph["runId"]).toBe(home.ids[kind]);
    const svg = await home.cli("graph", home.ids[kind], "--output", "svg");
    expect(svg.stdout).toContain({ succeeded: "task succeeded", cached: "task succeeded" }[kind as string] ?? "frame ");
  });
});

describe("diff", () => {
  test("tells what differs between two runs, and why", async () => {
    const { code, stdout } = await home.cli("diff", home.ids.succeeded, home.ids.cached);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}text {2}"hello" +"other"$/m);
    expect(stdout).toMatch(/^ {2}write +SUCCEEDED {2}SUCCEEDED {2}because of parameter\.text$/m);
    expect(stdout).toMatch(/^ {2}loop\.read\[1\] +SUCCEEDED {2}SUCCEEDED {2}because of artifact\.data$/m);
    expect(stdout).toMatch(/^ {2}write\.data +differs$/m);
    const diff = await json("Diff", "diff", home.ids.succeeded, home.ids.cached);
    expect(diff).toMatchObject({
      parameters: [{ name: "text", a: "hello", b: "other" }],
      artifacts: [{ task: "loop.read[0]" }, { task: "loop.read[1]" }, { task: "write", key: "data", result: "different" }],
      same: { parameters: 0, tasks: 2, artifacts: 0 },
    });
  });

  test.for(kinds)("finds no difference between a %s run and itself", async (kind) => {
    const { code, stdout } = await home.cli("diff", home.ids[kind], home.ids[kind], "--exit-code");
    expect(code).toBe(0);
    expect(stdout).toContain("\nNo differences: ");
  });

  test.for<{ a: RunKind; b: RunKind; line: RegExp }>([
    { a: "succeeded", b: "failed", line: /^ {2}fail +- +FAILED/m },
    { a: "cancelled", b: "running", line: /^ {2}loop\.wait\[0\] {2}FAILED +RUNNING/m },
  ])("compares a $a with a $b run, and ends with 1 when asked to", async ({ a, b, line }) => {
    const { code, stdout } = await home.cli("diff", home.ids[a], home.ids[b], "--exit-code");
    expect(stdout).toMatch(line);
    expect(code).toBe(1);
  });

  test("sees the same content in other places, and what is gone", async () => {
    const folder = "same-content";
    for (const _ of [1, 2]) await home.cli("run", fixturePipeline("two-steps"), "--no-cache", "--home", folder);
    const { runs } = (await json("Runs", "runs", "--home", folder)) as { runs: { runId: string }[] };
    const [second = "", first = ""] = runs.map(({ runId }) => runId);
    const same = await json("Diff", "diff", first, second, "--home", folder);
    expect(same).toMatchObject({ artifacts: [], metrics: [], same: { artifacts: 3 } });
    const { artifacts } = (await json("Artifacts", "artifacts", second, "--home", folder)) as { artifacts: { uri: string }[] };
    rmSync(artifacts[0]?.uri ?? "");
    const gone = await json("Diff", "diff", first, second, "--home", folder);
    expect(gone).toMatchObject({ artifacts: [{ key: "copy", index: 0, result: "unknown" }] });
  });
});

describe("cache", () => {
  test.for<{ kind: RunKind; task: string; verdict: string; reason: string }>([
    { kind: "succeeded", task: "write", verdict: "first", reason: "this home has no earlier task of this name" },
    { kind: "cached", task: "write", verdict: "differs", reason: "it differs from the earlier task: parameter.text" },
    { kind: "cached", task: "loop.read[1]", verdict: "differs", reason: "it differs from the earlier task: artifact.data" },
    { kind: "cached", task: "loop", verdict: "not-asked", reason: "only steps have a place in the cache" },
    { kind: "failed", task: "fail", verdict: "not-asked", reason: expect.stringContaining("not to be cached") as string },
    { kind: "cancelled", task: "wait", verdict: "not-asked", reason: expect.stringContaining("not to be cached") as string },
    { kind: "running", task: "wait", verdict: "not-asked", reason: expect.stringContaining("not to be cached") as string },
  ])("says why $task of a $kind run ran: $verdict", async ({ kind, task, verdict, reason }) => {
    const why = await json("CacheWhy", "cache", "why", task, "--run", home.ids[kind]);
    expect(why["tasks"]).toMatchObject([{ task: task === "wait" ? "loop.wait[0]" : task, verdict, reason }]);
    const { stdout } = await home.cli("cache", "why", task, "--run", home.ids[kind]);
    if (verdict === "differs" && task === "write") expect(stdout).toContain('    parameter.text: "hello" before, "other" now\n');
  });

  test("lists entries, says where a hit came from, and takes them out", async () => {
    const folder = "own-cache";
    const run = async () => await home.cli("run", fixturePipeline("two-steps"), "--home", folder);
    await run();
    await run();
    const list = await json("CacheList", "cache", "ls", "--home", folder);
    expect(list).toMatchObject({ total: 3, entries: [{ task: "loop.read" }, { task: "loop.read" }, { task: "write" }] });
    const [hit] = (await json("CacheWhy", "cache", "why", "write", "--home", folder))["tasks"] as {
      verdict: string;
      comparedWith?: object;
    }[];
    expect(hit).toMatchObject({ verdict: "hit", comparedWith: { task: "write", state: "SUCCEEDED" } });
    expect(await json("CacheCleared", "cache", "clear", "write", "--home", folder)).toMatchObject({ cleared: 1 });
    await run();
    const { stdout } = await home.cli("show", "last", "write", "--home", folder);
    expect(stdout).toMatch(/^write: SUCCEEDED /);
    expect((await home.cli("cache", "clear", "--home", folder)).stdout).toMatch(/: 5 tasks taken out of the cache\n$/);
    expect((await home.cli("cache", "ls", "--home", folder)).stdout).toMatch(/: the cache has nothing\n$/);
  });

  test("is not cleared under a run that goes on", async () => {
    const { code, stderr } = await home.cli("cache", "clear");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^kfp-runtime: Cannot use .*: process \d+ on .* has been using it since/);
  });
});

describe("a home", () => {
  test("that does not exist has no runs", async () => {
    expect(await home.cli("runs", "--home", "nowhere")).toEqual({
      ...{ code: 0, stderr: "" },
      stdout: `${path.join(home.folder, "nowhere")}: no runs yet\n`,
    });
    expect(await json("Runs", "runs", "--home", "nowhere")).toMatchObject({ runs: [], total: 0 });
  });

  test("that is not a database is named", async () => {
    const broken = mkdtempSync(path.join(tmpdir(), "kfp-broken-"));
    writeFileSync(path.join(broken, "state.db"), "no database at all, but long enough to be looked at as one");
    const { code, stderr } = await home.cli("runs", "--home", broken);
    rmSync(broken, { recursive: true });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^kfp-runtime: Cannot open the database .*state\.db: file is not a database\n$/);
  });
});

describe.skipIf(skipUnless(hasTerminals(), "history commands on a terminal: needs python3 3.9 with pty"))("on a terminal", () => {
  const { PATH: searchPath = "" } = process.env;
  test.for([{ args: ["runs"] }, { args: ["show", "awkward"] }])("$args fits the width", async ({ args }) => {
    const env = { PATH: `${path.dirname(process.execPath)}:${searchPath}`, TERM: "xterm-256color" };
    const argv = [path.join(home.programs.bin, "kfp-runtime"), ...args];
    const { screen } = await runOnTerminal(argv, { cwd: home.folder, env, columns: 50, rows: 24 });
    expect(screen).toContain("\u{1b}[31mFAILED\u{1b}[39m");
    const plain = await runOnTerminal(argv, { cwd: home.folder, env: { ...env, NO_COLOR: "1" }, columns: 50, rows: 24 });
    expect(plain.screen).not.toContain("\u{1b}");
    const lines = plain.screen.replaceAll("\r", "").split("\n");
    const end = args[0] === "runs" ? lines.length : lines.indexOf("Failed");
    const isPlace = (line: string): boolean => line.startsWith("Run ") || line.includes("/");
    for (const line of lines.slice(0, end)) if (!isPlace(line)) expect(stringWidth(line), line).toBeLessThanOrEqual(50);
  });
});

test("a run whose process was killed is left behind, for whoever looks", { timeout: 60_000 }, async () => {
  const folder = "left-behind";
  const ended = await runCli(home.programs, ["run", fixturePipeline("cancelled-loop"), "--home", folder], {
    cwd: home.folder,
    onStderr: (stderr, signal) => {
      if (stderr.includes("| waiting")) signal("SIGKILL");
    },
  });
  expect(ended.code).toBe(null);
  expect((await home.cli("runs", "--home", folder)).stdout).toContain("RUNNING (left behind)");
  expect((await home.cli("show", "last", "--home", folder)).stdout).toContain("the process of this run is gone");
  const followed = await home.cli("logs", "last", "--follow", "--home", folder);
  expect(followed).toMatchObject({ code: 1, stdout: "loop.wait[0] | waiting\n" });
  expect(followed.stderr).toContain("nobody executes it any more");
  const { code, stderr } = await home.cli("run", fixturePipeline("two-steps"), "--home", folder);
  expect(code, stderr).toBe(0);
  expect((await home.cli("runs", "--home", folder)).stdout).not.toContain("RUNNING");
});

// The last one: it ends the run that goes on.
test("logs --follow goes on until the run is over", { timeout: 60_000 }, async () => {
  let ended = false;
  const seen = Promise.withResolvers<void>();
  const following = runCli(home.programs, ["logs", home.ids.running, "--follow"], {
    cwd: home.folder,
    onStdout: () => seen.resolve(),
  }).finally(() => {
    ended = true;
  });
  await seen.promise;
  // Time for several looks of the follower at a run that goes on.
  for (let look = 0; look < 3; look += 1) expect((await home.cli("runs", "--state", "running")).stdout).toContain("RUNNING");
  expect(ended).toBe(false);
  await home.stop();
  expect(await following).toMatchObject({ code: 0, stdout: "loop.wait[0] | waiting\n" });
  expect((await home.cli("runs", "--state", "running")).stdout).toContain("no runs in state RUNNING");
});
