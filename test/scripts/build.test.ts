import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildProbe, makeFolder, removeFolder } from "../support/probe.ts";

let folder = "";

beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

function listFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(path.join(root, name)).isFile())
    .toSorted();
}

interface Meta {
  readonly inputs: string;
  readonly programs: Record<string, { eager: string[]; reachable: string[] }>;
}

function readMeta(out: string): Meta {
  return JSON.parse(readFileSync(path.join(out, "meta.json"), "utf8")) as Meta;
}

describe("scripts/build.mjs", () => {
  test("writes the same bytes every time, code caches included", async ({ expect }) => {
    const [first, second] = [path.join(folder, "first"), path.join(folder, "second")];
    await buildProbe(first);
    await buildProbe(second);
    const files = listFiles(first);
    expect(listFiles(second)).toEqual(files);
    for (const file of files.filter((name) => name !== "meta.json")) {
      expect(readFileSync(path.join(second, file)).equals(readFileSync(path.join(first, file))), file).toBe(true);
    }
    expect(files).toEqual(
      expect.arrayContaining([
        "bin/probe",
        "lib/boot.cjs",
        "lib/probe.js",
        "lib/probe.js.cache",
        "lib/probe.js.map",
        "meta.json",
      ]),
    );
  });

  test("keeps names of variables and writes nothing but ASCII", async ({ expect }) => {
    const out = path.join(folder, "names");
    await buildProbe(out, undefined, ["--no-code-cache"]);
    const texts = listFiles(path.join(out, "lib"))
      .filter((file) => file.endsWith(".js"))
      .map((file) => readFileSync(path.join(out, "lib", file), "utf8"));
    expect(texts.join("")).toContain("const greeting=");
    // oxlint-disable-next-line eslint/no-control-regex
    expect(texts.filter((text) => !/^[\x00-\x7f]*$/.test(text))).toEqual([]);
  });

  test("shares what two programs have in common, once", async ({ expect }) => {
    const out = path.join(folder, "two");
    await buildProbe(out, { one: "probe/main.ts", two: "probe/lazy.ts" }, ["--no-code-cache"]);
    const owners = listFiles(path.join(out, "lib")).filter(
      (file) => file.endsWith(".js") && readFileSync(path.join(out, "lib", file), "utf8").includes("registry=new Map"),
    );
    expect(owners).toEqual(["shared-test-fixtures-probe-shared.js"]);
    const meta = readMeta(out);
    expect(meta.programs["two"]?.eager).toContain("shared-test-fixtures-probe-shared");
    expect(meta.programs["one"]?.reachable).toContain("test-fixtures-probe-surroundings");
    expect(meta.programs["one"]?.eager).not.toContain("test-fixtures-probe-surroundings");
  });
});
