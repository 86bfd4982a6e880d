/** No credential turns up in what the programs print, store or leave behind, at the lowest and the highest log level. */
import { describe, test } from "vitest";
import { findPlanted, SCENARIOS, type Logging } from "../support/planted-secrets.ts";

const LOGGINGS: readonly Logging[] = [
  { level: 0, format: "text" },
  { level: 4, format: "text" },
  { level: 4, format: "json" },
];

describe.for(LOGGINGS)("at log level $level, as $format", (logging) => {
  test.for(SCENARIOS)("$program: $name", { timeout: 120_000 }, async (scenario, { expect }) => {
    const { exitCode, leaks, said } = await findPlanted(scenario, logging);
    expect(leaks).toEqual([]);
    // Each got as far as it should: a program that never logs in cannot leak.
    expect(exitCode, said).toBe(scenario.exitCode);
  });
});
