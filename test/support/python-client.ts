/** The SDK's own client and command line, against `kfp-runtime serve`. @module */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms, type Programs } from "./built-programs.ts";
import { root } from "./probe.ts";
import { canInstallSdk } from "./python-sdk.ts";
import { startServing, type Serving } from "./serving.ts";
import { skipUnless } from "./skip.ts";

/** What drive.py says when it has come to its end. */
const SECTIONS = ["healthz", "experiments", "pipelines", "archives", "errors", "runs", "termination", "retry", "recurring_runs"];

/** Without the settings of this machine that would lead the client elsewhere. */
function startPython(environment: string, args: readonly string[], cwd: string): ChildProcessWithoutNullStreams {
  return spawn(path.join(environment, "bin/python"), args, {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, NO_PROXY: "*", PYTHONWARNINGS: "ignore" },
  });
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runPython(environment: string, args: readonly string[], cwd: string): Promise<Ended> {
  const child = startPython(environment, args, cwd);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

/** The command line of the SDK, call by call; the answer is what it printed. */
function startCommandLine(environment: string, cwd: string): (args: readonly string[]) => Promise<string> {
  const child = startPython(environment, [path.join(root, "test/fixtures/client/command_line.py")], cwd);
  child.stderr.resume();
  onTestFinished(() => void child.kill("SIGKILL"));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (args) => {
    child.stdin.write(`${JSON.stringify(args)}\n`);
    const { value = "{}" } = (await answers.next()) as { value?: string };
    const { code, output } = JSON.parse(value) as { code?: number; output?: string };
    expect(code, `kfp ${args.join(" ")}: ${output}`).toBe(0);
    return output ?? "";
  };
}

/** Declares the tests for one version. @param servers Options of the servers that it drives. */
export function testPythonClient(version: string, servers: readonly (readonly string[])[]): void {
  const requirement = `kfp==${version}`;
  const isSkipped = skipUnless(
    canInstallSdk(requirement),
    `the client of ${requirement}: needs python3 3.11 with venv and a package index`,
  );

  describe.skipIf(isSkipped)(`the client of ${requirement}`, () => {
    let programs: Programs;
    let folder = "";
    let environment = "";
    beforeAll(async () => {
      programs = await builtPrograms();
      folder = mkdtempSync(path.join(tmpdir(), "kfp-client-"));
      environment = environmentWith([requirement]);
    }, 600_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    async function serving(name: string, args: readonly string[] = []): Promise<Serving> {
      const server = await startServing(programs, path.join(folder, name), args);
      onTestFinished(async () => void (await server.end("SIGKILL")));
      return server;
    }

    const gate = path.join(root, "test/fixtures/gate.yaml");
    const drive = path.join(root, "test/fixtures/client/drive.py");

    test.for(servers.map((args) => [args] as const))(
      "drives kfp-runtime serve %j end to end",
      { timeout: 300_000 },
      async ([args]) => {
        const name = `home${args.length}`;
        const server = await serving(name, args);
        const files = path.join(folder, `files-${name}`);
        mkdirSync(files);
        const token = server.tokenFile === undefined ? [] : [readFileSync(server.tokenFile, "utf8").trim()];
        const ended = await runPython(environment, [drive, server.rest.url, gate, files, ...token], folder);
        expect(ended.code, `${ended.stdout}\n${ended.stderr}\n${server.log()}`).toBe(0);
        expect([...ended.stdout.matchAll(/^ok (\w+)$/gm)].map(([, section]) => section)).toEqual([...SECTIONS, "all"]);
        expect(server.log()).not.toMatch(/ failed: |this should not have happened/);
      },
    );

    test("works as the command kfp", { timeout: 300_000 }, async () => {
      const server = await serving("cli");
      const shouting = path.join(root, "test/fixtures/client/shouting.yaml");
      const call = startCommandLine(environment, folder);
      const kfp = (...args: string[]): Promise<string> => call(["--endpoint", server.rest.url, "--output", "json", ...args]);
      const json = async <Shape>(...args: string[]): Promise<Shape> => {
        const text = await kfp(...args);
        return JSON.parse(text.slice(text.search(/^[[{]/m), text.search(/^[\]}]/m) + 1)) as Shape;
      };
      await kfp("experiment", "create", "by hand");
      const experiments = await json<{ display_name: string; experiment_id: string }[]>("experiment", "list");
      const { experiment_id: experimentId = "" } = experiments.find(({ display_name: name }) => name === "by hand") ?? {};
      expect(await json("experiment", "get", experimentId)).toMatchObject({ display_name: "by hand" });

      const { pipeline_id: pipelineId } = await json<{ pipeline_id: string }>("pipeline", "create", "-p", "loud", shouting);
      await kfp("pipeline", "create-version", shouting, "-v", "louder", "-p", pipelineId);
      const versions = await json<{ display_name: string; pipeline_version_id: string }[]>(
        "pipeline",
        "list-versions",
        pipelineId,
      );
      expect(versions.map(({ display_name: name }) => name).toSorted()).toEqual(["loud", "louder"]);
      expect(await json("pipeline", "get", pipelineId)).toMatchObject({ display_name: "loud" });
      expect(await json("pipeline", "list")).toHaveLength(1);

      const watched = await kfp("run", "create", "-e", "by hand", "-r", "first", "-f", shouting, "-w", "text=hi");
      expect(watched).toContain("Run is finished with state SUCCEEDED.");
      const [run] = await json<{ run_id: string; display_name: string }[]>("run", "list", "-e", experimentId);
      expect(run?.display_name).toBe("first");
      const runId = run?.run_id ?? "";
      await kfp("run", "archive", runId);
      expect(await json("run", "get", runId)).toMatchObject({ storage_state: "ARCHIVED", state: "SUCCEEDED" });
      await kfp("run", "unarchive", runId);
      await kfp("run", "delete", runId);
      expect(await kfp("run", "list", "-e", experimentId)).not.toContain(runId);

      const created = ["--experiment-id", experimentId, "--job-name", "nightly", "--cron-expression", "0 0 3 * * *"];
      await kfp("recurring-run", "create", ...created, "--pipeline-package-path", shouting, "text=again");
      const [job] = await json<{ recurring_run_id: string }[]>("recurring-run", "list");
      const jobId = job?.recurring_run_id ?? "";
      await kfp("recurring-run", "disable", jobId);
      expect(await json("recurring-run", "get", jobId)).toMatchObject({ status: "DISABLED" });
      await kfp("recurring-run", "enable", jobId);
      await kfp("recurring-run", "delete", jobId);

      for (const { pipeline_version_id: id } of versions) await kfp("pipeline", "delete-version", pipelineId, id);
      await kfp("pipeline", "delete", pipelineId);
      expect(await kfp("pipeline", "list")).not.toContain(pipelineId);
      await kfp("experiment", "archive", "--experiment-id", experimentId);
      await kfp("experiment", "delete", experimentId);
    });
  });
}
