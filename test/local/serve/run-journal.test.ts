import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { journalPath, JournalReader, openJournal, removeJournal, startJournal } from "../../../src/local/serve/run-journal.ts";
import type { StepLine } from "../../../src/local/steps/local-step-runtime.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "kfp-journal-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const line = (text: string): StepLine => ({
  place: { scopePath: "root.a", iterations: [] },
  stream: "stdout",
  text,
  isRoutine: false,
});

test("what is appended is read once, as it comes, in UTF-8", async ({ onTestFinished }) => {
  await startJournal(folder);
  const journal = openJournal(folder);
  const reader = new JournalReader(folder);
  onTestFinished(() => reader.close());
  expect(await reader.next()).toEqual([]);
  journal.append({ kind: "line", line: line("größer → ok") });
  journal.append({ kind: "notice", text: "two\nlines" });
  expect(await reader.next()).toEqual([
    { kind: "line", line: line("größer → ok") },
    { kind: "notice", text: "two\nlines" },
  ]);
  expect(await reader.next()).toEqual([]);
  appendFileSync(journalPath(folder), '{"kind":"no');
  expect(await reader.next()).toEqual([]);
  appendFileSync(journalPath(folder), 'tice","text":"x"}\n');
  expect(await reader.next()).toEqual([{ kind: "notice", text: "x" }]);
});

test("half a line that a killed server left hides itself and nothing else", async ({ onTestFinished }) => {
  await startJournal(folder);
  openJournal(folder).append({ kind: "notice", text: "first" });
  appendFileSync(journalPath(folder), '{"kind":"line","li');
  openJournal(folder).append({ kind: "notice", text: "of the next server" });
  openJournal(folder).append({ kind: "left" });
  const reader = new JournalReader(folder);
  onTestFinished(() => reader.close());
  expect(await reader.next()).toEqual([
    { kind: "notice", text: "first" },
    { kind: "notice", text: "of the next server" },
    { kind: "left" },
  ]);
});

test("nobody who did not ask for a journal gets one, and one that was removed does not come back", async () => {
  openJournal(folder).append({ kind: "left" });
  expect(existsSync(journalPath(folder))).toBe(false);
  await startJournal(folder);
  const journal = openJournal(folder);
  await removeJournal(folder);
  journal.append({ kind: "left" });
  expect(existsSync(journalPath(folder))).toBe(false);
});

test("steps that print for ever fill no disk, and how the run ends is told all the same", async ({ onTestFinished }) => {
  await startJournal(folder);
  const journal = openJournal(folder, 10_000);
  for (let index = 0; index < 1000; index += 1) journal.append({ kind: "line", line: line("x".repeat(100)) });
  journal.append({ kind: "left" });
  expect(statSync(journalPath(folder)).size).toBeLessThan(12_000);
  const reader = new JournalReader(folder);
  onTestFinished(() => reader.close());
  const entries = await reader.next();
  expect(entries.at(-2)).toMatchObject({ kind: "notice", text: expect.stringContaining("too much") as string });
  expect(entries.at(-1)).toEqual({ kind: "left" });
});
