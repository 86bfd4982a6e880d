/** A machine that hides its processes: an empty /proc, which ps needs as well. What is asked for works, and what is weaker is said once. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type CliOptions, type CliRun, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { allEnded } from "../support/processes.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";
import { startServing } from "../support/serving.ts";

const HIDE = 'mount -t tmpfs none /proc || exit 99; exec "$@"';
const hiding = ["unshare", "--mount", "--propagation", "private", "sh", "-c", HIDE, "sh"];
const canHide = spawnSync(hiding[0] as string, [...hiding.slice(1), "true"]).status === 0;
const pipelineOf = (name: string): string => join(root, "test/fixtures", `${name}.yaml`);
const pidsIn = (stderr: string): number[] => [...stderr.matchAll(/\| pid (\d+)/g)].map(([, pid]) => Number(pid));
const NOTICE = /this machine does not tell of its processes \(no \/proc, and ps does not answer\)/g;

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-no-proc-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function withoutProc(args: readonly string[], options: Partial<CliOptions> = {}): Promise<CliRun> {
  return runCli(programs, args, { cwd: folder, through: hiding, ...options });
}

describe.skipIf(skipUnless(canHide, "hiding /proc needs unshare and the right to mount"))("without /proc", () => {
  test.for(["in-process", "process"])("a run succeeds and says what is weaker, once, %s", async (isolation) => {
    const args = ["run", pipelineOf("pipelines/wide_loop"), "--home", `run-${isolation}`, "--isolation", isolation];
    const ended = await withoutProc([...args, "--output", "json"]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(parseResult(ended.stdout).outputs.parameters["Output"]).toEqual([0, 1, 2]);
    expect(ended.stderr.match(NOTICE)).toHaveLength(1);
  });

  test("Ctrl-C, twice, ends the steps and what they have started in their groups", async () => {
    let pressed = 0;
    const ended = await withoutProc(["run", pipelineOf("slow"), "--home", "slow"], {
      onStderr: (stderr, signal) => {
        if (pressed === 0 && pidsIn(stderr).length === 3) {
          pressed = 1;
          signal("SIGINT");
        } else if (pressed === 1 && stderr.includes("cancelling:")) {
          pressed = 2;
          signal("SIGINT");
        }
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    expect(await allEnded(pidsIn(ended.stderr))).toBe(true);
  });

  test("a home that a living process holds is not taken from it", async () => {
    const home = join(folder, "held");
    const serving = await startServing(programs, home);
    try {
      const ended = await withoutProc(["home", "clear", "--home", home]);
      expect(ended.code, ended.stdout).toBe(1);
      expect(ended.stderr).toContain(`process ${serving.pid} on ${hostname()} has been using it since`);
    } finally {
      await serving.end("SIGTERM");
    }
  });
});
