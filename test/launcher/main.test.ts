/** The program as a process: real arguments, environment, streams and signals. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { artifactsOf, startLauncherWorld, stateOf, type LauncherWorld } from "../support/launcher-world.ts";
import { plain } from "../support/launcher-pipelines.ts";
import type { PipelineTask } from "../../src/core/kfp-types.ts";
import { skipUnless } from "../support/skip.ts";

const main = fileURLToPath(new URL("../../src/launcher/main.ts", import.meta.url));
const stripsTypes = process.features.typescript !== false;

function start(argv: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...argv], {
    env: { PATH: process.env["PATH"], KFP_RETRY_INDEX: "0", KFP_TOKEN_PATH: "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  const ended = once(child, "close").then(([exitCode, signal]: unknown[]) => ({ exitCode, signal, ...text }));
  const said = async (word: string): Promise<void> => {
    while (!text.stdout.includes(word)) await once(child.stdout, "data");
  };
  return { child, ended, said };
}

function containerFlags(world: LauncherWorld, row: PipelineTask, executorInput: object): string[] {
  return [
    ...["--pipeline_name", "p", "--run_id", world.runId, "--task_id", row.taskId, "--parent_task_id", world.root.taskId],
    ...["--task_name", row.name, "--executor_input", JSON.stringify(executorInput), "--namespace", "ns"],
    ...["--pod_name", "pod", "--pod_uid", "uid", "--ml_pipeline_server_address", world.server.host],
    ...["--ml_pipeline_server_port", String(world.server.port), "--"],
  ];
}

function logInput(folder: string): object {
  const log = { name: "executor-logs", uri: `${folder}/root/executor-logs`, type: { schemaTitle: "system.Artifact" } };
  return { outputs: { artifacts: { "executor-logs": { artifacts: [log] } } } };
}

/** A killed process stays visible until whoever inherited it has looked; it does not run any more. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe.skipIf(skipUnless(stripsTypes, "this Node cannot run TypeScript sources, so the launcher is not started as a process"))(
  "launcher-v2, the process",
  () => {
    test.for([
      { argv: ["--version"], exitCode: 0, stdout: /^launcher-v2 / },
      { argv: ["--iteration_index", "x"], exitCode: 2, stderr: /invalid value/ },
      { argv: ["--nope"], exitCode: 1, stderr: /--pipeline_name is required/ },
    ])("$argv", async ({ argv, exitCode, stdout = /^$/, stderr = /^$/ }) => {
      const outcome = await start(argv).ended;
      expect(outcome.exitCode).toBe(exitCode);
      expect(outcome.stdout).toMatch(stdout);
      expect(outcome.stderr).toMatch(stderr);
    });

    test("a step names its API server, passes streams and exit code through, and shows its user none of our own variables (LAU-1)", async () => {
      const world = await startLauncherWorld(plain);
      const row = await world.row(world.root, "say");
      const command = ["sh", "-c", 'echo "out $GREETING ${KFP_LAUNCHER_STASH-none}"; echo err >&2; exit 9'];
      const { ended } = start([...containerFlags(world, row, logInput(world.folder)), ...command], {
        GREETING: "$ hi",
        KFP_LAUNCHER_STASH: "1",
        KFP_LAUNCHER_STASH_NODE_NAME: "n",
      });
      const outcome = await ended;
      expect(outcome).toMatchObject({ exitCode: 9, signal: null, stdout: "out $ hi none\n" });
      expect(outcome.stderr).toMatch(/^INFO \S+ launcher-v2 starts .*\n/);
      expect(outcome.stderr).toMatch(/\nerr\n/);
      const endpoint = `${world.server.host}:${world.server.port}`;
      expect(outcome.stderr).toMatch(new RegExp(`\nINFO \\S+ API server endpoint="?${endpoint}"? tls=false\n`));
      const task = await world.task(row.taskId);
      expect(stateOf(task)).toBe("FAILED");
      expect(artifactsOf(task)).toHaveLength(1);
    });

    test("SIGTERM reaches the command; state and log are saved", async () => {
      const world = await startLauncherWorld(plain);
      const row = await world.row(world.root, "say");
      const { child, ended, said } = start([
        ...containerFlags(world, row, logInput(world.folder)),
        ...[
          process.execPath,
          "-e",
          'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000); console.log("up")',
        ],
      ]);
      await said("up");
      child.kill("SIGTERM");
      expect(await ended).toMatchObject({ exitCode: 143, signal: null });
      const task = await world.task(row.taskId);
      expect(task.statusMetadata?.message).toMatch(/told to stop by SIGTERM/);
      expect(artifactsOf(task)).toHaveLength(1);
    });

    test.for(["SIGUSR1", "SIGUSR2"] as const)("%s reaches the command and stops nothing", async (name, { expect }) => {
      const world = await startLauncherWorld(plain);
      const row = await world.row(world.root, "say");
      const { child, ended, said } = start([
        ...containerFlags(world, row, {}),
        ...["sh", "-c", `trap 'exit 6' ${name.slice(3)}; echo up; while :; do sleep 0.05; done`],
      ]);
      await said("up");
      child.kill(name);
      const outcome = await ended;
      expect(outcome).toMatchObject({ exitCode: 6, signal: null });
      expect(outcome.stderr).not.toContain("Debugger listening");
    });

    const stubborn = [
      ...[process.execPath, "-e"],
      'process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1000); console.log("up", process.pid)',
    ];

    test("a second signal of a keyboard ends the process at once, and the command with it", async () => {
      const world = await startLauncherWorld(plain);
      const row = await world.row(world.root, "say");
      const { child, ended, said } = start([...containerFlags(world, row, {}), ...stubborn]);
      await said("up");
      child.kill("SIGTERM");
      await said("no");
      child.kill("SIGINT");
      child.kill("SIGQUIT");
      const { exitCode, stdout } = await ended;
      // Which of the two comes first is nobody's promise.
      expect([130, 131]).toContain(exitCode);
      const pid = Number(/up (\d+)/.exec(stdout)?.[1]);
      await expect.poll(() => isRunning(pid)).toBe(false);
    });

    test(
      "SIGTERM again and again, as Argo and a kubelet send it, hurries nothing: the end is recorded",
      { timeout: 60_000 },
      async () => {
        const world = await startLauncherWorld(plain);
        const row = await world.row(world.root, "say");
        const { child, ended, said } = start([...containerFlags(world, row, logInput(world.folder)), ...stubborn]);
        await said("up");
        child.kill("SIGTERM");
        await said("no");
        // An image may name SIGINT as the signal that stops it.
        for (const name of ["SIGTERM", "SIGHUP", "SIGINT", "SIGTERM"] as const) child.kill(name);
        expect(await ended).toMatchObject({ exitCode: 143, signal: null });
        const task = await world.task(row.taskId);
        expect(stateOf(task)).toBe("FAILED");
        expect(task.statusMetadata?.message).toMatch(/told to stop by SIGTERM/);
        expect(artifactsOf(task)).toHaveLength(1);
      },
    );
  },
);
