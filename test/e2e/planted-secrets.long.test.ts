/** No credential turns up in what the programs print, store or leave behind, at any log level and in either format. */
import { describe, test } from "vitest";
import { findPlanted, SCENARIOS } from "../support/planted-secrets.ts";

const LOGGINGS = [0, 1, 2, 3, 4].flatMap((level) => (["text", "json"] as const).map((format) => ({ level, format })));

describe.for(LOGGINGS)("at log level $level, as $format", (logging) => {
  test.for(SCENARIOS)("$program: $name", { timeout: 120_000 }, async (scenario, { expect }) => {
    const { exitCode, leaks, said } = await findPlanted(scenario, logging);
    expect(leaks).toEqual([]);
    expect(exitCode, said).toBe(scenario.exitCode);
  });
});
