/**
 * When an artifact is used again, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { artifactIdOf, startArtifactWorld } from "../../../support/artifact-world.ts";

// docs/spec/api-server.md#reuse-of-artifacts
describe.for(WAYS)("reuse_if_exists over $name", (by) => {
  const BASE: JsonObject = { name: "m", type: "Model", uri: "s3://b/m", description: "d", metadata: { a: 1, b: [true] } };

  test.for<{ name: string; change: JsonObject; same: boolean }>([
    { name: "all of it", change: {}, same: true },
    { name: "members of metadata in another order", change: { metadata: { b: [true], a: 1 } }, same: true },
    { name: "another number", change: { number_value: 7 }, same: true },
    { name: "another type", change: { type: "Dataset" }, same: false },
    { name: "another uri", change: { uri: "s3://b/n" }, same: false },
    { name: "another name", change: { name: "n" }, same: false },
    { name: "another description", change: { description: "" }, same: false },
    { name: "other metadata", change: { metadata: { a: 2, b: [true] } }, same: false },
    { name: "metadata of another type", change: { metadata: { a: "1", b: [true] } }, same: false },
  ])("$name: the same artifact $same", async ({ change, same }, { expect }) => {
    for (const wasMarked of [true, false]) {
      const { add, links, otherTaskId, call } = await startArtifactWorld(by);
      const first = await add(BASE, wasMarked ? { reuse_if_exists: true } : {});
      const second = await add({ ...BASE, ...change }, { reuse_if_exists: true, task_id: otherTaskId });
      expect(artifactIdOf(second) === artifactIdOf(first)).toBe(same);
      expect(await links()).toHaveLength(2);
      expect((await call("ListArtifacts"))["total_size"]).toBe(same ? 1 : 2);
    }
  });

  test("S16 replayed by the same task makes neither an artifact nor a link", async ({ expect }) => {
    const { add, links } = await startArtifactWorld(by);
    const first = await add(BASE, { reuse_if_exists: true });
    expect(await add(BASE, { reuse_if_exists: true })).toEqual(first);
    expect(await links()).toHaveLength(1);
  });

  test("S15 of many at once makes one artifact, and a link for each task", async ({ expect }) => {
    const { add, addTask, call, links } = await startArtifactWorld(by);
    const tasks = await Promise.all(Array.from({ length: 8 }, async (_, index) => await addTask(`n${index}`)));
    const made = await Promise.all(tasks.map(async (taskId) => await add(BASE, { reuse_if_exists: true, task_id: taskId })));
    expect(new Set(made.map(artifactIdOf)).size).toBe(1);
    expect((await call("ListArtifacts"))["total_size"]).toBe(1);
    expect(new Set((await links()).map((link) => link["task_id"]))).toEqual(new Set(tasks));
  });

  test("takes the oldest of several that are equal, and none without uri unless it was made for reuse", async ({ expect }) => {
    const { add, setTime } = await startArtifactWorld(by);
    setTime(2_000);
    const young = await add(BASE);
    setTime(1_500);
    const old = await add(BASE);
    expect(artifactIdOf(young)).not.toBe(artifactIdOf(old));
    expect(await add(BASE, { reuse_if_exists: true })).toEqual(old);
    const { uri: _, ...bare } = BASE;
    const plain = await add(bare);
    const marked = await add(bare, { reuse_if_exists: true });
    expect(artifactIdOf(marked)).not.toBe(artifactIdOf(plain));
    expect(await add(bare, { reuse_if_exists: true })).toEqual(marked);
  });

  test("S17 absent or false makes a new one always", async ({ expect }) => {
    const { add, call } = await startArtifactWorld(by);
    for (const change of [{}, { reuse_if_exists: false }, {}]) await add(BASE, change);
    expect((await call("ListArtifacts"))["total_size"]).toBe(3);
  });

  test("S26 is refused in bulk", async ({ expect }) => {
    const { send, taskId, call } = await startArtifactWorld(by);
    const entry = { run_id: "r", task_id: taskId, producer_key: "k", artifact: BASE, reuse_if_exists: true };
    expect(await send("CreateArtifactsBulk", { artifacts: [entry] })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await call("ListArtifacts")).toEqual({});
  });
});
