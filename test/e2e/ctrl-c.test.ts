/** Ctrl-C with real processes: everything ends in time, everything is recorded, the next run opens the database. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { cancelWideLoop } from "../support/cancelled-wide-loop.ts";
import { allEnded } from "../support/processes.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-ctrl-c-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pidsIn = (stderr: string): number[] => [...stderr.matchAll(/\| pid (\d+)/g)].map(([, pid]) => Number(pid));

const slow = join(root, "test/fixtures/slow.yaml");

describe.each(["in-process", "process"])("Ctrl-C, %s", (isolation) => {
  test("ends the run within 10 seconds, stubborn children included", { timeout: 120_000 }, async () => {
    const home = join(folder, `home-${isolation}`);
    let sentMs = 0;
    const ended = await runCli(programs, ["run", slow, "--home", home, "--isolation", isolation, "--output", "json"], {
      cwd: folder,
      onStderr: (stderr, signal) => {
        if (sentMs > 0 || pidsIn(stderr).length < 3) return;
        sentMs = Date.now();
        signal("SIGINT");
      },
    });
    expect(Date.now() - sentMs).toBeLessThan(10_000);
    expect(ended.code, ended.stderr).toBe(130);
    expect(await allEnded(pidsIn(ended.stderr))).toBe(true);
    const result = parseResult(ended.stdout);
    expect(result.state).toBe("FAILED");
    expect(statesOf(result)).toEqual({ root: "FAILED", obedient: "FAILED", stubborn: "FAILED" });
    expect(new Set(result.tasks.map(({ error }) => error))).toEqual(new Set(["cancelled by user"]));

    const next = await runCli(programs, ["run", join(root, "test/fixtures/pipelines/wide_loop.yaml"), "--home", home], {
      cwd: folder,
    });
    expect(next.code, next.stderr).toBe(0);
  });

  test("twice ends everything at once", { timeout: 120_000 }, async () => {
    const home = join(folder, `home-twice-${isolation}`);
    let sent = 0;
    let sentMs = 0;
    const ended = await runCli(programs, ["run", slow, "--home", home, "--isolation", isolation], {
      cwd: folder,
      onStderr: (stderr, signal) => {
        if (sent === 0 && pidsIn(stderr).length >= 3) {
          sent = 1;
          signal("SIGINT");
        } else if (sent === 1 && stderr.includes("cancelling")) {
          sent = 2;
          sentMs = Date.now();
          signal("SIGINT");
        }
      },
    });
    expect(ended.code).toBe(130);
    expect(Date.now() - sentMs).toBeLessThan(5000);
    expect(await allEnded(pidsIn(ended.stderr))).toBe(true);
    const next = await runCli(programs, ["run", join(root, "test/fixtures/pipelines/wide_loop.yaml"), "--home", home], {
      cwd: folder,
    });
    expect(next.code, next.stderr).toBe(0);
    expect(existsSync(join(home, "lock"))).toBe(false);
  });

  test("exit tasks clean up after it, and are told how the body ended", { timeout: 120_000 }, async () => {
    const pipeline = join(root, "test/fixtures/exit_after_cancel.yaml");
    const home = join(folder, `home-exit-${isolation}`);
    let sentMs = 0;
    const ended = await runCli(programs, ["run", pipeline, "--home", home, "--isolation", isolation, "--output", "json"], {
      cwd: folder,
      onStderr: (stderr, signal) => {
        if (sentMs > 0 || pidsIn(stderr).length < 1) return;
        sentMs = Date.now();
        signal("SIGINT");
      },
    });
    expect(Date.now() - sentMs).toBeLessThan(10_000);
    expect(ended.code, ended.stderr).toBe(130);
    const result = parseResult(ended.stdout);
    expect(result.state).toBe("FAILED");
    expect(statesOf(result)).toEqual({
      ...{ root: "FAILED", "exit-handler-1": "FAILED", "exit-handler-1.slow": "FAILED", finish: "SUCCEEDED" },
    });
    const [, told = ""] = /finish \| told (.*)/.exec(ended.stderr) ?? [];
    expect(JSON.parse(told)).toMatchObject({ state: "FAILED", error: { message: "cancelled by user" } });
    expect(await allEnded(pidsIn(ended.stderr))).toBe(true);
  });

  test.for(["SIGINT", "SIGTERM"] as const)(
    "%s in a wide loop begins nothing more and leaves no row open",
    { timeout: 180_000 },
    async (signal) => {
      const home = join(folder, `home-wide-${isolation}-${signal}`);
      expect(await cancelWideLoop(programs, { home, isolation, signal, steps: 5 })).toEqual([]);
    },
  );
});

describe("Ctrl-C while a Python environment is made", () => {
  test("blames nobody's machine", { timeout: 60_000 }, async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const python = join(bin, "python3");
    writeFileSync(python, `#!/bin/sh\n[ "$1" = -c ] && echo '["${python}", "3.12.1"]' && exit 0\nexec sleep 1000\n`);
    chmodSync(python, 0o755);
    const { PATH: path = "" } = process.env;
    let sentMs = 0;
    const pipeline = join(root, "examples/python-components/pipeline.yaml");
    const ended = await runCli(programs, ["run", pipeline, "--home", join(folder, "home-python"), "--output", "json"], {
      cwd: folder,
      env: { PATH: `${bin}:${dirname(process.execPath)}:${path}` },
      onStderr: (stderr, signal) => {
        if (sentMs > 0 || !stderr.includes("making a Python environment")) return;
        sentMs = Date.now();
        signal("SIGINT");
      },
    });
    expect(Date.now() - sentMs).toBeLessThan(10_000);
    expect(ended.code, ended.stderr).toBe(130);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", split: "FAILED" });
    expect(new Set(result.tasks.map(({ error }) => error))).toEqual(new Set(["cancelled by user"]));
    expect(ended.stderr).not.toMatch(/venv|Cannot make/);
  });
});
