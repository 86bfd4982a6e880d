/** What a person sees of a run: on pipes and on a terminal, in both isolations, byte for byte where it matters. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { taskLabel } from "../../src/local/engine/task-label.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";
import { hasTerminals, runOnTerminal } from "../support/terminal.ts";

const fixture = (name: string): string => path.join(root, `test/fixtures/cases/${name}.yaml`);
const isolations = ["in-process", "process"];

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(path.join(tmpdir(), "kfp-output-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All but what a terminal only shows. */
const DANGEROUS = /[^\P{Cc}\n]|[\u{61c}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}]/u;

/** What differs from run to run made equal: ids, durations, the folder, the order of lines that have none. */
function steady(text: string): string {
  return text
    .replaceAll(folder, "FOLDER")
    .replaceAll(root, "PROJECT")
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, "ID")
    .replaceAll(/\d+\.\d+ s\b/g, "TIME");
}

describe.each(isolations)("a run on pipes, isolation %s", (isolation) => {
  const run = (name: string, ...args: string[]) =>
    runCli(programs, ["run", fixture(name), "--isolation", isolation, "--home", `home-${isolation}`, ...args], {
      cwd: folder,
      // Colours would come back here if a terminal alone decided.
      env: { NO_COLOR: "" },
    });

  test("is what the golden files say, first and from the cache", { timeout: 120_000 }, async () => {
    const first = await run("terminal-text");
    expect(first.code).toBe(1);
    const home = `home-${isolation}`;
    const text = steady(`${first.stderr}${first.stdout}`).replaceAll(home, "HOME").replaceAll(" --isolation process", "");
    await expect(text).toMatchFileSnapshot("../golden/cli/run-first.txt");
    const second = await run("terminal-text");
    const again = steady(`${second.stderr}${second.stdout}`).replaceAll(home, "HOME").replaceAll(" --isolation process", "");
    await expect(again).toMatchFileSnapshot("../golden/cli/run-cached.txt");
    for (const ended of [first, second]) expect(`${ended.stderr}${ended.stdout}`).not.toMatch(DANGEROUS);
  });

  test("has the SDK's executor input only with --full-logs, and in the log of the step", { timeout: 120_000 }, async () => {
    const [folded, full] = [await run("terminal-text"), await run("terminal-text", "--full-logs")];
    expect(folded.stderr).not.toContain("executor_input");
    expect(full.stderr).toMatch(
      /^fail \| \[KFP Executor .*Got executor_input:\nfail \| \{\nfail \|     "inputs": \{\}\nfail \| \}$/m,
    );
    expect(full.stdout).not.toContain("executor_input");
  });

  test("gives the same facts as JSON, with no control character in it", { timeout: 120_000 }, async () => {
    const ended = await run("terminal-text", "--output", "json");
    expect(ended.stdout).not.toMatch(DANGEROUS);
    const result = parseResult(ended.stdout);
    const because = { reason: "fail failed", because: ["fail"], iterations: [] };
    const rootId = result.tasks[0]?.taskId;
    expect(result.notRun).toEqual([
      { name: "inner", displayName: "内側のパイプライン", scopePath: "root.inner", parentTaskId: rootId, ...because },
      { name: "deep", scopePath: "root.inner.deep", ...because },
    ]);
    expect(result.outputs.parameters).toEqual({ all: ["one\u{1b}[2J"] });
    expect(result.tasks.find(({ name }) => name === "for-loop-1")?.outputs.parameters).toEqual({ all: ["one\u{1b}[2J"] });
    expect(result.tasks.find(({ name }) => name === "say")).toMatchObject({
      displayName: "話す\u{1b}[2J",
      outputs: { parameters: { said: "one\u{1b}[2J" } },
    });
  });

  test.for<{ args: string[]; code: number; shown: string }>([
    { args: [], code: 0, shown: String.raw`\x1b[31mred\x1b[2J\x1b]0;pwn\x07: SUCCEEDED` },
    { args: ["--dry-run"], code: 0, shown: String.raw`  \x1b[31mred\x1b[2J\x1b]0;pwn\x07 (step` },
    { args: ["--output", "json"], code: 0, shown: String.raw`"name":"\u001b[31mred\u001b[2J\u001b]0;pwn\u0007"` },
    { args: ["--dry-run", "--output", "json"], code: 0, shown: String.raw`"\u001b[31mred` },
    { args: ["--param", "\u{1b}[2J=\u{9b}"], code: 2, shown: String.raw`"\x1b[2J"` },
  ])("escapes the names of tasks and parameters, $args", { timeout: 120_000 }, async ({ args, code, shown }) => {
    const ended = await run("names-with-escapes", ...args);
    expect(ended.code, ended.stderr).toBe(code);
    expect(`${ended.stderr}${ended.stdout}`).toContain(shown);
    expect(`${ended.stderr}${ended.stdout}`).not.toMatch(DANGEROUS);
  });

  test("lists what a cancelled run left out", { timeout: 120_000 }, async () => {
    let isSent = false;
    const args = [
      "run",
      fixture("cancelled-loop"),
      "--isolation",
      isolation,
      "--home",
      `cancelled-${isolation}`,
      "--output",
      "json",
    ];
    const ended = await runCli(programs, args, {
      cwd: folder,
      onStderr: (stderr, signal) => {
        if (isSent || !stderr.includes("| waiting")) return;
        isSent = true;
        signal("SIGINT");
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    const { notRun } = parseResult(ended.stdout);
    expect(notRun.map((task) => `${taskLabel(task)}: ${task.reason}`)).toEqual(
      ["inner", "inner.deep", "loop.next[0]", "loop.next[1]", "loop.wait[1]"].map((label) => `${label}: the run was cancelled`),
    );
    expect(notRun.every(({ because }) => because.length === 0)).toBe(true);
    expect(ended.stderr).toMatch(/^ {6}next\[1\] NOT RUN: the run was cancelled$/m);
  });

  test("lists a step that was blocked", { timeout: 120_000 }, async () => {
    const ended = await run("blocked-step-not-listed");
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/^ {4}sh-2 NOT RUN: sh failed$/m);
    expect(ended.stdout).toMatch(/^ {4}not run because of it: sh-2$/m);
    const { stdout } = await run("blocked-step-not-listed", "--output", "json");
    expect(parseResult(stdout).notRun).toMatchObject([{ name: "sh-2", reason: "sh failed", because: ["sh"] }]);
  });

  test("says nothing beyond what one step that ends well has to say", { timeout: 120_000 }, async () => {
    const ended = await run("one-step");
    expect(ended.code, ended.stderr).toBe(0);
    const text = steady(`${ended.stderr}${ended.stdout}`);
    expect(text.split("\n")).toEqual([
      ...["run ID of pipeline one", "note: the images of steps are not used: their commands run on this machine"],
      ...["s: step started", "s | hi", "s: SUCCEEDED (TIME)"],
      ...["", "Run ID: SUCCEEDED in TIME", "Tasks", "  root SUCCEEDED", "    s SUCCEEDED", ""],
    ]);
  });
});

const EVIL = "\u{1b}[2J\u{9b}31m\u{202e}";
test.for([
  { args: ["run", `${EVIL}.yaml`] },
  { args: [EVIL] },
  { args: ["run", "x.yaml", `--${EVIL}`] },
  { args: ["run", "x.yaml", "--isolation", EVIL] },
  { args: ["home", "--home", `h${EVIL}`] },
  { args: ["run", fixture("names-with-escapes"), "--home", `h${EVIL}`] },
])("control characters of the command line are shown escaped: $args", { timeout: 60_000 }, async ({ args }) => {
  const { stderr, stdout } = await runCli(programs, args, { cwd: folder });
  // The first of them may have been escaped by the parser already, as JSON.
  expect(`${stderr}${stdout}`).toMatch(/\\(?:x|u00)1b\[2J\\x9b31m\\u202e/);
  expect(`${stderr}${stdout}`).not.toMatch(DANGEROUS);
});

describe.skipIf(skipUnless(hasTerminals(), "runs on a terminal: needs python3 3.9 with pty"))("a run on a terminal", () => {
  const { PATH: searchPath = "" } = process.env;
  const environment = { PATH: `${path.dirname(process.execPath)}:${searchPath}`, TERM: "xterm-256color" };
  const run = (
    name: string,
    { columns = 40, env = {}, isolation = "in-process" }: { columns?: number; env?: Record<string, string>; isolation?: string },
  ) =>
    runOnTerminal(
      [
        path.join(programs.bin, "kfp-runtime"),
        "run",
        fixture(name),
        "--isolation",
        isolation,
        "--home",
        `terminal-${isolation}`,
        "--no-cache",
      ],
      { cwd: folder, env: { ...environment, ...env }, columns, rows: 24 },
    );
  /** Our own cursor movement and colours. */
  const OWN = /\u{1b}\[\d+A\r\u{1b}\[J|\u{1b}\[(?:0|1|2|3[1-4]|22|39)m/gu; // oxlint-disable-line no-control-regex

  test.for(isolations)("has our colours and movements and no others, isolation %s", { timeout: 120_000 }, async (isolation) => {
    const { code, screen } = await run("terminal-text", { isolation });
    expect(code).toBe(1);
    expect(screen).toContain("\u{1b}[31mFAILED\u{1b}[39m");
    expect(screen).toContain(String.raw`${"\u{1b}"}[32mgreen${"\u{1b}"}[0m \x1b[2Jone\x1b[2J`);
    expect(screen.replaceAll(OWN, "")).not.toMatch(DANGEROUS);
  });

  test("keeps live lines, tree and tables within its width", { timeout: 120_000 }, async () => {
    const columns = 30;
    const { screen } = await run("terminal-text", { columns });
    const lines = screen.replaceAll(OWN, "").split("\n");
    // A quick run may have none; their width is the subject of progress-display.test.ts.
    const live = lines.filter((line) => line.startsWith("RUNNING"));
    const tree = lines.slice(lines.indexOf("Tasks") + 1, lines.indexOf("Outputs"));
    expect(tree.join("\n")).toContain('inner "内側の');
    for (const line of [...live, ...tree]) expect(stringWidth(line), line).toBeLessThanOrEqual(columns);
  });

  test.for([{ NO_COLOR: "1" }, { TERM: "dumb" }])(
    "has no colours with %j, those of steps neither",
    { timeout: 120_000 },
    async (env) => {
      const { screen } = await run("terminal-text", { env });
      expect(screen).toContain(String.raw`| green \x1b[2Jone`);
      expect(screen).not.toMatch(/\u{1b}\[[\d;]*m/u); // oxlint-disable-line no-control-regex
      if ("TERM" in env) expect(screen).not.toMatch(DANGEROUS);
    },
  );
});
