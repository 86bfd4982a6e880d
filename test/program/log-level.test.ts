import { describe, test } from "vitest";
import { readLogLevel } from "../../src/program/log-level.ts";

describe("readLogLevel()", () => {
  test.for([
    ["4", 4],
    ["0x2", 2],
    ["-1", -1],
  ] as const)("reads %j as Go does", ([text, logLevel], { expect }) => {
    expect(readLogLevel(text)).toEqual({ logLevel, warnings: [] });
  });
  test.for(["high", "", "4abc", "1e2", "99999999999999999999"])("takes 1 for %j and says so", (text, { expect }) => {
    const warnings = [`--log_level ${JSON.stringify(text)} is not a number, 1 is used`];
    expect(readLogLevel(text)).toEqual({ logLevel: 1, warnings });
  });
});
