/**
 * Words of a command line that nobody knows, refused with what was probably meant.
 *
 * yargs says less: its strict mode names an unknown option without the nearest one, and an unknown command apart from the suggestion.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { HOME_OPTIONS } from "./commands/home.ts";
import { RUN_OPTIONS } from "./commands/run.ts";

const COMMON_OPTIONS = ["help", "version"];
const COMMON_WORDS = new Set(["--help", "-h", "--version"]);
const COMMANDS = { run: RUN_OPTIONS, home: HOME_OPTIONS };

/**
 * Words that are neither option nor value: a command, and what it takes.
 *
 * @throws {UsageError}
 */
export function assertKnownCommand(argv: readonly string[]): void {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  const operands = words.filter((word, index) => !word.startsWith("-") && !isValue(words, index));
  if (words.some((word) => COMMON_WORDS.has(word))) return;
  const [name, operand, extra] = operands;
  const refuse = (text: string): UsageError => new UsageError("USAGE_INVALID", text);
  if (name === undefined) throw refuse("Which command? Try kfp-runtime --help");
  if (!Object.hasOwn(COMMANDS, name)) {
    const nearest = Object.keys(COMMANDS).find((candidate) => distance(candidate, name) <= 2);
    throw refuse(`Unknown command "${name}": ${nearest === undefined ? "try kfp-runtime --help" : `did you mean ${nearest}?`}`);
  }
  if (name === "run" && operand === undefined && end < 0) throw refuse("Which pipeline? kfp-runtime run PIPELINE.yaml");
  if (name === "home" && operand !== undefined && operand !== "show" && operand !== "clear") {
    throw refuse(`Unknown action "${operand}" of kfp-runtime home: there are show and clear`);
  }
  if (extra !== undefined) throw refuse(`Too many words for kfp-runtime ${name}: "${extra}"; values begin with their option`);
}

/**
 * yargs only suggests commands; a mistyped option deserves as much.
 *
 * @throws {UsageError}
 */
export function assertKnownOptions(argv: readonly string[]): void {
  const end = argv.indexOf("--");
  const known = [...new Set([...Object.keys(argv[0] === "home" ? HOME_OPTIONS : RUN_OPTIONS), ...COMMON_OPTIONS])];
  const words = end < 0 ? argv : argv.slice(0, end);
  for (const [index, word] of words.entries()) {
    if (!word.startsWith("-") || word === "-" || isValue(words, index)) continue;
    const name = word.replace(/^--?/, "").replace(/=.*$/s, "");
    if (known.includes(name) || word === "-h") continue;
    const [nearest] = known.filter((candidate) => distance(candidate, name) <= 2 || candidate.startsWith(name));
    const suggestion = nearest === undefined ? "try kfp-runtime --help" : `did you mean --${nearest}?`;
    throw new UsageError("USAGE_INVALID", `Unknown option ${word.replace(/=.*$/s, "")}: ${suggestion}`);
  }
}

/** Whether a word is the value of the option before it. */
function isValue(words: readonly string[], index: number): boolean {
  const previous = words[index - 1] ?? "";
  if (!previous.startsWith("--") || previous.includes("=")) return false;
  const option = (RUN_OPTIONS as Record<string, { readonly type?: string }>)[previous.slice(2)];
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
