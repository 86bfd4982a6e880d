/**
 * The process namespace of a pod whose containers share one: a container that does nothing holds it, as a kubelet's pause container does,
 * so that it is there before the first container and after the last.
 *
 * Standard: Kubernetes documentation, "Share Process Namespace between Containers in a Pod".
 *
 * @module
 */
import type { ContainerRuntime } from "./container-runtime.ts";

export interface PodProcesses {
  /** Name of the container that holds them. */
  readonly name: string;
  /** Ends every process of the pod. */
  stop(): Promise<void>;
}

/** The shell waits for whatever becomes its child, as the first process of a namespace has to. */
const COMMAND = ["sh", "-c", "while :; do sleep 60; done"];

/** @throws {Error} When the container does not start. */
export async function holdProcesses(
  runtime: ContainerRuntime,
  { name, image, logFile }: { readonly name: string; readonly image: string; readonly logFile: string },
): Promise<PodProcesses> {
  const request = {
    ...{ name, image, command: COMMAND, logFile, env: {}, mounts: [] },
    ...{ readOnlyRoot: true, dropsAllCapabilities: true, noNewPrivileges: true },
  };
  let ended = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    ended = runtime.run(request, resolve).then(({ exitCode, startProblem }) => {
      reject(new Error(`the processes of a pod cannot be shared: ${startProblem ?? `exit code ${String(exitCode)}`}`));
    });
  });
  return {
    name,
    async stop() {
      await runtime.signal(name, "SIGKILL");
      await ended;
    },
  };
}
