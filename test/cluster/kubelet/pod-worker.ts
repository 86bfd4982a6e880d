/**
 * One pod from its folders to its end: init containers one after the other, then the others together, their states told as they change;
 * it ends early when it is deleted or over its deadline.
 *
 * Containers are never started again: Argo's pods have the restart policy Never.
 *
 * Standard: Kubernetes documentation, "Pod Lifecycle", "Termination of Pods", "Init Containers".
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { IContainer } from "kubernetes-models/v1";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { exists } from "../../../src/node/files/path-kind.ts";
import { timeText } from "../kube-api/object-store.ts";
import { containerRequest, type NodeFacts } from "./container-request.ts";
import type { ContainerEnd, ContainerRuntime } from "./container-runtime.ts";
import { NotReadyError, type Pod } from "./pod-objects.ts";
import { holdProcesses, type PodProcesses } from "./pod-processes.ts";
import { openFolder } from "./pod-volumes.ts";
import { podPhase, podStatus, type ContainerState, type PodFailure, type PodRecord } from "./pod-status.ts";

export interface PodWorkerDeps {
  readonly runtime: ContainerRuntime;
  readonly now: () => Date;
  /** Ends early, without an error, when the signal is aborted. */
  readonly delay: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Called until it makes the volumes. @throws {NotReadyError} */
  readonly prepare: (pod: Pod) => Promise<Pick<NodeFacts, "volumes" | "serviceAccountFolder">>;
  readonly node: Pick<NodeFacts, "apiServer" | "sources">;
  readonly containerName: (pod: Pod, container: string) => string;
  /** Image with a shell, for the container that holds the processes of a pod whose containers share them. */
  readonly pauseImage: string;
  readonly logFile: (pod: Pod, container: string) => string;
  readonly report: (pod: Pod, status: JsonObject) => void;
}

/** What the containers of a pod are made with. */
type Prepared = Pick<NodeFacts, "volumes" | "serviceAccountFolder" | "processesOf">;

/** No container of a pod can have this name. */
const PAUSE = "_pause";
/** How often a kubelet looks again for what is missing; the real one's pauses grow. */
const RETRY_MS = 500;
const DEADLINE: PodFailure = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

export class PodWorker {
  readonly #deps: PodWorkerDeps;
  readonly #pod: Pod;
  readonly #states: Map<string, ContainerState>;
  readonly #startTime: string;
  readonly #stopping = new AbortController();
  readonly #killing = new AbortController();
  readonly #ended = new AbortController();
  #failure: PodFailure | undefined;

  constructor(deps: PodWorkerDeps, pod: Pod) {
    this.#deps = deps;
    this.#pod = pod;
    this.#startTime = timeText(deps.now());
    const { initContainers = [], containers } = pod.podSpec;
    const waiting: ContainerState = { kind: "waiting", reason: "PodInitializing" };
    this.#states = new Map([...initContainers, ...containers].map(({ name }) => [name, waiting]));
  }

  /** Resolves when no container of the pod runs any more. */
  async run(): Promise<void> {
    const { initContainers = [], containers, activeDeadlineSeconds, shareProcessNamespace = false } = this.#pod.podSpec;
    const { signal: ended } = this.#ended;
    let processes: PodProcesses | undefined;
    if (activeDeadlineSeconds !== undefined) void this.#failAfter(activeDeadlineSeconds * 1000);
    try {
      this.#report();
      const made = await this.#untilReady(initContainers[0] ?? containers[0], () => this.#deps.prepare(this.#pod));
      if (made === undefined) return;
      if (shareProcessNamespace) processes = await this.#holdProcesses();
      const prepared: Prepared = { ...made, ...(processes === undefined ? {} : { processesOf: processes.name }) };
      for (const container of initContainers) {
        const state = await this.#runContainer(container, prepared);
        if (state?.kind !== "terminated" || state.exitCode !== 0) return;
      }
      await Promise.all(containers.map((container) => this.#runContainer(container, prepared)));
    } finally {
      await processes?.stop();
      this.#ended.abort();
      if (ended.aborted) this.#report();
    }
  }

  /** Sends SIGTERM to what runs, after the grace period SIGKILL. A second call can only shorten the period. */
  stop(graceSeconds: number): void {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort();
      this.#signalRunning("SIGTERM");
    }
    void this.#deps.delay(graceSeconds * 1000, this.#ended.signal).then(() => {
      if (this.#ended.signal.aborted || this.#killing.signal.aborted) return;
      this.#killing.abort();
      this.#signalRunning("SIGKILL");
    });
  }

  get phase(): string {
    return podPhase(this.#record());
  }

  async #failAfter(milliseconds: number): Promise<void> {
    await this.#deps.delay(milliseconds, this.#ended.signal);
    if (this.#ended.signal.aborted) return;
    this.#failure = DEADLINE;
    this.#report();
    this.stop(this.#pod.podSpec.terminationGracePeriodSeconds ?? 30);
  }

  async #holdProcesses(): Promise<PodProcesses> {
    const { runtime, containerName, logFile, pauseImage } = this.#deps;
    const log = logFile(this.#pod, PAUSE);
    await mkdir(path.dirname(log), { recursive: true });
    return await holdProcesses(runtime, { name: containerName(this.#pod, PAUSE), image: pauseImage, logFile: log });
  }

  async #runContainer(container: IContainer, prepared: Prepared): Promise<ContainerState | undefined> {
    const { runtime, containerName, logFile, now, node } = this.#deps;
    const request = await this.#untilReady(container, async () => {
      const image = await runtime.findImage(container.image ?? "");
      if (image === undefined) {
        const before = this.#states.get(container.name);
        const isFirst = before?.kind !== "waiting" || !/Image/.test(before.reason);
        const text = `failed to pull image "${container.image ?? ""}": not found`;
        if (isFirst) throw new NotReadyError("ErrImagePull", text);
        throw new NotReadyError("ImagePullBackOff", `Back-off pulling image "${container.image ?? ""}": ${text}`);
      }
      return containerRequest(this.#pod, container, image, {
        ...node,
        ...prepared,
        containerName: containerName(this.#pod, container.name),
        logFile: logFile(this.#pod, container.name),
      });
    });
    if (request === undefined) return undefined;
    await mkdir(path.dirname(request.logFile), { recursive: true });
    for (const { outside } of request.mounts) if (!(await exists(outside))) await openFolder(outside);
    let startedAt = timeText(now());
    this.#setState(container.name, { kind: "waiting", reason: "ContainerCreating" });
    const end = await runtime.run(request, () => {
      startedAt = timeText(now());
      this.#setState(container.name, { kind: "running", startedAt });
    });
    const state = terminated(end, startedAt, timeText(now()));
    this.#setState(container.name, state);
    return state;
  }

  /** @returns Undefined when the pod is to stop. */
  async #untilReady<Result>(container: IContainer | undefined, attempt: () => Promise<Result>): Promise<Result | undefined> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotReadyError)) throw error;
        if (container !== undefined)
          this.#setState(container.name, { kind: "waiting", reason: error.reason, message: error.message });
      }
      await this.#deps.delay(RETRY_MS, signal);
    }
    return undefined;
  }

  #signalRunning(signal: "SIGTERM" | "SIGKILL"): void {
    for (const [name, { kind }] of this.#states) {
      if (kind === "running") void this.#deps.runtime.signal(this.#deps.containerName(this.#pod, name), signal);
    }
  }

  #setState(name: string, state: ContainerState): void {
    this.#states.set(name, state);
    // One that started when the signals had been sent gets its own.
    if (state.kind === "running" && this.#stopping.signal.aborted)
      this.#signalRunning(this.#killing.signal.aborted ? "SIGKILL" : "SIGTERM");
    this.#report();
  }

  #record(): PodRecord {
    const { initContainers = [], containers } = this.#pod.podSpec;
    const records = (some: readonly IContainer[]): PodRecord["containers"] =>
      some.map(({ name, image = "" }) => ({ name, image, state: this.#states.get(name)! }));
    return {
      startTime: this.#startTime,
      initContainers: records(initContainers),
      containers: records(containers),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }

  #report(): void {
    this.#deps.report(this.#pod, podStatus(this.#record()));
  }
}

function terminated(
  { exitCode, isOutOfMemory, startProblem }: ContainerEnd,
  startedAt: string,
  finishedAt: string,
): ContainerState {
  if (startProblem !== undefined)
    return { kind: "terminated", exitCode: 128, reason: "StartError", message: startProblem, startedAt, finishedAt };
  const reason = isOutOfMemory ? "OOMKilled" : exitCode === 0 ? "Completed" : "Error";
  return { kind: "terminated", exitCode, reason, startedAt, finishedAt };
}
