import { test } from "vitest";
import { warnOfUnknownFields } from "../../src/program/unknown-fields.ts";

test("warnOfUnknownFields() warns once of all fields, and not at all of none", ({ expect }) => {
  const lines: unknown[] = [];
  const logger = { warn: (message: string, fields?: object) => void lines.push([message, fields]) };
  warnOfUnknownFields(logger, "--executor_input", []);
  warnOfUnknownFields(logger, "--executor_input", ["a.b", "c"]);
  expect(lines).toEqual([["Fields unknown to this version are ignored", { in: "--executor_input", fields: "a.b, c" }]]);
});
