/**
 * Argo's controller as a process of this machine.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { NAMESPACE } from "./cluster-objects.ts";

export interface ArgoControllerOptions {
  /** Of the program. */
  readonly controller: string;
  readonly executorImage: string;
  readonly kubeconfig: string;
  /** Takes its log, `controller.log`. */
  readonly folder: string;
  readonly onProblem: (message: string) => void;
}

/** A pod that is gone sooner after its node has started is made once more; Argo's own default, 10 s, is less than a busy machine takes. */
export const RECENTLY_STARTED_S = 60;
const STOP_TIMEOUT_MS = 10_000;

/** @returns Stops it. */
export function startArgoController(options: ArgoControllerOptions): () => Promise<void> {
  const { controller, executorImage, kubeconfig, folder, onProblem } = options;
  const log = openSync(path.join(folder, "controller.log"), "a");
  const args = ["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--executor-image", executorImage];
  const child = spawn(controller, args, {
    env: {
      ...{ PATH: process.env["PATH"], HOME: folder, TZ: "UTC" },
      ...{ LEADER_ELECTION_DISABLE: "true", DEFAULT_REQUEUE_TIME: "1s" },
      RECENTLY_STARTED_POD_DURATION: `${String(RECENTLY_STARTED_S)}s`,
    },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let isStopping = false;
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      onProblem(`Argo's controller does not start: ${error.message}`);
      resolve();
    });
    child.once("close", (code) => {
      if (!isStopping) onProblem(`Argo's controller ended with ${String(code)}`);
      resolve();
    });
  });
  return async () => {
    isStopping = true;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  };
}
