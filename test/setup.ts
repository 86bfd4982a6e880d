/** For every test file: no program that it has started outlives it, whatever becomes of its tests. */
import { afterAll } from "vitest";
import { watchStartedPrograms } from "./support/started-programs.ts";

const programs = watchStartedPrograms("KFP_RUNTIME_TEST_FILE");

// Such hooks run in the opposite order: this one after those of the file itself.
afterAll(async () => {
  for (const name of await programs.end()) process.stderr.write(`left running by a test file, and ended: ${name}\n`);
}, 60_000);
