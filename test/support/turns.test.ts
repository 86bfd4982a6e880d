import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeFolder, removeFolder } from "./probe.ts";
import { takeTurns } from "./turns.ts";

async function turnFile(): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  return path.join(folder, "turn");
}

test("one after the other", async () => {
  const file = await turnFile();
  const order: string[] = [];
  const release = await takeTurns(file);
  const second = takeTurns(file).then((end) => {
    order.push("second");
    end();
  });
  // Long enough for it to have asked.
  await new Promise((resolve) => setImmediate(resolve));
  order.push("first");
  release();
  await second;
  expect(order).toEqual(["first", "second"]);
  expect(existsSync(file)).toBe(false);
});

test("a process that is gone has had its turn", async () => {
  const file = await turnFile();
  writeFileSync(file, String(spawnSync("true").pid));
  const release = await takeTurns(file);
  release();
  expect(existsSync(file)).toBe(false);
});
