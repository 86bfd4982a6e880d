/**
 * The structure of src is held by the linter: one forbidden line for each rule, put into a copy of a real file, is refused.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { floors, layers } from "../../../scripts/lint/layer-table.mjs";

const root = join(import.meta.dirname, "../../..");

/** Forbidden line, rule that refuses it, and the file it is put into. */
const cases: readonly { file: string; line: string; rule: string; name: string }[] = [
  ...Object.entries(layers).flatMap(([layer, allowed]) => {
    const forbidden = Object.keys(layers).find((other) => other !== layer && !allowed.includes(other));
    if (forbidden === undefined || layer === "gen") return [];
    const file = sampleOf(layer);
    return [{ name: `${layer} imports ${forbidden}`, file, line: importLine(file, forbidden), rule: "layers(may-import)" }];
  }),
  ...Object.entries(floors).flatMap(([layer, order]) =>
    order.slice(0, -1).map((floor, at) => {
      const file = sampleOf(`${layer}/${floor}`);
      const later = `${layer}/${String(order[at + 1])}`;
      return { name: `${layer}/${floor} imports ${later}`, file, line: importLine(file, later), rule: "layers(may-import)" };
    }),
  ),
  rule("core imports at run time", "core", 'export const late = () => import("../../ports/clock.ts");', "layers(may-import)"),
  rule("core re-exports", "core", 'export * from "../../ports/clock.ts";', "layers(may-import)"),
  rule("core reads files", "core", 'import "node:fs";', "layers(pure)"),
  rule("core takes more than createHash", "core", 'import { randomUUID } from "node:crypto"; randomUUID();', "layers(pure)"),
  rule("the resolver opens sockets", "resolver", 'export const net = () => import("node:net");', "layers(pure)"),
  rule("an adapter reads the environment", "apiclient", 'export const home = process.env["HOME"];', "layers(ambient)"),
  rule("a use case reads the arguments", "driver", "export const argv = globalThis.process.argv;", "layers(ambient)"),
  rule("a use case takes them apart", "launcher", "export const { env } = process;", "layers(ambient)"),
  rule("an adapter imports them", "node", 'import { stdout } from "node:process"; stdout.end();', "layers(ambient)"),
  rule("an adapter writes to the console", "objectstore", 'console.log("here");', "layers(ambient)"),
  rule("a use case ends the process", "local", "process.exit(1);", "layers(ambient)"),
];

function rule(name: string, layer: string, line: string, expected: string) {
  return { name, file: sampleOf(layer), line, rule: expected };
}

/** A file two folders below src where there is one, so that `../../` is src. */
function sampleOf(folder: string): string {
  const files = globSync(`src/${folder}/**/*.ts`, { cwd: root }).toSorted();
  const found = files.find((file) => file.split("/").length === 4 && !file.endsWith("main.ts")) ?? files.at(-1);
  if (found === undefined) throw new Error(`src/${folder} has no source file`);
  return found;
}

function importLine(file: string, folder: string): string {
  const target = globSync(`src/${folder}/**/*.{ts,js}`, { cwd: root }).find((name) => !name.endsWith(".d.ts"));
  const up = "../".repeat(file.split("/").length - 2);
  return `import "${up}${String(target).slice("src/".length)}";`;
}

let refusals: Map<string, string[]>;
const scratch = mkdtempSync(join(tmpdir(), "kfp-runtime-layers-"));

beforeAll(() => {
  // One tree per case: two cases may want the same file.
  for (const [index, { file, line }] of cases.entries()) {
    const copy = join(scratch, String(index), file);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, `${readFileSync(join(root, file), "utf8")}\n${line}\n`);
  }
  cpSync(join(root, "scripts/lint"), join(scratch, "scripts/lint"), { recursive: true });
  cpSync(join(root, ".oxlintrc.json"), join(scratch, ".oxlintrc.json"));
  const run = spawnSync(join(root, "node_modules/.bin/oxlint"), ["-c", ".oxlintrc.json", "--format=unix", "."], {
    cwd: scratch,
    encoding: "utf8",
    timeout: 60_000,
  });
  refusals = new Map();
  for (const line of run.stdout.split("\n")) {
    const [, index, rest] = /^(?:\.\/)?(\d+)\/(.*)$/.exec(line) ?? [];
    if (index !== undefined && rest !== undefined) refusals.set(index, [...(refusals.get(index) ?? []), rest]);
  }
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("the linter refuses", () => {
  test.for(cases.map((entry, index) => ({ ...entry, index })))("$name: $line", ({ index, line, rule: expected }, { expect }) => {
    const said = refusals.get(String(index)) ?? [];
    expect(said.filter((text) => text.includes("layers"))).toEqual([expect.stringContaining(expected)]);
    expect(line).not.toBe("");
  });
});

describe("docs/architecture.md", () => {
  test("has the same table of layers", ({ expect }) => {
    const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
    const rows = [...text.matchAll(/^\| `src\/([a-z]+)`\s*\|[^|]*\|([^|]*)\|$/gm)].map(
      ([, folder, allowed]) => [folder, (allowed ?? "").trim()] as const,
    );
    const table = Object.entries(layers).map(([folder, allowed]) => [folder, allowed.length === 0 ? "–" : allowed.join(", ")]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(table));
  });
});

describe("src", () => {
  test("has no folder with more files than a person takes in at a glance", ({ expect }) => {
    const counts = new Map<string, number>();
    for (const file of globSync("src/**/*.*", { cwd: root, withFileTypes: true })) {
      const folder = relative(root, file.parentPath);
      if (file.isFile() && !folder.startsWith("src/gen")) counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    expect(counts.size).toBeGreaterThan(20);
    expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
  });
});
