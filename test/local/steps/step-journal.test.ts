import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JournalReader, StepJournal, type JournalEnd, type JournalLine } from "../../../src/local/steps/step-journal.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = (): Date => new Date("2026-11-29T01:02:03.004Z");
const line = (text: string, isRoutine = false) => ({
  ...{ place: { scopePath: "root.loop.say", iterations: [1] }, stream: "stdout" as const, text, isRoutine },
});
const all = async (reader: JournalReader): Promise<(JournalLine | JournalEnd)[]> => {
  const records = [];
  for await (const record of reader.read()) records.push(record);
  return records;
};

describe("StepJournal", () => {
  test("gives back what was added, once, as it grows", async () => {
    const path = join(folder, "steps.jsonl");
    const [journal, reader] = [new StepJournal(path, now), new JournalReader(path)];
    expect(await all(reader)).toEqual([]);
    journal.add(line("one\u{1b}[2J"));
    journal.add(line("two", true));
    await turn();
    const common = { time: "2026-11-29T01:02:03.004Z", task: "loop.say[1]", stream: "stdout" };
    expect(await all(reader)).toEqual([
      { ...common, text: "one\u{1b}[2J" },
      { ...common, text: "two", routine: true },
    ]);
    expect(await all(reader)).toEqual([]);
    journal.add(line("three"));
    journal.close();
    expect(await all(reader)).toMatchObject([{ text: "three" }]);
    journal.add(line("late"));
    await turn();
    expect(await all(reader)).toMatchObject([{ text: "late" }]);
  });

  test("writes the first line of a burst at once, so that a process that is killed has left it", () => {
    const path = join(folder, "steps.jsonl");
    const journal = new StepJournal(path, now);
    journal.add(line("seen"));
    journal.add(line("waits"));
    expect(readFileSync(path, "utf8")).toMatch(/^\{.*"text":"seen"\}\n$/);
    journal.close();
    expect(readFileSync(path, "utf8")).toContain("waits");
  });

  test("stops at its limit, and says so once", async () => {
    const path = join(folder, "steps.jsonl");
    const journal = new StepJournal(path, now, 200);
    for (let index = 0; index < 10; index += 1) {
      journal.add(line(`line ${index}`));
      await turn();
    }
    journal.close();
    const records = await all(new JournalReader(path));
    expect(records.at(-1)).toEqual({ full: true });
    expect(records.filter((record) => "full" in record)).toHaveLength(1);
    expect(readFileSync(path).length).toBeLessThan(400);
  });

  test("a folder that is gone costs the lines, nothing else", async () => {
    const journal = new StepJournal(join(folder, "gone", "steps.jsonl"), now);
    journal.add(line("one"));
    await turn();
    mkdirSync(join(folder, "gone"));
    journal.add(line("two"));
    journal.close();
    expect(await all(new JournalReader(join(folder, "gone", "steps.jsonl")))).toEqual([]);
  });
});

describe("JournalReader", () => {
  test("waits for the end of a record, and leaves out what is none", async () => {
    const path = join(folder, "steps.jsonl");
    const reader = new JournalReader(path);
    const record = JSON.stringify({ time: "t", task: "a", stream: "stderr", text: "ü\u{1f600}" });
    const bytes = Buffer.from(`not json\n{"time":1}\n${record}\n`);
    // In the middle of a character of four bytes.
    const cut = bytes.indexOf(Buffer.from("\u{1f600}")) + 2;
    appendFileSync(path, bytes.subarray(0, cut));
    expect(await all(reader)).toEqual([]);
    appendFileSync(path, bytes.subarray(cut));
    expect(await all(reader)).toEqual([{ time: "t", task: "a", stream: "stderr", text: "ü\u{1f600}" }]);
  });

  test("reads more than a piece at a time", async () => {
    const path = join(folder, "steps.jsonl");
    const journal = new StepJournal(path, now);
    for (let index = 0; index < 20_000; index += 1) journal.add(line(`line ${index} ${"x".repeat(index % 100)}`));
    journal.close();
    const texts = (await all(new JournalReader(path))).map((record) => ("full" in record ? "" : record.text.split(" ")[1]));
    expect(texts).toEqual(Array.from({ length: 20_000 }, (_, index) => String(index)));
  });
});
