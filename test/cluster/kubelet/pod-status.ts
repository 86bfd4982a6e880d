/**
 * The status of a pod from the states of its containers.
 *
 * Standard: Kubernetes documentation, "Pod Lifecycle".
 *
 * @module
 */
import type { JsonObject } from "../../../src/core/values/value.ts";

export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly message?: string }
  | { readonly kind: "running"; readonly startedAt: string }
  | {
      readonly kind: "terminated";
      readonly exitCode: number;
      readonly reason: string;
      readonly message?: string;
      readonly startedAt: string;
      readonly finishedAt: string;
    };

export interface ContainerRecord {
  readonly name: string;
  readonly image: string;
  readonly state: ContainerState;
}

/** Why a pod has failed as a whole, such as DeadlineExceeded. */
export interface PodFailure {
  readonly reason: string;
  readonly message: string;
}

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

export interface PodRecord {
  readonly startTime: string;
  readonly initContainers: readonly ContainerRecord[];
  readonly containers: readonly ContainerRecord[];
  readonly failure?: PodFailure;
}

/** For pods whose containers are never started again. */
export function podPhase({ initContainers, containers, failure }: PodRecord): PodPhase {
  if (failure !== undefined) return "Failed";
  if (initContainers.some(({ state }) => state.kind === "terminated" && state.exitCode !== 0)) return "Failed";
  if (initContainers.some(({ state }) => state.kind !== "terminated")) return "Pending";
  const states = containers.map(({ state }) => state);
  if (states.every((state) => state.kind === "terminated"))
    return states.every((state) => state.exitCode === 0) ? "Succeeded" : "Failed";
  return states.some(({ kind }) => kind !== "waiting") ? "Running" : "Pending";
}

export function podStatus(record: PodRecord): JsonObject {
  const phase = podPhase(record);
  const isReady = phase === "Running" && record.containers.every(({ state }) => state.kind === "running");
  const isInitialized = record.initContainers.every(({ state }) => state.kind === "terminated" && state.exitCode === 0);
  const condition = (type: string, holds: boolean): JsonObject => ({ type, status: holds ? "True" : "False" });
  return {
    phase,
    startTime: record.startTime,
    hostIP: "127.0.0.1",
    podIP: "127.0.0.1",
    podIPs: [{ ip: "127.0.0.1" }],
    ...(record.failure === undefined ? {} : { ...record.failure }),
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", isInitialized),
      condition("ContainersReady", isReady),
      condition("Ready", isReady),
    ],
    initContainerStatuses: record.initContainers.map(containerStatus),
    containerStatuses: record.containers.map(containerStatus),
  };
}

function containerStatus({ name, image, state }: ContainerRecord): JsonObject {
  const { kind, ...facts } = state;
  const isDone = kind === "terminated" && state.exitCode === 0;
  return {
    ...{ name, image, imageID: image, restartCount: 0 },
    ready: kind === "running" || isDone,
    started: kind === "running",
    state: { [kind]: { ...facts } },
  };
}
