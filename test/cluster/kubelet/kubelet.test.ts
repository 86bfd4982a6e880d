import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test } from "vitest";
import { soon } from "../../support/soon.ts";
import { ObjectStore } from "../kube-api/object-store.ts";
import { resourceOf } from "../kube-api/resources.ts";
import { startKubelet, type Kubelet } from "./kubelet.ts";
import { StubRuntime } from "./stub-runtime.ts";

let folder = "";
let store: ObjectStore;
let runtime: StubRuntime;
let kubelet: Kubelet;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-node-"));
  let count = 0;
  store = new ObjectStore({ now: () => new Date(), newUid: () => `uid-${String((count += 1))}` });
  runtime = new StubRuntime();
  kubelet = startKubelet({
    ...{ store, runtime, folder, ca: "CA", prefix: "test", issueToken: (account) => `token of ${account}` },
    ...{ pauseImage: "pause", maxPods: 2 },
    apiServer: { host: "127.0.0.1", port: 6443 },
    takes: ({ metadata }) => metadata.labels?.["gated"] !== "true",
  });
});
afterEach(async () => {
  await kubelet.stop();
  await rm(folder, { recursive: true, force: true });
});

const place = { resource: resourceOf("pods"), namespace: "ns" };
const at = { ...place, name: "p" };
const name = "test-uid-1-main";

async function startPod(spec: object = {}): Promise<void> {
  store.create(place, { metadata: { name: "p" }, spec: { containers: [{ name: "main", image: "image" }], ...spec } });
  await soon(() => {
    if (runtime.running.length === 0) throw new Error("nothing runs");
  });
}

describe("a kubelet", () => {
  test("takes every pod and tells how it ends", async ({ expect }) => {
    await startPod({ serviceAccountName: "runner" });
    expect(store.get(at)).toMatchObject({ spec: { nodeName: "node-1" }, status: { phase: "Running" } });
    const account = runtime.requests[0]?.mounts.find(({ inside }) => inside.endsWith("/serviceaccount"))?.outside ?? "";
    const files = ["token", "ca.crt", "namespace"].map((file) => readFile(path.join(account, file), "utf8"));
    expect(await Promise.all(files)).toEqual(["token of system:serviceaccount:ns:runner", "CA", "ns"]);
    runtime.end(name);
    await soon(() => expect(store.get(at).status?.["phase"]).toBe("Succeeded"));
    await soon(async () => await expect(stat(path.join(folder, "pods/uid-1"))).rejects.toThrow("ENOENT"));
  });

  test("leaves a pod Pending that it does not take, and lets it be deleted", async ({ expect }) => {
    const gated = { ...place, name: "gated" };
    const spec = { containers: [{ name: "main", image: "image" }] };
    store.create(place, { metadata: { name: "gated", labels: { gated: "true" } }, spec });
    await startPod();
    expect(runtime.running).toEqual(["test-uid-2-main"]);
    expect(store.get(gated).status?.["phase"]).toBe("Pending");
    store.delete(gated);
    expect(store.find(gated)).toBeUndefined();
  });

  test("keeps a deleted pod until its containers have ended", async ({ expect }) => {
    await startPod();
    store.delete(at);
    await soon(() => expect(runtime.signals).toEqual([`SIGTERM ${name}`]));
    expect(store.find(at)).toBeDefined();
    runtime.end(name, { exitCode: 143 });
    await soon(() => expect(store.find(at)).toBeUndefined());
  });

  test("kills what runs of a pod that was removed at once", async ({ expect }) => {
    await startPod();
    store.delete(at, { graceSeconds: 0 });
    await soon(() => expect(runtime.running).toEqual([]));
    expect(store.find(at)).toBeUndefined();
  });

  test("does not mistake a new pod for an old one of its name", async ({ expect }) => {
    await startPod();
    store.delete(at, { graceSeconds: 0 });
    store.create(place, { metadata: { name: "p" }, spec: { containers: [{ name: "main", image: "image" }] } });
    await soon(() => expect(runtime.running).toEqual(["test-uid-2-main"]));
    expect(store.get(at).status?.["phase"]).toBe("Running");
  });

  test("lets pods wait until it has room for them, oldest first", async ({ expect }) => {
    await startPod();
    for (const other of ["q", "r", "s", "t"])
      store.create(place, { metadata: { name: other }, spec: { containers: [{ name: "main", image: "image" }] } });
    await soon(() => expect(runtime.running).toEqual([name, "test-uid-2-main"]));
    // One that goes before its turn.
    store.delete({ ...place, name: "r" });
    expect(store.find({ ...place, name: "r" })).toBeUndefined();
    runtime.end(name);
    await soon(() => expect(runtime.running).toEqual(["test-uid-2-main", "test-uid-4-main"]));
    expect(store.get({ ...place, name: "t" })).not.toHaveProperty("spec.nodeName");
    for (const other of ["test-uid-2-main", "test-uid-4-main"]) runtime.end(other);
    await soon(() => expect(runtime.running).toEqual(["test-uid-5-main"]));
  });

  test("does not take a pod that is gone at once", async ({ expect }) => {
    store.create(place, { metadata: { name: "short" }, spec: { containers: [{ name: "main", image: "image" }] } });
    store.delete({ ...place, name: "short" });
    await startPod();
    expect(runtime.running).toEqual(["test-uid-2-main"]);
  });

  test("tells the names and logs of containers", async ({ expect }) => {
    await startPod();
    expect(kubelet.containerName("ns", "p", "main")).toBe(name);
    expect(await kubelet.readLog("ns", "p", "main")).toBeUndefined();
  });

  test("ends everything when it stops, and removes its containers", async ({ expect }) => {
    await startPod();
    await kubelet.stop();
    expect(runtime.running).toEqual([]);
    expect(runtime.removed).toEqual([name]);
  });

  test("removes the containers of a pod that has ended", async ({ expect }) => {
    await startPod();
    expect(runtime.removed).toEqual([]);
    runtime.end(name);
    await soon(() => expect(runtime.removed).toEqual([name]));
  });

  test("removes what holds the processes of a pod after the containers that share them", async ({ expect }) => {
    await startPod({ shareProcessNamespace: true });
    await soon(() => expect(runtime.running).toEqual(["test-uid-1-_pause", name]));
    await kubelet.stop();
    expect(runtime.removed).toEqual([name, "test-uid-1-_pause"]);
  });
});
