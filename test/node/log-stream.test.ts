import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { logStream } from "../../src/node/log-stream.ts";

const collector = () => {
  const texts: string[] = [];
  return { texts, write: (text: string) => texts.push(text) };
};

describe("logStream()", () => {
  test.for([undefined, ""])("is standard error for %j", (path, { expect }) => {
    const stderr = collector();
    logStream(path, stderr).write("a\n");
    expect(stderr.texts).toEqual(["a\n"]);
  });

  test("appends to a file, which others append to as well", ({ expect, onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "kfp-log-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const stderr = collector();
    const [one, two] = [logStream(join(folder, "log"), stderr), logStream(join(folder, "log"), stderr)];
    one.write("1\n");
    two.write("2\n");
    one.write("3\n");
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("1\n2\n3\n");
    expect(stderr.texts).toEqual([]);
  });

  test("falls back to standard error, and says so once", ({ expect }) => {
    const stderr = collector();
    const stream = logStream("/dev/null/log", stderr);
    stream.write("a\n");
    stream.write("b\n");
    expect(stderr.texts).toEqual([expect.stringContaining("cannot write the log file /dev/null/log"), "a\n", "b\n"]);
  });
});
