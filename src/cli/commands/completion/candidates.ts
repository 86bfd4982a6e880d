/**
 * What fits at the end of a command line that is being typed.
 *
 * @module
 */
import type { CommandEntry, CommandOption, OperandKind } from "../../command-entry.ts";

/** A word that fits. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What the shell adds itself. */
export type FileKind = "pipeline" | "file" | "folder" | "none";

/** All that fits. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly files: FileKind;
}

/** What a home has; nothing where it cannot be read. */
export interface HomeWords {
  /** Newest first. */
  runs(home: string | undefined): Promise<readonly Candidate[]>;
  tasks(home: string | undefined, run: string): Promise<readonly Candidate[]>;
  artifacts(home: string | undefined, run: string): Promise<readonly Candidate[]>;
}

type Entries = readonly Pick<CommandEntry<{ readonly kind: string }>, "name" | "describe" | "operands" | "options">[];

const COMMON: readonly Candidate[] = [{ value: "--help", description: "Show help" }];
const NOTHING: Completion = { candidates: [], files: "none" };

/** @param typed Words behind the program's name; the last one is being typed, and may be empty. */
export async function completeWords(entries: Entries, typed: readonly string[], home: HomeWords): Promise<Completion> {
  const words = withoutEquals(typed);
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const entry = entries.find(({ name }) => name === before[0]);
  if (before.length === 0) {
    const commands = entries.map(({ name, describe }) => ({ value: name, description: describe }));
    return fitting([...commands, ...COMMON, { value: "--version", description: "Show the version" }], current);
  }
  if (entry === undefined) return NOTHING;
  const given = readWords(entry.options, before.slice(1));
  const [, name = "", value] = /^--([\w-]+)=(.*)$/s.exec(current) ?? [];
  if (value !== undefined) {
    const { candidates, files } = await optionValues(entry.options[name], given, home);
    return {
      candidates: candidates
        .filter((candidate) => candidate.value.startsWith(value))
        .map((candidate) => ({ ...candidate, value: `--${name}=${candidate.value}` })),
      files,
    };
  }
  if (given.open !== undefined) {
    const { candidates, files } = await optionValues(entry.options[given.open], given, home);
    return fitting(candidates, current, files);
  }
  if (current.startsWith("-")) {
    const options = Object.entries(entry.options).map(([option, { describe }]) => ({
      value: `--${option}`,
      description: describe,
    }));
    return fitting([...options, ...COMMON], current);
  }
  const operand = entry.operands[given.operands.length] ?? repeatedOf(entry);
  if (operand === undefined) return NOTHING;
  if (operand.choices !== undefined) {
    return fitting(
      operand.choices.map((choice) => ({ value: choice, description: operand.describe })),
      current,
    );
  }
  const { candidates, files } = await operandWords(operand.completes, given, { entry, home });
  return fitting(candidates, current, files);
}

function fitting(candidates: readonly Candidate[], current: string, files: FileKind = "none"): Completion {
  return { candidates: candidates.filter(({ value }) => value.startsWith(current)), files };
}

/** bash makes three words of `--output=json`, and two of `--output=`. */
function withoutEquals(typed: readonly string[]): string[] {
  const words: string[] = [];
  for (const [index, word] of typed.entries()) {
    if (word !== "=") words.push(word);
    else if (index === typed.length - 1) words.push("");
  }
  return words;
}

/** The words of a command, taken apart. */
interface GivenWords {
  readonly operands: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  /** The option whose value comes next. */
  readonly open?: string;
}

function readWords(options: Readonly<Record<string, CommandOption>>, words: readonly string[]): GivenWords {
  const operands: string[] = [];
  const values = new Map<string, string>();
  let open: string | undefined;
  for (const word of words) {
    if (open !== undefined) {
      values.set(open, word);
      open = undefined;
      continue;
    }
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      if (!word.startsWith("-")) operands.push(word);
    } else if (value !== undefined) values.set(name, value);
    else if (Object.hasOwn(options, name) && options[name]?.type !== "boolean") open = name;
  }
  return { operands, options: values, ...(open === undefined ? {} : { open }) };
}

async function optionValues(option: CommandOption | undefined, given: GivenWords, home: HomeWords): Promise<Completion> {
  if (option?.choices !== undefined) {
    return { candidates: option.choices.map((choice) => ({ value: choice, description: option.describe })), files: "none" };
  }
  if (option?.completes === "run") return { candidates: await home.runs(given.options.get("home")), files: "none" };
  return { candidates: [], files: option?.completes ?? "none" };
}

function repeatedOf({ operands }: Entries[number]): Entries[number]["operands"][number] | undefined {
  const last = operands.at(-1);
  return last?.repeated === true ? last : undefined;
}

async function operandWords(
  kind: OperandKind | undefined,
  given: GivenWords,
  { entry, home }: { readonly entry: Entries[number]; readonly home: HomeWords },
): Promise<Completion> {
  const folder = given.options.get("home");
  const runIndex = entry.operands.findIndex(({ completes }) => completes === "run");
  const run = given.operands[runIndex] ?? given.options.get("run") ?? "last";
  switch (kind) {
    case "pipeline":
      return { candidates: [], files: "pipeline" };
    case "run":
      return { candidates: await home.runs(folder), files: "none" };
    case "run-or-pipeline":
      return { candidates: await home.runs(folder), files: "pipeline" };
    case "task":
      return { candidates: await home.tasks(folder, run), files: "none" };
    case "artifact":
      return { candidates: await home.artifacts(folder, run), files: "none" };
    case undefined:
      return NOTHING;
  }
}
