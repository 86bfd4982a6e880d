import { describe, test } from "vitest";
import { UsageError } from "../../src/core/errors.ts";
import { reportUsage } from "../../src/program/usage.ts";

describe("reportUsage()", () => {
  const flags = { colour: { type: "string", default: "", help: "of the bicycle" } } as const;
  test.for([
    { error: new UsageError("FLAG_INVALID", "flag provided but not defined: -x"), exitCode: 2, lists: true },
    { error: new UsageError("FLAG_MISSING", "--colour is required"), exitCode: 1, lists: false },
    { error: new Error("no such file"), exitCode: 1, lists: false },
  ])("$error.message: exit code $exitCode", ({ error, exitCode, lists }, { expect }) => {
    let text = "";
    const stderr = { write: (more: string) => (text += more) };
    expect(reportUsage(error, stderr, { name: "driver", flags })).toBe(exitCode);
    expect(text.startsWith(`driver: ${error.message}\n`)).toBe(true);
    expect(text.includes("of the bicycle")).toBe(lists);
  });
});
