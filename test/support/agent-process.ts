/**
 * `driver agent` as a process.
 *
 * @module
 */
import { spawn } from "node:child_process";
import path from "node:path";
import type { Programs } from "./built-programs.ts";

export interface AgentProcess {
  readonly pid: number | undefined;
  /** What it has written so far. */
  log(): string;
  /** Port of health checks and metrics; rejects when it ends before it says so. */
  readonly statusPort: Promise<number>;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
  /** Its exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
}

export interface AgentProcessOptions {
  readonly kubeconfig: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly argv?: readonly string[];
  readonly pod?: string;
  /** Beside what it needs to work. */
  readonly env?: Readonly<Record<string, string>>;
}

export function startAgentProcess(
  { bin }: Programs,
  { kubeconfig, server, argv = [], pod = "agent-0", env = {} }: AgentProcessOptions,
): AgentProcess {
  const flags = {
    "--ml_pipeline_server_address": server.host,
    "--ml_pipeline_server_port": String(server.port),
    "--status_address": "127.0.0.1:0",
  };
  const child = spawn(path.join(bin, "driver"), ["agent", ...Object.entries(flags).flat(), ...argv], {
    env: {
      ...{ PATH: process.env["PATH"], KUBECONFIG: kubeconfig },
      ...env,
      ...{ KFP_POD_NAME: pod, KFP_POD_UID: `uid-of-${pod}`, NAMESPACE: "kubeflow" },
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  let onPort: (port: number) => void = () => undefined;
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
    const [, port] = /Health checks and metrics port=(\d+)/.exec(log) ?? [];
    if (port !== undefined) onPort(Number(port));
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const statusPort = new Promise<number>((resolve, reject) => {
    onPort = resolve;
    ended.then(() => reject(new Error(`the agent ended: ${log.slice(-2000)}`)), reject);
  });
  statusPort.catch(() => undefined);
  return { pid: child.pid, log: () => log, statusPort, kill: (signal) => void child.kill(signal), ended };
}
