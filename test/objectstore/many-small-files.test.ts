/** Folders of so many small files that threads read and write them, and the network fails in the middle. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startFaultWorld, STORE_ROWS } from "../support/fault-stores.ts";
import { patternBytes, readTree, writeTree } from "../support/store-bench.ts";
import { FAULT_KINDS } from "../support/store-faults.ts";
import { suiteWorld } from "../support/suite-world.ts";

const [row] = STORE_ROWS.filter(({ name }) => name === "minio:// on versitygw");
if (row === undefined) throw new Error("no such row");

/** More than go the usual way first; those that threads have nothing to do with among them. */
const TREE = Object.fromEntries(
  Array.from({ length: 130 }, (_, index) => {
    const lengthBytes = index % 50 === 7 ? 0 : index % 50 === 9 ? 33_000 + index : 500 + index;
    return [`${index % 3}/${String(index).padStart(3, "0")}`, patternBytes(lengthBytes, `${index}`).toString("hex")];
  }),
);
/** Of those that threads have to do with. */
const HIT = 115;

/** One of each way to fail; all of them hit single objects in store-faults.test.ts. */
const NAMES = [
  "503 SlowDown",
  "403",
  "a reset before the request is read",
  "a reset after the first bytes of the body",
  "a lost answer",
  "an answer that breaks off in its headers' wake",
  "an answer that is longer than the object",
  "a byte that flips on its way up",
  "a byte that flips on its way down",
];
const KINDS = NAMES.map((name) => FAULT_KINDS.find((kind) => kind.name === name)).filter((kind) => kind !== undefined);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-many-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe(`many small files, ${row.name}`, () => {
  const world = suiteWorld("many small files", async () => {
    // No fault here is a request that is never answered.
    const started = await startFaultWorld(row, {});
    if ("missing" in started) return started;
    const source = await mkdtemp(join(tmpdir(), "kfp-many-there-"));
    try {
      await writeTree(source, TREE);
      await started.store.upload(source, `${started.uri}/many`);
    } catch (error) {
      // Nobody else knows of it yet.
      await started.close();
      throw error;
    } finally {
      await rm(source, { recursive: true, force: true });
    }
    return started;
  });

  test("every way to fail is known", () => {
    expect(KINDS.length).toBe(NAMES.length);
  });

  test("come back as they were", { timeout: 300_000 }, async () => {
    const { store, uri, proxy } = world();
    proxy.reset();
    expect(await store.download(`${uri}/many`, join(folder, "out"))).toEqual({ objects: 130 });
    expect(await readTree(join(folder, "out"))).toEqual(TREE);
  });

  test.for(KINDS)("$name, once", { timeout: 300_000 }, async (kind) => {
    const { store, uri, proxy, kinds } = world();
    for (const direction of ["up", "down"] as const) {
      if (kind.on !== undefined && kind.on !== `content ${direction}`) continue;
      const isTarget = direction === "up" ? kinds.isContentUp : kinds.isContentDown;
      let seen = 0;
      proxy.reset();
      proxy.fault = (request) => (isTarget(request) && seen++ === HIT ? kind.fault : undefined);
      const into = join(folder, direction);
      await writeTree(into, direction === "up" ? TREE : {});
      const moving = direction === "up" ? store.upload(into, `${uri}/again`) : store.download(`${uri}/many`, into);
      const error: unknown = await moving.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      proxy.reset();
      expect(seen, direction).toBeGreaterThan(HIT);
      if (kind.once !== "fails") expect(error, direction).toBeUndefined();
      if (direction === "up" && error === undefined) {
        await mkdir(join(folder, "back"));
        await store.download(`${uri}/again`, join(folder, "back"));
      }
      const back = direction === "up" ? join(folder, "back") : into;
      if (error === undefined) expect(await readTree(back), direction).toEqual(TREE);
      else expect((await readdir(folder, { recursive: true })).filter((name) => name.includes(".partial"))).toEqual([]);
    }
  });
});
