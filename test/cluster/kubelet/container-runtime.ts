/**
 * What the kubelet needs of a container runtime.
 *
 * @module
 */

export interface ContainerMount {
  /** Absolute, in the container. */
  readonly inside: string;
  /** Absolute, of this machine. */
  readonly outside: string;
  readonly readOnly: boolean;
}

export interface ContainerRequest {
  /** Of the runtime: unique on this machine. */
  readonly name: string;
  readonly image: string;
  /** In the place of the image's entry point; absent: that one. */
  readonly command?: readonly string[];
  /** In the place of the image's arguments; absent: those, unless there is a command. */
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  readonly user?: number;
  readonly group?: number;
  readonly workingDir?: string;
  readonly readOnlyRoot: boolean;
  readonly dropsAllCapabilities: boolean;
  readonly noNewPrivileges: boolean;
  readonly memoryBytes?: number;
  readonly cpus?: number;
  /** Name of a running container whose processes it shares; absent: it sees its own alone. */
  readonly processesOf?: string;
  /** File that the output of the container is appended to. */
  readonly logFile: string;
}

export interface ContainerEnd {
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  /** Why the container did not start. */
  readonly startProblem?: string;
}

export interface ImageFacts {
  /** As the image says it; empty: root. */
  readonly user: string;
}

export interface ContainerRuntime {
  /** @returns Undefined when there is no such image here and none can be had. */
  findImage(image: string): Promise<ImageFacts | undefined>;
  /** Runs a container to its end, and tells when its program has started. Never throws. */
  run(request: ContainerRequest, onStarted: () => void): Promise<ContainerEnd>;
  /** Sends a signal to the first process of a container that may have ended. */
  signal(name: string, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  exec(name: string, command: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Takes what is left of containers that have ended. */
  remove(names: readonly string[]): Promise<void>;
}
