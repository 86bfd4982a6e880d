/** The API server is stopped at every step boundary of a run, and nothing is lost. */
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { chainOf, complaints, runWithOutages } from "../support/outages.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { comparableRows, statesByPath } from "../support/restartable-server.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

test("drivers, launchers and importers outlast it; the rows are those of an undisturbed run", { timeout: 300_000 }, async () => {
  const makePipeline = (artifactUri: string) => chainOf(2, artifactUri);
  const calm = await runWithOutages({ programs, folder: path.join(folder, "calm"), makePipeline });
  expect(calm.outcome, complaints(calm)).toBe("succeeded");
  expect(new Set(Object.values(statesByPath(calm.tasks)))).toEqual(new Set(["SUCCEEDED"]));

  const disturbed = await runWithOutages({
    programs,
    folder: path.join(folder, "disturbed"),
    makePipeline,
    downMs: 0,
    retryTimeout: "60s",
  });
  expect(disturbed.outcome, complaints(disturbed)).toBe("succeeded");
  expect(comparableRows(disturbed.tasks)).toEqual(comparableRows(calm.tasks));
  // ROOT, the importer, the drivers of two steps and a sub-pipeline, and two launchers, each twice.
  expect(disturbed.outages).toBe(9);
  for (const [program, { stderr }] of disturbed.programs) {
    const outages = program.endsWith(" launcher") ? 2 : 1;
    expect(stderr.split("The API server does not answer").length - 1, program).toBe(outages);
    expect(stderr.split("The API server answers again").length - 1, program).toBe(outages);
  }
});
