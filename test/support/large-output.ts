/**
 * A step whose command writes as fast as it can, through the built launcher: what arrives on its standard output, what the log file
 * holds, and how much memory the launcher took.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { builtPrograms } from "./built-programs.ts";
import { plain } from "./launcher-pipelines.ts";
import { startLauncherWorld, stateOf } from "./launcher-world.ts";

export interface LargeOutput {
  readonly exitCode: number | null;
  readonly state: string;
  /** Digests of what the command writes, of what arrived, and of the published log. */
  readonly written: string;
  readonly arrived: string;
  readonly logged: string;
  readonly arrivedBytes: number;
  /** Largest resident set of the launcher. */
  readonly peakBytes: number;
  readonly stderr: string;
}

/** Runs inside a test: folders and server end with it. Numbered lines, so that nothing can be lost, doubled or swapped unseen. */
export async function runLargeOutput(sizeBytes: number): Promise<LargeOutput> {
  const { bin } = await builtPrograms();
  const world = await startLauncherWorld(plain);
  const row = await world.row(world.root, "say");
  const command = ["sh", "-c", `seq 1 1000000000 | head -c ${String(sizeBytes)}`];
  const log = { name: "executor-logs", uri: `${world.folder}/root/executor-logs`, type: { schemaTitle: "system.Artifact" } };
  const executorInput = { outputs: { artifacts: { "executor-logs": { artifacts: [log] } } } };
  const child = spawn(
    process.execPath,
    [
      ...[path.join(bin, "../lib/boot.cjs"), "launcher-v2", "--pipeline_name", "p", "--run_id", world.runId],
      ...["--task_id", row.taskId, "--parent_task_id", world.root.taskId, "--task_name", row.name],
      ...["--executor_input", JSON.stringify(executorInput), "--namespace", "ns", "--pod_name", "pod", "--pod_uid", "uid"],
      ...["--ml_pipeline_server_address", world.server.host, "--ml_pipeline_server_port", String(world.server.port)],
      ...["--publish_logs", "true", "--", ...command],
    ],
    {
      env: { PATH: process.env["PATH"], KFP_RETRY_INDEX: "0", KFP_TOKEN_PATH: "", KFP_MAX_LOG_SIZE: "2Gi" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let peakBytes = 0;
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${String(child.pid)}/status`, "utf8");
      peakBytes = Math.max(peakBytes, 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? "0"));
    } catch {
      // It has ended.
    }
  };
  const arrived = createHash("sha256");
  let arrivedBytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    arrivedBytes += chunk.length;
    arrived.update(chunk);
    look();
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    look();
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return {
    exitCode,
    state: stateOf(await world.task(row.taskId)),
    written: await digestOfCommand(command),
    arrived: arrived.digest("hex"),
    logged: await digestOfFile(findLog(world.folder)),
    arrivedBytes,
    peakBytes,
    stderr,
  };
}

/** The published log is named after the attempt. */
function findLog(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const [log] = files.filter(({ name, parentPath }) => path.join(parentPath, name).includes("executor-logs"));
  if (log === undefined) throw new Error(`there is no log among ${files.map(({ name }) => name).join(", ")}`);
  return path.join(log.parentPath, log.name);
}

async function digestOfCommand([program = "", ...args]: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}
