/** Chunks that are always loaded together become one file: scripts/lib/chunk-plan.mjs and chunk-groups.mjs. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildProbe, makeFolder, removeFolder, root, runToEnd } from "../support/probe.ts";

interface Chunk {
  readonly name: string;
  readonly file: string;
  readonly isProgram: boolean;
  readonly isCommonJs: boolean;
  readonly exports: string[];
  readonly entryPoint: string | undefined;
  readonly eager: string[];
  readonly lazy: string[];
  readonly packages: Record<string, number>;
}
interface Group {
  readonly name: string;
  readonly members: readonly Chunk[];
  readonly everyRunOf: readonly string[];
}
type GroupChunks = (plan: readonly Chunk[], everyRun: Readonly<Record<string, readonly string[]>>) => Group[];

let groupChunks: GroupChunks;

beforeAll(async () => {
  const file = pathToFileURL(path.join(root, "scripts/lib/chunk-plan.mjs")).href;
  ({ groupChunks } = (await import(file)) as { groupChunks: GroupChunks });
});

function chunk(name: string, eager: string[] = [], lazy: string[] = [], more: Partial<Chunk> = {}): Chunk {
  const isEntry = name.endsWith(".ts");
  return {
    ...{ name, file: `${name}.js`, isProgram: false, isCommonJs: false, exports: [] },
    ...{ entryPoint: isEntry ? name : undefined, eager, lazy, packages: {}, ...more },
  };
}

/** Two programs: both load `base` at their start and `work.ts` with `lib` in every run, `a` loads `rare.ts` sometimes. */
const plan = [
  chunk("a", ["base", "flags-a"], ["work.ts", "rare.ts"], { isProgram: true }),
  chunk("b", ["base", "late"], ["work.ts", "b.ts"], { isProgram: true }),
  chunk("base"),
  chunk("flags-a"),
  chunk("late"),
  chunk("work.ts", ["base", "lib"]),
  chunk("lib", ["late"]),
  chunk("b.ts", ["rare-lib", "own-lib"]),
  chunk("own-lib"),
  chunk("rare-lib"),
  chunk("rare.ts", ["rare-lib", "only-rare"]),
  chunk("only-rare"),
];
const everyRun = { a: ["work.ts"], b: ["work.ts", "b.ts"] };

describe("grouping chunks", () => {
  test("puts together what the same programs load at the same moment, and nothing else", ({ expect }) => {
    const groups = groupChunks(plan, everyRun).map(({ name, members, everyRunOf }) => ({
      name,
      members: members.map((member) => member.name),
      everyRunOf,
    }));
    expect(groups).toEqual([
      { name: "a", members: ["flags-a", "a"], everyRunOf: ["a"] },
      { name: "b", members: ["b"], everyRunOf: ["b"] },
      { name: "shared-start", members: ["base"], everyRunOf: ["a", "b"] },
      { name: "a-run-b-start", members: ["late"], everyRunOf: ["a", "b"] },
      { name: "shared-run", members: ["work.ts", "lib"], everyRunOf: ["a", "b"] },
      { name: "b-run", members: ["b.ts", "own-lib"], everyRunOf: ["b"] },
      { name: "a-sometimes-b-run", members: ["rare-lib"], everyRunOf: ["b"] },
      { name: "rare.ts", members: ["rare.ts"], everyRunOf: [] },
      { name: "only-rare", members: ["only-rare"], everyRunOf: [] },
    ]);
  });

  test("leaves every chunk alone where nothing is said about runs", ({ expect }) => {
    expect(groupChunks(plan, {}).map(({ name, members }) => [name, members.length])).toEqual(plan.map(({ name }) => [name, 1]));
  });

  test("says which source no import() loads", ({ expect }) => {
    expect(() => groupChunks(plan, { a: ["gone.ts"] })).toThrow(
      "no import() loads gone.ts, which every run of a is said to load",
    );
  });

  test("refuses to merge a CommonJS package, whose names are made when it runs", ({ expect }) => {
    const withPackage = plan.map((each) => (each.name === "own-lib" ? { ...each, isCommonJs: true } : each));
    expect(() => groupChunks(withPackage, everyRun)).toThrow("own-lib is a CommonJS package and cannot share its file");
  });
});

describe("programs of grouped chunks", () => {
  let folder = "";
  const programs = { one: "together/one.ts", two: "together/two.ts" };
  const source = (name: string) => `test/fixtures/together/${name}.ts`;
  const options = ["work", "other"]
    .map((name) => `one=${source(name)}`)
    .concat([`two=${source("other")}`, `two=${source("seldom")}`])
    .flatMap((pair) => ["--every-run", pair]);

  beforeAll(async () => {
    folder = await makeFolder();
    const built = await buildProbe(path.join(folder, "grouped"), programs, [...options, "--no-code-cache"]);
    if (built.code !== 0) throw new Error(built.stderr);
  }, 60_000);
  afterAll(() => removeFolder(folder));

  async function run(program: string, ...args: string[]) {
    const boot = path.join(folder, "grouped/lib/boot.cjs");
    const { stdout, stderr } = await runToEnd(process.execPath, [boot, program, ...args], { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" });
    return { stdout, files: [...stderr.matchAll(/^code cache of (\S+):/gm)].map(([, name = ""]) => name) };
  }

  test.for([
    { args: ["one"], lines: ["work <one><one>1", "other <one><one>1"] },
    { args: ["two"], lines: ["other <two><two>1", "seldom xx1 other <seldom><seldom>1"] },
    { args: ["one", "seldom"], lines: ["work <one><one>1", "other <one><one>1", "seldom xx1 other <seldom><seldom>1"] },
  ])(
    "do what they did, with exports of one name in one file: $args",
    async ({ args: [program = "", ...args], lines }, { expect }) => {
      const { stdout } = await run(program, ...args);
      expect(stdout.trim().split("\n")).toEqual(lines);
    },
  );

  test("load few files, and no file for what they do not do", async ({ expect }) => {
    const seldomFiles = (await run("one", "seldom")).files;
    const files = (await run("one")).files;
    expect(files.length).toBeLessThanOrEqual(5);
    expect(seldomFiles.length).toBe(files.length + 1);
  });

  test("have source maps of the sources alone", ({ expect }) => {
    const lib = path.join(folder, "grouped/lib");
    const maps = readdirSync(lib).filter((name) => name.endsWith(".map"));
    const sources = maps.flatMap(
      (name) => (JSON.parse(readFileSync(path.join(lib, name), "utf8")) as { sources: string[] }).sources,
    );
    expect(new Set(sources.map((name) => path.basename(name)))).toEqual(
      new Set(["one.ts", "two.ts", "label.ts", "twice.ts", "work.ts", "other.ts", "seldom.ts"]),
    );
  });

  test("hold no path of the machine that built them", ({ expect }) => {
    const lib = path.join(folder, "grouped/lib");
    for (const name of readdirSync(lib).filter((file) => file.endsWith(".js"))) {
      expect(readFileSync(path.join(lib, name), "utf8"), name).not.toContain(folder);
    }
  });
});
