/**
 * Words of a command line that nobody knows, refused with what was probably meant.
 *
 * yargs says less: its strict mode names an unknown option without the nearest one, and an unknown command apart from the suggestion.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import type { CommandOption } from "./command-entry.ts";
import { COMMAND_TABLE, findCommand } from "./commands/command-table.ts";

/** The path of standard input. */
export const STANDARD_INPUT = "/dev/stdin";

const COMMON_OPTIONS = ["help", "version"];
const COMMON_WORDS = new Set(["--help", "-h", "--version"]);

/**
 * Words that are neither option nor value: a command, and what it takes.
 *
 * @throws {UsageError}
 */
export function assertKnownCommand(argv: readonly string[]): void {
  const [name, ...operands] = operandsOf(argv);
  if (argv.some((word) => COMMON_WORDS.has(word))) return;
  const refuse = (text: string): UsageError => new UsageError("USAGE_INVALID", text);
  if (name === undefined) throw refuse("Which command? Try kfp-runtime --help");
  const entry = findCommand(name);
  if (entry === undefined) {
    const nearest = COMMAND_TABLE.map((candidate) => candidate.name).find((candidate) => distance(candidate, name) <= 2);
    throw refuse(`Unknown command "${name}": ${nearest === undefined ? "try kfp-runtime --help" : `did you mean ${nearest}?`}`);
  }
  const required = entry.operands.filter((operand) => operand.required).length;
  if (operands.length < required) throw refuse(entry.missing ?? `Which ${entry.operands[operands.length]?.name}?`);
  for (const [index, { choices }] of entry.operands.entries()) {
    const operand = operands[index];
    if (operand === undefined || choices === undefined || choices.includes(operand)) continue;
    const known = `${choices.slice(0, -1).join(", ")} and ${choices.at(-1)}`;
    throw refuse(`Unknown action "${operand}" of kfp-runtime ${name}: there are ${known}`);
  }
  const extra = entry.operands.at(-1)?.repeated === true ? undefined : operands[entry.operands.length];
  if (extra !== undefined) throw refuse(`Too many words for kfp-runtime ${name}: "${extra}"; values begin with their option`);
}

/** The words that are neither option nor value of one; the command first. A lone dash is one: standard input. */
export function operandsOf(words: readonly string[]): string[] {
  return words.filter((word, index) => (word === "-" || !word.startsWith("-")) && !isValue(words, index));
}

/**
 * A command line without `--`, after which no word is an option: yargs would not take such words for those of a command. A file whose name
 * begins with a dash gets its folder in front; nothing else that a command takes begins with one.
 */
export function withoutSeparator(argv: readonly string[]): string[] {
  const end = argv.findIndex((word, index) => word === "--" && !isValue(argv, index));
  if (end < 0) return [...argv];
  const [before, after] = [argv.slice(0, end), argv.slice(end + 1)];
  const known = operandsOf(before);
  const [name = after[0]] = known;
  const operands = findCommand(name)?.operands ?? [];
  const words = after.map((word, index) => {
    const operand = operands[Math.min(known.length + index, operands.length) - 1];
    const isFile = operand?.completes === "pipeline" || operand?.completes === "run-or-pipeline";
    return isFile && /^-./.test(word) ? `./${word}` : word;
  });
  return [...before, ...words];
}

/** A lone dash that is no value of an option as the file it stands for: yargs would make an empty text of it. */
export function withStandardInput(argv: readonly string[]): string[] {
  return argv.map((word, index) => (word === "-" && !isValue(argv, index) ? STANDARD_INPUT : word));
}

/**
 * yargs only suggests commands; a mistyped option deserves as much.
 *
 * @throws {UsageError}
 */
export function assertKnownOptions(argv: readonly string[]): void {
  const known = [...Object.keys(optionsFor(argv)), ...COMMON_OPTIONS];
  for (const [index, word] of argv.entries()) {
    if (!word.startsWith("-") || word === "-" || isValue(argv, index)) continue;
    const name = word.replace(/^--?/, "").replace(/=.*$/s, "");
    if (known.includes(name) || word === "-h") continue;
    const [nearest] = known.filter((candidate) => distance(candidate, name) <= 2 || candidate.startsWith(name));
    const suggestion = nearest === undefined ? "try kfp-runtime --help" : `did you mean --${nearest}?`;
    throw new UsageError("USAGE_INVALID", `Unknown option ${word.replace(/=.*$/s, "")}: ${suggestion}`);
  }
}

/** Options of the command in the first word that names one; of all commands where there is none. */
function optionsFor(words: readonly string[]): Readonly<Record<string, CommandOption>> {
  const entry = findCommand(words.find((word) => findCommand(word) !== undefined));
  return entry?.options ?? Object.assign({}, ...COMMAND_TABLE.map(({ options }) => options));
}

/** Whether a word is the value of the option before it. */
function isValue(words: readonly string[], index: number): boolean {
  const previous = words[index - 1] ?? "";
  if (!previous.startsWith("--") || previous.includes("=")) return false;
  const option = optionsFor(words)[previous.slice(2)];
  return option !== undefined && option.type !== "boolean";
}

/** Insertions, deletions and replacements between two words. */
function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(left).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(right).entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
