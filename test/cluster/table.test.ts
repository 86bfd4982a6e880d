import { test } from "vitest";
import { markdownTable } from "./table.ts";

test("markdownTable() has a row per scenario, in columns of one width", ({ expect }) => {
  const played = { pods: 3, seconds: 12.4, rowsEqual: true, problems: [] };
  expect(
    markdownTable([
      { name: "hello world", played },
      { name: "loop", played: { ...played, pods: 12, rowsEqual: undefined, problems: ["late"] } },
    ]).split("\n"),
  ).toEqual([
    "| pipeline    | pods | seconds | rows equal   | as expected |",
    "| ----------- | ---- | ------- | ------------ | ----------- |",
    "| hello world | 3    | 12      | yes          | yes         |",
    "| loop        | 12   | 12      | not compared | no          |",
  ]);
});
