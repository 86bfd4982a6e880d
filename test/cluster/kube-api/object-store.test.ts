import { describe, test } from "vitest";
import type { KubeObject, KubeObjectInput } from "./kube-object.ts";
import { ObjectStore, type WatchEvent } from "./object-store.ts";
import { resourceOf } from "./resources.ts";
import { labelSelector } from "./selectors.ts";

const pods = resourceOf("pods");
const claims = resourceOf("persistentvolumeclaims");
const workflows = resourceOf("workflows");
const ns = "ns";

function newStore(keptChanges?: number): ObjectStore {
  let count = 0;
  return new ObjectStore({
    now: () => new Date("2026-08-01T12:00:00.500Z"),
    newUid: () => `uid-${String((count += 1))}`,
    ...(keptChanges === undefined ? {} : { keptChanges }),
  });
}

const at = (name: string, resource = pods) => ({ resource, namespace: ns, name });
const pod = (name: string, more: Record<string, unknown> = {}, metadata: object = {}): KubeObjectInput => ({
  metadata: { name, ...metadata },
  spec: {},
  ...more,
});

/** What a watch of pods has told so far. */
function watching(store: ObjectStore, selector = "", since = ""): string[] {
  const told: string[] = [];
  const onEvent = ({ type, object }: WatchEvent): void => {
    told.push(`${type} ${object.metadata.name}`);
  };
  store.watch({ resource: pods, namespace: ns }, { since, selects: labelSelector(selector), onEvent });
  return told;
}

describe("ObjectStore", () => {
  test("gives a new object what the API gives it", ({ expect }) => {
    const created = newStore().create({ resource: pods, namespace: ns }, pod("a", {}, { labels: { app: "x" } }));
    expect(created).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "a",
        namespace: ns,
        uid: "uid-1",
        resourceVersion: "2",
        creationTimestamp: "2026-08-01T12:00:00Z",
        labels: { app: "x" },
      },
      spec: {},
      status: { phase: "Pending" },
    });
  });

  test("a pod that comes with an empty status is Pending", ({ expect }) => {
    expect(newStore().create({ resource: pods, namespace: ns }, pod("a", { status: {} })).status).toEqual({ phase: "Pending" });
  });

  test("makes a name of generateName", ({ expect }) => {
    const { metadata } = newStore().create({ resource: pods, namespace: ns }, { metadata: { generateName: "a-" } });
    expect(metadata.name).toMatch(/^a-.+/);
  });

  test.for([
    { name: "no name", act: (s: ObjectStore) => s.create(at(""), {}), error: { code: 422, reason: "Invalid" } },
    {
      name: "a name that is taken",
      act: (s: ObjectStore) => s.create(at(""), pod("a")),
      error: { code: 409, reason: "AlreadyExists" },
    },
    { name: "an object that is not there", act: (s: ObjectStore) => s.get(at("b")), error: { code: 404, reason: "NotFound" } },
    {
      name: "an update of another version",
      act: (s: ObjectStore) => s.update(at("a"), pod("a", {}, { resourceVersion: "1" })),
      error: { code: 409, reason: "Conflict" },
    },
    {
      name: "a deletion of another object of that name",
      act: (s: ObjectStore) => s.delete(at("a"), { uid: "uid-9" }),
      error: { code: 409, reason: "Conflict" },
    },
  ])("refuses $name", ({ act, error }, { expect }) => {
    const store = newStore();
    store.create({ resource: pods, namespace: ns }, pod("a"));
    expect(() => act(store)).toThrow(expect.objectContaining(error));
  });

  test("keeps a status from updates of the object, and the object from updates of the status", ({ expect }) => {
    const store = newStore();
    store.create({ resource: pods, namespace: ns }, pod("a"));
    store.update(at("a"), { status: { phase: "Running" }, spec: { nodeName: "other" } }, "status");
    store.patch(at("a"), { spec: { nodeName: "node" }, status: { phase: "Failed" } });
    expect(store.get(at("a"))).toMatchObject({ spec: { nodeName: "node" }, status: { phase: "Running" } });
  });

  test("writes the status of a workflow with the workflow", ({ expect }) => {
    const store = newStore();
    store.create({ resource: workflows, namespace: ns }, pod("w"));
    store.patch(at("w", workflows), { status: { phase: "Running" } });
    expect(store.get(at("w", workflows)).status).toEqual({ phase: "Running" });
  });

  test("keeps what names an object, whatever an update says", ({ expect }) => {
    const store = newStore();
    const { metadata } = store.create({ resource: pods, namespace: ns }, pod("a"));
    store.update(at("a"), pod("b", {}, { uid: "mine", creationTimestamp: "2000-01-01T00:00:00Z", labels: { new: "1" } }));
    const { resourceVersion, ...after } = store.get(at("a")).metadata;
    const { resourceVersion: before, ...kept } = metadata;
    expect(after).toEqual({ ...kept, labels: { new: "1" } });
    expect(Number(resourceVersion)).toBeGreaterThan(Number(before));
  });

  test("tells nobody of an update that changes nothing", ({ expect }) => {
    const store = newStore();
    const { metadata } = store.create({ resource: pods, namespace: ns }, pod("a"));
    const told = watching(store);
    expect(store.patch(at("a"), { spec: {} }).metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect(told).toEqual(["ADDED a"]);
  });

  describe("deletion", () => {
    const running = { spec: { nodeName: "node" }, status: { phase: "Running" } };
    test.for([
      { name: "an unscheduled pod", object: {}, options: {}, left: undefined },
      { name: "a pod that has ended", object: { ...running, status: { phase: "Failed" } }, options: {}, left: undefined },
      { name: "a running pod", object: running, options: {}, left: 30 },
      {
        name: "a running pod with a period of its own",
        object: { ...running, spec: { nodeName: "node", terminationGracePeriodSeconds: 7 } },
        options: {},
        left: 7,
      },
      { name: "a running pod, asked for another period", object: running, options: { graceSeconds: 3 }, left: 3 },
      { name: "a running pod, at once", object: running, options: { graceSeconds: 0 }, left: undefined },
    ])("of $name", ({ object, options, left }, { expect }) => {
      const store = newStore();
      store.create({ resource: pods, namespace: ns }, pod("a", object));
      store.delete(at("a"), options);
      expect(store.find(at("a"))?.metadata.deletionGracePeriodSeconds).toBe(left);
      if (left !== undefined)
        expect(store.get(at("a")).metadata.deletionTimestamp).toBe(
          new Date(Date.UTC(2026, 7, 1, 12, 0, left)).toISOString().replace(".000", ""),
        );
    });

    test("can be made earlier, not later", ({ expect }) => {
      const store = newStore();
      store.create({ resource: pods, namespace: ns }, pod("a", running));
      const periods = [20, 25, 5].map((graceSeconds) => store.delete(at("a"), { graceSeconds }).metadata);
      expect(periods.map((one) => [one.deletionGracePeriodSeconds, one.deletionTimestamp?.slice(-3)])).toEqual([
        [20, "20Z"],
        [20, "20Z"],
        [5, "05Z"],
      ]);
    });

    test("waits for finalizers", ({ expect }) => {
      const store = newStore();
      store.create({ resource: claims, namespace: ns }, pod("c", {}, { finalizers: ["keep"] }));
      store.delete(at("c", claims));
      expect(store.get(at("c", claims)).metadata.deletionTimestamp).toBeDefined();
      store.patch(at("c", claims), { metadata: { finalizers: null } });
      expect(store.find(at("c", claims))).toBeUndefined();
    });

    test("takes along what belongs to nobody else", ({ expect }) => {
      const store = newStore();
      const owners = ["w1", "w2"].map((name) => store.create({ resource: workflows, namespace: ns }, pod(name)).metadata.uid);
      const owned = (...uids: string[]) => ({
        ownerReferences: uids.map((uid) => ({ apiVersion: "v1", kind: "Workflow", name: "w", uid })),
      });
      store.create({ resource: pods, namespace: ns }, pod("of-one", {}, owned(owners[0]!)));
      store.create({ resource: pods, namespace: ns }, pod("of-both", {}, owned(...owners)));
      store.delete(at("w1", workflows));
      expect(store.list({ resource: pods, namespace: ns }).items.map(({ metadata }) => metadata.name)).toEqual(["of-both"]);
    });
  });

  describe("watch()", () => {
    test("tells what comes into and leaves a selection", ({ expect }) => {
      const store = newStore();
      store.create({ resource: pods, namespace: ns }, pod("a", {}, { labels: { done: "no" } }));
      store.create({ resource: pods, namespace: "other" }, pod("b", {}, { labels: { done: "no" } }));
      const told = watching(store, "done=no");
      store.patch(at("a"), { spec: { nodeName: "n" } });
      store.patch(at("a"), { metadata: { labels: { done: "yes" } } });
      store.patch(at("a"), { spec: { nodeName: "m" } });
      store.patch(at("a"), { metadata: { labels: { done: "no" } } });
      store.delete(at("a"), { graceSeconds: 0 });
      expect(told).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"]);
    });

    test("goes on after the version of a list", ({ expect }) => {
      const store = newStore();
      store.create({ resource: pods, namespace: ns }, pod("a"));
      const { resourceVersion } = store.list({ resource: pods, namespace: ns });
      store.create({ resource: pods, namespace: ns }, pod("b"));
      expect(watching(store, "", resourceVersion)).toEqual(["ADDED b"]);
    });

    test("refuses a version whose changes are forgotten", ({ expect }) => {
      const store = newStore(2);
      const first = store.create({ resource: pods, namespace: ns }, pod("p0")).metadata.resourceVersion;
      for (let index = 1; index < 6; index += 1) store.create({ resource: pods, namespace: ns }, pod(`p${String(index)}`));
      expect(() => watching(store, "", first)).toThrow(expect.objectContaining({ code: 410, reason: "Expired" }));
    });

    test("is over when it is stopped", ({ expect }) => {
      const store = newStore();
      const told: KubeObject[] = [];
      const stop = store.watch(
        { resource: pods, namespace: ns },
        { since: "", selects: () => true, onEvent: ({ object }) => told.push(object) },
      );
      stop();
      store.create({ resource: pods, namespace: ns }, pod("a"));
      expect(told).toEqual([]);
    });
  });
});
