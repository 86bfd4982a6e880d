import { describe, test } from "vitest";
import { podPhase, podStatus, type ContainerState } from "./pod-status.ts";

const time = "2026-08-01T12:00:00Z";
const waiting: ContainerState = { kind: "waiting", reason: "PodInitializing" };
const running: ContainerState = { kind: "running", startedAt: time };
const ended = (exitCode: number): ContainerState => ({
  ...{ kind: "terminated", exitCode, reason: exitCode === 0 ? "Completed" : "Error", startedAt: time, finishedAt: time },
});
const record = (init: readonly ContainerState[], main: readonly ContainerState[]) => ({
  startTime: time,
  initContainers: init.map((state, index) => ({ name: `init-${String(index)}`, image: "i", state })),
  containers: main.map((state, index) => ({ name: `main-${String(index)}`, image: "i", state })),
});

describe("podPhase()", () => {
  test.for([
    ["an init container waits", [waiting], [waiting], "Pending"],
    ["an init container runs", [running], [waiting], "Pending"],
    ["init containers are over", [ended(0)], [waiting], "Pending"],
    ["an init container failed", [ended(1)], [waiting], "Failed"],
    ["one container runs", [ended(0)], [running, waiting], "Running"],
    ["one container is over", [ended(0)], [running, ended(0)], "Running"],
    ["one container failed, another runs", [], [running, ended(1)], "Running"],
    ["one container waits for its image, another is over", [], [waiting, ended(0)], "Running"],
    ["all are over", [ended(0)], [ended(0), ended(0)], "Succeeded"],
    ["all are over, one failed", [ended(0)], [ended(0), ended(137)], "Failed"],
  ] as const)("%s", ([, init, main, expected], { expect }) => {
    expect(podPhase(record(init, main))).toBe(expected);
  });

  test("a pod that failed as a whole has failed, whatever still runs", ({ expect }) => {
    const failure = { reason: "DeadlineExceeded", message: "too long" };
    expect(podPhase({ ...record([], [running]), failure })).toBe("Failed");
    expect(podStatus({ ...record([], [running]), failure })).toMatchObject({ phase: "Failed", ...failure });
  });
});

test("podStatus() tells the state of each container", ({ expect }) => {
  const { conditions, ...status } = podStatus(record([ended(0)], [running, ended(2)]));
  expect(status).toMatchObject({
    phase: "Running",
    initContainerStatuses: [{ name: "init-0", ready: true, state: { terminated: { exitCode: 0, reason: "Completed" } } }],
    containerStatuses: [
      { name: "main-0", ready: true, started: true, state: { running: { startedAt: time } } },
      { name: "main-1", ready: false, started: false, state: { terminated: { exitCode: 2, reason: "Error" } } },
    ],
  });
  expect(conditions).toContainEqual({ type: "Initialized", status: "True" });
  expect(conditions).toContainEqual({ type: "Ready", status: "False" });
});
