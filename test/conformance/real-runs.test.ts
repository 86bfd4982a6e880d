/**
 * The pipelines of the table whose steps want nothing but this machine's own programs, run for real.
 *
 * With volumes: real-runs-volumes.test.ts; with packages: real-runs.long.test.ts.
 */
import { declareRows } from "./real-runs/declare.ts";
import { needsPackages, needsVolumes } from "./real-runs/needs.ts";
import { realRuns } from "./real-runs/table.ts";

declareRows(realRuns.filter((row) => !needsPackages(row) && !needsVolumes(row)));
