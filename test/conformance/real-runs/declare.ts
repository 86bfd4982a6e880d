/**
 * Declares a test for each of some rows.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { builtPrograms, type Programs } from "../../support/built-programs.ts";
import { compareRow } from "./compare.ts";
import { needsPackages } from "./needs.ts";
import type { RealRun } from "./real-run.ts";
import { runRow } from "./run.ts";

/** A step may wait for packages of a hundred megabytes. */
const TIMEOUT_MS = 1_800_000;

/** Of rows without packages several run at a time. */
export function declareRows(rows: readonly RealRun[]): void {
  let programs: Programs;
  let folder = "";
  beforeAll(async () => {
    programs = await builtPrograms();
    folder = mkdtempSync(path.join(tmpdir(), "kfp-real-runs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const declare = rows.some(needsPackages) ? describe : describe.concurrent;
  declare.each(rows.map((row) => ({ row, name: nameOf(row) })))("$name", ({ row }) => {
    test("does what its source promises", { timeout: TIMEOUT_MS }, async ({ expect }) => {
      const ended = await runRow(row, { programs, folder });
      if (row.refusal !== undefined) {
        expect(ended.stderr).toMatch(row.refusal.says);
        return expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: "" });
      }
      expect(ended.stdout, ended.stderr).not.toBe("");
      const { actual, expected } = compareRow(row, ended);
      expect(actual, ended.stderr).toEqual(expected);
    });
  });
}

function nameOf({ pipeline, variant }: RealRun): string {
  return variant === undefined ? pipeline : `${pipeline}, ${variant}`;
}
