/**
 * What must hold of a driver with damaged input, whatever was damaged; and one such driver in this process.
 *
 * @module
 */
import { TaskState } from "../../src/core/kfp-types.ts";
import { assertObjectName } from "../../src/core/spec/object-name.ts";
import type { DriverKube } from "../../src/driver/deps.ts";
import type { FakeApi } from "../fakes/kfp-api.ts";
import { damagedCase, type DamagedCase } from "./damaged-cases.ts";

const LIMIT_MS = 20_000;

/** Signs of a program that broke, where a message of its own was due. */
const BROKEN =
  /\n\s+at |TypeError|RangeError|SyntaxError|Cannot read propert|is not a function|is not iterable|undefined|\[object Object\]|INVARIANT_BROKEN|call stack/;

export interface Outcome {
  readonly exitCode: number | null;
  /** What is wrong with it; empty when all holds. */
  readonly problems: readonly string[];
}

/** What a driver left. */
export interface Ended {
  /** Null: it did not end by itself. */
  readonly exitCode: number | null;
  /** Names of its output files, without their folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Its lines of level error. */
  readonly errors: readonly string[];
  /** Its other lines above info. */
  readonly warnings: readonly string[];
  /** What it wrote beside the log: usage. */
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Sentences about what is wrong. */
export async function problemsOf(damaged: DamagedCase, ended: Ended): Promise<string[]> {
  const { target, argv, driven, stage } = damaged;
  const { exitCode, files, errors, warnings, stderr, elapsedMs } = ended;
  const said = [...errors, stderr].filter((part) => part !== "").join("\n");
  const excerpt = said.slice(0, 600);
  const problems: string[] = [];
  if (exitCode === null) problems.push("did not end");
  if (elapsedMs > LIMIT_MS) problems.push(`took ${String(Math.round(elapsedMs))} ms`);
  for (const text of [said, ...warnings]) {
    if (BROKEN.test(text.replaceAll(/"[^"]*"/g, '""'))) problems.push(`not a message for people: ${text.slice(0, 600)}`);
  }
  if (exitCode === 0) {
    const isInfo = argv.some((argument) => /^--?(?:version|help|h)\b/.test(argument)) || stderr !== "";
    if (target !== "flags") problems.push(...missingFiles(files, damaged));
    else if (!isInfo && files.size === 0) problems.push("exit 0 without a file");
    if (errors.length > 0) problems.push(`exit 0 with an error: ${excerpt}`);
  } else {
    const messages = errors.length + (stderr === "" ? 0 : 1);
    if (messages !== 1) problems.push(`${String(messages)} messages instead of one: ${excerpt}`);
    if (files.size > 0) problems.push(`failed and wrote ${[...files.keys()].join(", ")}: ${excerpt}`);
    const rows = await stage.rows();
    const open = rows.filter(({ name, state }) => name !== "ROOT" && state === TaskState.RUNNING);
    if (open.length > 0) problems.push(`left ${open.map(({ name }) => name).join(", ")} RUNNING: ${excerpt}`);
    // Damaged flags may name another task, or a server that is not there; what is refused as usage makes no call.
    if (target !== "flags" && stderr === "") {
      const row = rows.find(({ name, state }) => name === driven && state === TaskState.FAILED);
      if (row === undefined) problems.push(`no FAILED row of ${driven}: ${excerpt}`);
      else if (row.endTime === undefined || (row.statusMetadata?.message ?? "") === "") {
        problems.push(`a FAILED row of ${driven} without end time or message: ${excerpt}`);
      }
      if (rows.some(({ name, state }) => name === "ROOT" && state === TaskState.RUNNING)) problems.push("left the root RUNNING");
    }
  }
  return problems.map((problem) => `seed ${String(damaged.seed)} (${target}): ${problem}`);
}

function missingFiles(files: ReadonlyMap<string, string>, { target, options }: DamagedCase): string[] {
  const due = options.type === "CONTAINER" ? ["cached", "condition"] : ["task-id", "condition"];
  // What the driver does itself has no pod.
  const hasPod = options.type === "CONTAINER" && target !== "claim" && target !== "unclaim";
  if (hasPod && files.get("cached") === "false" && files.get("condition") !== "false") due.push("patch");
  return due.filter((name) => !files.has(name)).map((name) => `exit 0 without ${name}`);
}

/** Damages what the seed says and drives. Runs of the same server do not see each other. */
export async function driveDamaged(fake: FakeApi, seed: number): Promise<Outcome> {
  const damaged = await damagedCase(fake, seed);
  const { stage, options, argv } = damaged;
  const before = fake.logger.lines.length;
  const environment = { KFP_POD_NAME: options.pod.name, KFP_POD_UID: options.pod.uid };
  const startedAt = performance.now();
  const { exitCode, files, stderr } = await stage.driveArguments(argv, { environment, kube: claimsInMemory() });
  const elapsedMs = performance.now() - startedAt;
  const lines = fake.logger.lines.slice(before);
  const messages = (level: string) => lines.filter((line) => line.level === level).map(({ message }) => message);
  const names = new Map([...files].map(([path, text]) => [path.replace(/^\/out\//, ""), text]));
  const ended = { exitCode, files: names, errors: messages("error"), warnings: messages("warn"), stderr, elapsedMs };
  return { exitCode, problems: await problemsOf(damaged, ended) };
}

/** Takes every claim that has a name. */
function claimsInMemory(): DriverKube {
  return {
    getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
    createVolumeClaim: async (_namespace, { name }) => {
      assertObjectName(name);
      return await Promise.resolve("created");
    },
    findVolumeClaim: async (_namespace, name) => {
      assertObjectName(name);
      return await Promise.resolve("present");
    },
    deleteVolumeClaim: () => Promise.resolve("deleted"),
  };
}
