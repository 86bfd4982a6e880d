/**
 * What the language says becomes of the pipelines in test/fixtures/semantics: control structures inside each other, whose parameters say
 * what fails and what is skipped. Shares no code with the engine, drivers and launchers.
 *
 * | rule | what |
 * | --- | --- |
 * | R1 | a step FAILED when its program did, else it SUCCEEDED |
 * | R2 | a task starts when all that it depends on has ended well; otherwise it is not run, and has no row |
 * | R3 | a condition that does not hold is SKIPPED, and nothing in it is run; so is a loop without items, which has ended well |
 * | R4 | of the branches of a choice one is run, the others are SKIPPED |
 * | R5 | the iterations of a loop do not wait for each other: a failure in one leaves the others alone |
 * | R6 | a pipeline, branch, loop, choice or body of an exit handler FAILED when a task directly in it did, is SKIPPED when all of them are, and SUCCEEDED otherwise |
 * | R7 | it has ended well unless it FAILED |
 * | R8 | the exit task is run whatever became of the body |
 * | R9 | a run FAILED when its root did |
 *
 * Source: docs/spec/status-roll-up.md#evaluation-of-a-parent, #per-type, docs/local.md#what-becomes-of-each-task, #the-state-of-a-run.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { parse } from "yaml";
import type { RunResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type Programs } from "./built-programs.ts";
import { member } from "./pipeline-model.ts";
import { root } from "./probe.ts";
import { parseResult, statesOf } from "./run-results.ts";

const STRUCTURES = ["pipeline", "if", "branches", "loop"] as const;
type Structure = (typeof STRUCTURES)[number];

/** A pipeline of the folder. */
export interface Nest {
  readonly outer: Structure;
  readonly inner: Structure;
}

export const NESTS: readonly Nest[] = STRUCTURES.flatMap((outer) => STRUCTURES.map((inner) => ({ outer, inner })));

const POSITIONS = ["before", "first", "leaf", "last", "after", "end"] as const;

/** What differs from a run in which everything is run once for each of two items and does well: values of parameters. */
export type Deviation = Partial<Record<(typeof POSITIONS)[number] | "outer_go" | "inner_go", string>> &
  Partial<Record<"outer_items" | "inner_items", readonly string[]>>;

const ITEMS = { outer: ["a", "b"], inner: ["c", "d"] } as const;

/** Failure at each position, in each place of it, and each structure skipped; nothing first. */
export function deviationsOf(nest: Nest): Deviation[] {
  const failures = POSITIONS.map((position): Deviation => ({ [position]: "all" }));
  return [{}, ...failures, ...oneIterationFails(nest), ...skips(nest)];
}

/** Two of them at once. */
export function pairsOf(nest: Nest): Deviation[] {
  const single = deviationsOf(nest).slice(1);
  return single.flatMap((one, index) =>
    single.slice(index + 1).flatMap((other) => {
      const isApart = Object.keys(one).every((key) => !Object.hasOwn(other, key));
      return isApart ? [{ ...one, ...other }] : [];
    }),
  );
}

function oneIterationFails({ outer, inner }: Nest): Deviation[] {
  return [
    ...(outer === "loop" ? [{ first: "b" }, { last: "a" }] : []),
    ...(inner === "loop" ? [{ leaf: "d" }] : outer === "loop" ? [{ leaf: "b" }] : []),
  ];
}

function skips({ outer, inner }: Nest): Deviation[] {
  const skip = (kind: Structure, which: "outer" | "inner"): Deviation[] => {
    if (kind === "pipeline") return [];
    return [kind === "loop" ? { [`${which}_items`]: [] } : { [`${which}_go`]: "no" }];
  };
  return [...skip(outer, "outer"), ...skip(inner, "inner")];
}

type State = "SUCCEEDED" | "FAILED" | "SKIPPED";

/** Where something stands: its path without the root, and the items of the loops around it. */
interface Place {
  readonly path: string;
  readonly iterations: readonly number[];
  /** Of the innermost loop. */
  readonly item: string;
}

/** The state of the run, and of every row by its label as `observed` makes it. */
export function expected(nest: Nest, deviation: Deviation): Readonly<Record<string, string>> {
  return new Semantics(nest, deviation).run();
}

class Semantics {
  readonly #nest: Nest;
  readonly #deviation: Deviation;
  readonly #rows: Record<string, State> = {};

  constructor(nest: Nest, deviation: Deviation) {
    this.#nest = nest;
    this.#deviation = deviation;
  }

  run(): Record<string, string> {
    const place: Place = { path: "", iterations: [], item: "none" };
    const handler = this.#group({ ...place, path: "exit-handler" }, (body) => this.#handlerBody(body));
    const end = this.#row("clean", place, this.#deviation.end === "all" ? "FAILED" : "SUCCEEDED");
    return { ...this.#rows, root: rolledUp([handler, end]) };
  }

  #handlerBody(place: Place): State[] {
    const { outer } = this.#nest;
    const before = this.#step("before", place);
    if (before === "FAILED") return [before];
    const made = this.#structure(outer, "outer", place, (body) => this.#outerBody(body));
    // Nothing depends on a condition.
    const mayGoOn = outer === "if" || made !== "FAILED";
    return [before, made, ...(mayGoOn ? [this.#step("after", place)] : [])];
  }

  #outerBody(place: Place): State[] {
    const { inner } = this.#nest;
    const first = this.#step("first", place);
    if (first === "FAILED") return [first];
    const made = this.#structure(inner, "inner", place, (body) => [this.#step("leaf", body)]);
    const mayGoOn = inner === "if" || made !== "FAILED";
    return [first, made, ...(mayGoOn ? [this.#step("last", place)] : [])];
  }

  #structure(kind: Structure, which: "outer" | "inner", place: Place, body: (place: Place) => State[]): State {
    const holds = this.#deviation[`${which}_go`] !== "no";
    const below = (name: string): Place => ({ ...place, path: `${place.path}.${name}` });
    switch (kind) {
      case "pipeline":
        return this.#group(below("sub"), body);
      case "if":
        return holds ? this.#group(below("condition"), body) : this.#row("condition", place, "SKIPPED");
      case "branches":
        return this.#group(below("condition-branches"), (choice) => {
          const branch = (name: string): Place => ({ ...choice, path: `${choice.path}.${name}` });
          if (!holds) {
            const skipped = this.#row("if", choice, "SKIPPED");
            return [skipped, this.#group(branch("else"), (other) => [this.#row("otherwise", other, "SUCCEEDED")])];
          }
          return [this.#group(branch("if"), body), this.#row("else", choice, "SKIPPED")];
        });
      case "loop": {
        const items = this.#deviation[`${which}_items`] ?? ITEMS[which];
        const { iterations } = place;
        return this.#group(below("for-loop"), (loop) =>
          items.flatMap((item, index) => body({ ...loop, iterations: [...iterations, index], item })),
        );
      }
    }
  }

  #group(place: Place, body: (place: Place) => State[]): State {
    const state = rolledUp(body(place));
    this.#rows[labelOf(place)] = state;
    return state;
  }

  #step(name: "before" | "first" | "leaf" | "last" | "after", place: Place): State {
    const does = this.#deviation[name];
    return this.#row(name, place, does === "all" || does === place.item ? "FAILED" : "SUCCEEDED");
  }

  #row(name: string, place: Place, state: State): State {
    this.#rows[labelOf({ ...place, path: place.path === "" ? name : `${place.path}.${name}` })] = state;
    return state;
  }
}

/** R6; a loop without items has no children. */
function rolledUp(children: readonly State[]): State {
  if (children.includes("FAILED")) return "FAILED";
  return children.every((state) => state === "SKIPPED") ? "SKIPPED" : "SUCCEEDED";
}

function labelOf({ path, iterations }: Place): string {
  return iterations.length === 0 ? path : `${path}[${iterations.join(",")}]`;
}

/** What `expected` tells of a run that there was; names of groups without the compiler's numbers. */
export function observed(nest: Nest, result: RunResult): Readonly<Record<string, string>> {
  const elseBranches = elseBranchesOf(nest);
  const name = (key: string): string => {
    if (elseBranches.has(key)) return elseBranches.get(key) === true ? "else" : "if";
    return key.replace(/-\d+$/, "");
  };
  return Object.fromEntries(
    Object.entries(statesOf(result)).map(([label, state]) => {
      const [, path = "", iterations = ""] = /^([^[]*)(.*)$/.exec(label) ?? [];
      return [path.split(".").map(name).join(".") + iterations, state];
    }),
  );
}

export function pipelineFile({ outer, inner }: Nest): string {
  return join(root, "test/fixtures/semantics", `${outer}_${inner}.yaml`);
}

/** Keys of the branches of choices, and whether they are the Else: the compiler numbers them in order. */
function elseBranchesOf(nest: Nest): Map<string, boolean> {
  const spec = parse(readFileSync(pipelineFile(nest), "utf8")) as Record<string, unknown>;
  const components = Object.entries(member(spec, "components"));
  return new Map(
    components.flatMap(([component, body]) => {
      if (!component.startsWith("comp-condition-branches-")) return [];
      const numbers = Object.keys(member(body, "dag", "tasks")).map((key) => Number(key.replace("condition-", "")));
      return numbers.map((number): [string, boolean] => [`condition-${String(number)}`, number === Math.max(...numbers)]);
    }),
  );
}

export interface RunOptions {
  readonly isolation: "in-process" | "process";
  readonly folder: string;
}

/** Runs a pipeline. @returns What differs from what is expected, one line each; empty when nothing does. */
export async function differences(
  programs: Programs,
  nest: Nest,
  deviation: Deviation,
  { isolation, folder }: RunOptions,
): Promise<string[]> {
  const parameters = Object.entries(deviation).flatMap(([name, value]) => [
    "--param",
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  ]);
  const options = ["--isolation", isolation, "--home", "home", "--no-cache", "--output", "json"];
  const { code, stdout, stderr } = await runCli(programs, ["run", pipelineFile(nest), ...parameters, ...options], {
    cwd: folder,
  });
  const about = `${nest.outer} around ${nest.inner}, ${JSON.stringify(deviation)}`;
  if (stdout === "") return [`${about}: exit code ${String(code)}: ${stderr.slice(-500)}`];
  const result = parseResult(stdout);
  const wanted = expected(nest, deviation);
  const found = observed(nest, result);
  const labels = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].toSorted();
  const rows = labels
    .filter((label) => wanted[label] !== found[label])
    .map((label) => `${about}: ${label} is ${found[label] ?? "not there"}, not ${wanted[label] ?? "absent"}`);
  // R9
  const ends = [result.state, code === 0 ? "SUCCEEDED" : "FAILED"].filter((end) => end !== wanted["root"]);
  return [...rows, ...ends.map((end) => `${about}: the run ended ${end}, exit code ${String(code)}`)];
}

/** The built programs and a folder for the tests of a file; there once its tests begin. */
export function semanticsWorld(): { programs: Programs; folder: string } {
  const world = { programs: { bin: "" } as Programs, folder: "" };
  beforeAll(async () => {
    world.programs = await builtPrograms();
    world.folder = mkdtempSync(join(tmpdir(), "kfp-semantics-"));
  }, 300_000);
  afterAll(() => rmSync(world.folder, { recursive: true, force: true }));
  return world;
}
