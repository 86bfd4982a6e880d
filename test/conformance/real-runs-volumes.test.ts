/** The pipelines of the table whose steps see volumes, run for real; those with packages in long runs of the tests only. */
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { afterAll, describe } from "vitest";
import { mountSupport } from "../../src/local/steps/host-mounts.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";
import { declareRows } from "./real-runs/declare.ts";
import { mountPathsOf, needsPackages, needsVolumes } from "./real-runs/needs.ts";
import { realRuns } from "./real-runs/table.ts";

const support = mountSupport();
const cannotMount = skipUnless(
  "unshare" in support && process.getuid?.() === 0,
  `real runs with volumes: ${"reason" in support ? support.reason : "only root makes the folders to mount on"}`,
);
const rows = realRuns.filter((row) => needsVolumes(row));

describe.skipIf(cannotMount)("with volumes", () => {
  // Made by the command for want of a place to mount on.
  const madeHere = rows.flatMap(mountPathsOf).filter((mountPath) => !existsSync(mountPath));
  afterAll(() => {
    for (const folder of new Set(madeHere)) {
      if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
    }
  });

  declareRows(rows.filter((row) => !needsPackages(row)));

  const isLong = process.env["KFP_RUNTIME_TEST_LONG"] === "1";
  const reason = "real runs of Python components with volumes: needs python3 3.11 with venv, and a package index";
  describe.skipIf(!isLong || skipUnless(canInstallSdk("kfp==2.14.3"), reason))("and packages", () => {
    declareRows(rows.filter((row) => needsPackages(row)));
  });
});
