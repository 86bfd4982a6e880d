import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "vitest";
import type { IPodSpec } from "kubernetes-models/v1";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { soon } from "../../support/soon.ts";
import { podOf, NotReadyError } from "./pod-objects.ts";
import { PodWorker, type PodWorkerDeps } from "./pod-worker.ts";
import { StubRuntime } from "./stub-runtime.ts";

const container = (name: string, image = "image") => ({ name, image });
const pod = (spec: IPodSpec) =>
  podOf({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "ns", uid: "uid", resourceVersion: "1", creationTimestamp: "2026-08-01T12:00:00Z" },
    spec: spec as unknown as JsonObject,
  });

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-kubelet-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Started {
  readonly runtime: StubRuntime;
  readonly worker: PodWorker;
  readonly ended: Promise<void>;
  /** The last one that was told. */
  readonly status: () => JsonObject;
  /** Lets a wait of so many milliseconds pass. */
  readonly pass: (milliseconds: number) => void;
}

function start(spec: IPodSpec, more: Partial<PodWorkerDeps> = {}): Started {
  const runtime = new StubRuntime();
  const waits: { milliseconds: number; resolve: () => void }[] = [];
  let last: JsonObject = {};
  const worker = new PodWorker(
    {
      runtime,
      now: () => new Date("2026-08-01T12:00:00Z"),
      delay: (milliseconds, signal) =>
        new Promise((resolve) => {
          waits.push({ milliseconds, resolve });
          if (signal.aborted) resolve();
          else signal.addEventListener("abort", () => resolve(), { once: true });
        }),
      prepare: () => Promise.resolve({ volumes: new Map(), serviceAccountFolder: path.join(folder, "account") }),
      node: {
        apiServer: { host: "127.0.0.1", port: 6443 },
        sources: { configMap: () => undefined, secret: () => undefined, hasClaim: () => false, token: () => "token" },
      },
      containerName: (_pod, name) => name,
      pauseImage: "pause",
      logFile: (_pod, name) => path.join(folder, "logs", name),
      report: (_pod, status) => (last = status),
      ...more,
    },
    pod(spec),
  );
  return {
    runtime,
    worker,
    ended: worker.run(),
    status: () => last,
    pass: (milliseconds) => {
      for (const wait of waits.filter((one) => one.milliseconds === milliseconds)) wait.resolve();
    },
  };
}

const runs = async (runtime: StubRuntime, ...names: string[]): Promise<void> =>
  await soon(() => {
    if (JSON.stringify(runtime.running.toSorted()) !== JSON.stringify(names.toSorted()))
      throw new Error(`what runs: ${runtime.running.join(", ")}`);
  });

/** Names to the one word of the state, and its reason. */
function states(status: JsonObject): Record<string, string> {
  const all = ["initContainerStatuses", "containerStatuses"].flatMap(
    (key) => status[key] as { name: string; state: JsonObject }[],
  );
  return Object.fromEntries(
    all.map(({ name, state }) => {
      const [kind = "", facts] = Object.entries(state as Record<string, { reason?: string }>)[0] ?? [];
      return [name, `${kind} ${facts?.reason ?? ""}`.trim()];
    }),
  );
}

describe("PodWorker", () => {
  test("runs init containers one after the other, then the others together", async ({ expect }) => {
    const { runtime, ended, status } = start({
      initContainers: [container("init"), container("copy")],
      containers: [container("wait"), container("main")],
    });
    await runs(runtime, "init");
    expect(status()["phase"]).toBe("Pending");
    runtime.end("init");
    await runs(runtime, "copy");
    runtime.end("copy");
    await runs(runtime, "wait", "main");
    expect(status()["phase"]).toBe("Running");
    runtime.end("main", { exitCode: 3 });
    await soon(() => expect(states(status())["main"]).toBe("terminated Error"));
    expect(status()["phase"]).toBe("Running");
    runtime.end("wait");
    await ended;
    expect(status()["phase"]).toBe("Failed");
  });

  test("a pod whose containers end well has succeeded", async ({ expect }) => {
    const { runtime, ended, status } = start({ containers: [container("main")] });
    await runs(runtime, "main");
    runtime.end("main");
    await ended;
    expect(status()["phase"]).toBe("Succeeded");
  });

  test("a failed init container is the end", async ({ expect }) => {
    const { runtime, ended, status } = start({ initContainers: [container("init")], containers: [container("main")] });
    await runs(runtime, "init");
    runtime.end("init", { exitCode: 1 });
    await ended;
    expect(status()["phase"]).toBe("Failed");
    expect(runtime.requests.map(({ name }) => name)).toEqual(["init"]);
  });

  test.for([
    { name: "memory", end: { exitCode: 137, isOutOfMemory: true }, reason: "terminated OOMKilled" },
    { name: "a program that is not there", end: { exitCode: 127, startProblem: "not found" }, reason: "terminated StartError" },
  ])("tells the reason of an end by $name", async ({ end, reason }, { expect }) => {
    const { runtime, ended, status } = start({ containers: [container("main")] });
    await runs(runtime, "main");
    runtime.end("main", end);
    await ended;
    expect(states(status())).toEqual({ main: reason });
  });

  test("waits for an image while the other containers run", async ({ expect }) => {
    const { runtime, ended, status, pass } = start({ containers: [container("wait"), container("main", "absent")] });
    await runs(runtime, "wait");
    await soon(() => expect(states(status())["main"]).toBe("waiting ErrImagePull"));
    pass(500);
    await soon(() => expect(states(status())["main"]).toBe("waiting ImagePullBackOff"));
    runtime.images.set("absent", { user: "" });
    await soon(() => {
      pass(500);
      expect(runtime.running).toContain("main");
    });
    for (const name of ["main", "wait"]) runtime.end(name);
    await ended;
    expect(status()["phase"]).toBe("Succeeded");
  });

  test("waits for what its volumes name", async ({ expect }) => {
    let isThere = false;
    const { runtime, ended, status, pass } = start(
      { containers: [container("main")] },
      {
        prepare: () =>
          isThere
            ? Promise.resolve({ volumes: new Map(), serviceAccountFolder: folder })
            : Promise.reject(new NotReadyError("ContainerCreating", 'secret "s" not found')),
      },
    );
    await soon(() => expect(states(status())).toEqual({ main: "waiting ContainerCreating" }));
    isThere = true;
    await soon(() => {
      pass(500);
      expect(runtime.running).toEqual(["main"]);
    });
    runtime.end("main");
    await ended;
  });

  test("a deleted pod gets SIGTERM, and SIGKILL when its grace period is over", async ({ expect }) => {
    const { runtime, worker, ended, status, pass } = start({ containers: [container("wait"), container("main")] });
    await runs(runtime, "wait", "main");
    worker.stop(30);
    expect(runtime.signals).toEqual(["SIGTERM wait", "SIGTERM main"]);
    runtime.end("wait", { exitCode: 143 });
    await runs(runtime, "main");
    await soon(() => expect(states(status())["wait"]).toBe("terminated Error"));
    pass(30_000);
    await ended;
    expect(runtime.signals.slice(2)).toEqual(["SIGKILL main"]);
  });

  test("a container that starts after the deletion gets its signal, and is not told to run before", async ({ expect }) => {
    const { runtime, worker, ended, status } = start({ containers: [container("main")] });
    runtime.startsAtOnce = false;
    await runs(runtime, "main");
    expect(states(status())).toEqual({ main: "waiting ContainerCreating" });
    worker.stop(30);
    expect(runtime.signals).toEqual([]);
    runtime.exitsOnTerm = 143;
    runtime.start();
    await ended;
    expect(runtime.signals).toEqual(["SIGTERM main"]);
  });

  test("a second deletion can shorten the period", async ({ expect }) => {
    const { runtime, worker, ended, pass } = start({ containers: [container("main")] });
    await runs(runtime, "main");
    worker.stop(30);
    worker.stop(0);
    pass(0);
    await ended;
    expect(runtime.signals).toEqual(["SIGTERM main", "SIGKILL main"]);
  });

  test("a pod that is deleted while it waits starts nothing more", async ({ expect }) => {
    const { runtime, worker, ended } = start({ initContainers: [container("init", "absent")], containers: [container("main")] });
    worker.stop(30);
    await ended;
    expect(runtime.requests).toEqual([]);
  });

  test("holds the processes that containers share, from before the first until after the last", async ({ expect }) => {
    const { runtime, ended, status } = start({
      shareProcessNamespace: true,
      initContainers: [container("init")],
      containers: [container("main"), container("model")],
    });
    await runs(runtime, "_pause", "init");
    runtime.end("init");
    await runs(runtime, "_pause", "main", "model");
    expect(runtime.requests.map(({ name, image, processesOf }) => `${name} ${image} ${processesOf ?? "alone"}`)).toEqual([
      "_pause pause alone",
      ...["init", "main", "model"].map((name) => `${name} image _pause`),
    ]);
    for (const name of ["main", "model"]) runtime.end(name);
    await ended;
    expect(runtime.signals).toEqual(["SIGKILL _pause"]);
    expect(states(status())).toEqual({
      init: "terminated Completed",
      main: "terminated Completed",
      model: "terminated Completed",
    });
  });

  test("says when the processes cannot be shared", async ({ expect }) => {
    const { runtime, ended } = start({ shareProcessNamespace: true, containers: [container("main")] });
    runtime.startsAtOnce = false;
    await runs(runtime, "_pause");
    runtime.end("_pause", { exitCode: 125, startProblem: "no such image" });
    await expect(ended).rejects.toThrow("cannot be shared: no such image");
    expect(runtime.requests).toHaveLength(1);
  });

  test("a pod over its deadline has failed", async ({ expect }) => {
    const { runtime, ended, status, pass } = start({ activeDeadlineSeconds: 60, containers: [container("main")] });
    await runs(runtime, "main");
    runtime.exitsOnTerm = 143;
    pass(60_000);
    await ended;
    expect(status()).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded" });
    expect(runtime.signals).toEqual(["SIGTERM main"]);
  });
});
