/** The pipelines of the table whose steps want packages, run for real: environments are made of what a package index gives. */
import { describe } from "vitest";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";
import { declareRows } from "./real-runs/declare.ts";
import { needsPackages, needsVolumes } from "./real-runs/needs.ts";
import { realRuns } from "./real-runs/table.ts";

const reason = "real runs of Python components: needs python3 3.11 with venv, and a package index";
describe.skipIf(skipUnless(canInstallSdk("kfp==2.14.3"), reason))("with packages", () => {
  declareRows(realRuns.filter((row) => needsPackages(row) && !needsVolumes(row)));
});
