import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { root } from "../support/probe.ts";

// docs/spec/api-versions.md#listrunsrequest, #ups-12: 7 and 8 mean different things to different servers.
test("UPS-12: no client of ours calls ListRuns over gRPC", ({ expect }) => {
  const files = readdirSync(join(root, "src"), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/src\/(?:gen|apiserver)\//.test(file));
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => /\blistRuns\b/.test(readFileSync(file, "utf8")))).toEqual([]);
});
