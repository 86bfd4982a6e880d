import { describe, test } from "vitest";
import { ChangeFeed, type Change } from "../../../src/apiserver/changes/change-feed.ts";
import { notifyingStore } from "../../../src/apiserver/changes/notifying-store.ts";
import { PendingChanges } from "../../../src/apiserver/rest/events/pending-changes.ts";
import { openSqliteStore } from "../../../src/apiserver/sqlite/sqlite-store.ts";
import { create } from "@bufbuild/protobuf";
import { ArtifactSchema, ArtifactTaskSchema, PipelineTaskSchema, RunSchema } from "../../../src/core/kfp-types.ts";

const task = (taskId: string) => ({ kind: "task", taskId }) as const;

describe("ChangeFeed", () => {
  test("tells those who listen to the run, until they stop", ({ expect }) => {
    const feed = new ChangeFeed("e");
    const heard: (string | undefined)[] = [];
    const stop = feed.subscribe("a", ({ runId, sequence }) => heard.push(`${runId ?? "all"} ${sequence}`));
    feed.publish("a", { kind: "run" });
    feed.publish("b", { kind: "run" });
    feed.publish(undefined, { kind: "run" });
    stop();
    stop();
    feed.publish("a", { kind: "run" });
    expect(heard).toEqual(["a 1", "all 3"]);
    expect(feed.position).toBe(4);
  });

  test("remembers so many changes, and says when it does not", ({ expect }) => {
    const feed = new ChangeFeed("e", 10);
    for (let index = 1; index <= 25; index += 1) feed.publish(index % 2 === 0 ? "even" : "odd", task(String(index)));
    const sequences = (changes: Change[] | undefined) => changes?.map(({ sequence }) => sequence);
    expect(sequences(feed.since("even", 20))).toEqual([22, 24]);
    expect(sequences(feed.since("odd", 25))).toEqual([]);
    expect(feed.since("odd", 3)).toBeUndefined();
    expect(feed.since("odd", 26)).toBeUndefined();
    expect(new ChangeFeed("e").since("any", 0)).toEqual([]);
  });
});

describe("PendingChanges", () => {
  const change = (sequence: number, taskId: string): Change => ({ sequence, runId: "r", thing: task(taskId) });

  test("hold each row once, at the place of its last write", ({ expect }) => {
    const pending = new PendingChanges();
    for (const each of [change(1, "a"), change(2, "b"), change(3, "a")]) pending.add(each);
    expect(pending.isEmpty).toBe(false);
    expect(pending.take()?.map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(pending.isEmpty).toBe(true);
    expect(pending.take()).toEqual([]);
  });

  test("give up what is too much, and go on afterwards", ({ expect }) => {
    const pending = new PendingChanges(2);
    for (const each of [change(1, "a"), change(2, "b"), change(3, "c"), change(4, "d")]) pending.add(each);
    expect(pending.isEmpty).toBe(false);
    expect(pending.take()).toBeUndefined();
    pending.add(change(5, "e"));
    expect(pending.take()).toHaveLength(1);
  });
});

describe("notifyingStore()", () => {
  test("tells of what is stored, in its order, and not of what is undone", ({ expect }) => {
    const told: string[] = [];
    const plain = openSqliteStore({ database: ":memory:", nowSeconds: 1, defaultExperimentId: "x" });
    const store = notifyingStore(plain, {
      publish: (runId, thing) => told.push(`${runId ?? "all"} ${"taskId" in thing ? thing.taskId : thing.kind}`),
    });
    const run = create(RunSchema, { runId: "r", displayName: "r", experimentId: "x" });
    const row = create(PipelineTaskSchema, { runId: "r", taskId: "t", name: "t" });
    store.transaction(() => {
      store.runs.insert({ run, pipelineSpec: undefined });
      store.transaction(() => store.tasks.insert(row, undefined));
      expect(told).toEqual([]);
    });
    expect(told).toEqual(["r run", "r t"]);
    expect(() =>
      store.transaction(() => {
        store.tasks.update(row, { replaceInputs: false });
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(told).toHaveLength(2);
    store.artifacts.insert(create(ArtifactSchema, { artifactId: "a" }), undefined);
    store.links.insertOrFind(create(ArtifactTaskSchema, { id: "l", artifactId: "a", taskId: "t", runId: "r", key: "k" }));
    store.tasks.update(row, { replaceInputs: false });
    store.runs.update(run);
    store.runs.archiveAllOf("x");
    store.runs.remove("r");
    expect(told.slice(2)).toEqual(["r artifact", "r t", "r run", "all run", "r run"]);
    store.close();
  });
});
