/** The API server is away for a minute at every step boundary of a run of ten steps; KFP_TEST_OUTAGE_SECONDS sets another time. */
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { chainOf, complaints, runWithOutages } from "../support/outages.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { comparableRows, statesByPath } from "../support/restartable-server.ts";

const downMs = Number(process.env["KFP_TEST_OUTAGE_SECONDS"] ?? "60") * 1000;

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

test("a run of ten steps ends SUCCEEDED with the rows of an undisturbed one", { timeout: 3 * 3_600_000 }, async () => {
  const makePipeline = (artifactUri: string) => chainOf(9, artifactUri);
  const calm = await runWithOutages({ programs, folder: path.join(folder, "calm"), makePipeline });
  const disturbed = await runWithOutages({ programs, folder: path.join(folder, "disturbed"), makePipeline, downMs });
  expect(disturbed.outcome, complaints(disturbed)).toBe("succeeded");
  expect(new Set(Object.values(statesByPath(disturbed.tasks)))).toEqual(new Set(["SUCCEEDED"]));
  expect(comparableRows(disturbed.tasks)).toEqual(comparableRows(calm.tasks));
  // ROOT, the importer, nine drivers of steps, four of sub-pipelines, and nine launchers, each twice.
  expect(disturbed.outages).toBe(33);
});
