/**
 * `driver agent` of a test cluster: one process at a time, as a deployment with one replica has it.
 *
 * @module
 */
import { startAgentProcess, type AgentProcess } from "../support/agent-process.ts";
import type { Programs } from "../support/built-programs.ts";

export interface ClusterAgent {
  /**
   * Ends the process and starts another one: a container that was killed is started again in its pod, after a SIGTERM there is another
   * pod.
   */
  restart(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Of the present process: health checks and metrics. */
  readonly statusPort: Promise<number>;
  stop(): Promise<void>;
}

export interface ClusterAgentOptions {
  readonly kubeconfig: string;
  /** Our API server. */
  readonly server: { readonly host: string; readonly port: number };
  readonly namespace: string;
  readonly onProblem: (message: string) => void;
}

export function startClusterAgent(programs: Programs, options: ClusterAgentOptions): ClusterAgent {
  const { kubeconfig, server, namespace, onProblem } = options;
  let pods = 0;
  let killed: AgentProcess | undefined;
  const start = (): AgentProcess => {
    const pod = `agent-${String(pods)}`;
    const agent = startAgentProcess(programs, { kubeconfig, server, pod, argv: ["--namespace", namespace] });
    agent.ended.then(
      (code) => {
        if (code !== 0 && agent !== killed) onProblem(`the agent ended with ${String(code)}: ${agent.log().slice(-2000)}`);
      },
      (error: unknown) => onProblem(`the agent does not start: ${String(error)}`),
    );
    return agent;
  };
  let agent = start();
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    if (signal === "SIGKILL") killed = agent;
    agent.kill(signal);
    await agent.ended;
  };
  return {
    async restart(signal) {
      await end(signal);
      if (signal === "SIGTERM") pods += 1;
      agent = start();
      // What it says of itself first.
      await agent.statusPort;
    },
    get statusPort() {
      return agent.statusPort;
    },
    stop: async () => await end("SIGTERM"),
  };
}
