/**
 * Command lines in the syntax of Go's flag package, which compiled workflows are written for.
 *
 * One difference on purpose: an unknown flag is a warning, so that a newer compiler does not break a step. Its value is the next
 * token unless that starts with `--`. A malformed known flag stays an error (exit code 2 in the main files).
 *
 * Source: docs/spec/driver-command-line.md#flags, #flag-syntax, #required-flags, docs/spec/launcher-command-line.md#flag-syntax.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { parseGoBool, parseGoInteger } from "./number.ts";

interface FlagTypes {
  string: string;
  /** A signed 64-bit integer on the command line; outside the safe range of a double it is rounded. */
  int: number;
  int64: bigint;
  bool: boolean;
}

/** Type, default and help text of one flag. */
export type FlagDefinition = {
  [T in keyof FlagTypes]: { readonly type: T; readonly default: FlagTypes[T]; readonly help: string };
}[keyof FlagTypes];

/** Flags by name, without dashes. */
export type FlagTable = Readonly<Record<string, FlagDefinition>>;

/** A value for each flag of a table, of the flag's type. */
export type FlagValues<T extends FlagTable> = { -readonly [N in keyof T]: FlagTypes[T[N]["type"]] };

/** A command line that was read. */
export interface ParsedFlags<T extends FlagTable = FlagTable> {
  /** Every flag of the table, with its default where it was not given. */
  readonly values: FlagValues<T>;
  /** Names of the flags of the table that were given, even with an empty value. */
  readonly provided: ReadonlySet<string>;
  /** Everything from the first token that is not a flag, or after `--`. */
  readonly positional: readonly string[];
  /** One line per unknown flag, without its value. */
  readonly warnings: readonly string[];
  /** `-h` or `--help` was given; parsing ended there. */
  readonly help: boolean;
}

function ignoredFlag<T extends keyof FlagTypes>(type: T, value: FlagTypes[T]): { type: T; default: FlagTypes[T]; help: string } {
  return { type, default: value, help: "accepted and ignored" };
}

/** Flags of the Go logging library: accepted by every command and without effect, since logs always go to stderr. */
export const LOGGING_FLAGS = {
  v: ignoredFlag("string", ""),
  vmodule: ignoredFlag("string", ""),
  logtostderr: ignoredFlag("bool", true),
  alsologtostderr: ignoredFlag("bool", false),
  stderrthreshold: ignoredFlag("string", ""),
  log_dir: ignoredFlag("string", ""),
  log_backtrace_at: ignoredFlag("string", ""),
  log_link: ignoredFlag("string", ""),
  logbuflevel: ignoredFlag("string", ""),
} satisfies FlagTable;

/**
 * Parses a command line. Flags of {@link LOGGING_FLAGS} are accepted besides those of the table, and not reported.
 *
 * @param argv Without program name.
 * @throws {UsageError} FLAG_INVALID for bad syntax, a missing value or a value of the wrong type, in the words of Go's flag package.
 */
export function parseFlags<const T extends FlagTable>(table: T, argv: readonly string[]): ParsedFlags<T> {
  const values: Record<string, FlagTypes[keyof FlagTypes]> = {};
  for (const [name, definition] of Object.entries(table)) values[name] = definition.default;
  const provided = new Set<string>();
  const warnings: string[] = [];
  const result = (positional: readonly string[], help = false): ParsedFlags<T> => {
    return { values: values as FlagValues<T>, provided, positional, warnings, help };
  };

  let index = 0;
  while (index < argv.length) {
    const token = argv[index] ?? "";
    if (token.length < 2 || !token.startsWith("-")) break;
    index += 1;
    if (token === "--") break;
    const { name, inlineValue } = splitToken(token);
    const definition = lookUp(table, name) ?? lookUp(LOGGING_FLAGS, name);
    if (definition === undefined) {
      if (name === "h" || name === "help") return result(argv.slice(index), true);
      warnings.push(`unknown flag --${name} is ignored`);
      if (inlineValue === undefined && argv[index]?.startsWith("--") === false) index += 1;
      continue;
    }
    let text = inlineValue;
    if (text === undefined && definition.type === "bool") text = "true";
    if (text === undefined) {
      text = argv[index];
      index += 1;
    }
    if (text === undefined) throw invalid(`flag needs an argument: -${name}`, name);
    const value = readValue(name, definition.type, text);
    if (lookUp(table, name) === undefined) continue;
    values[name] = value;
    provided.add(name);
  }
  return result(argv.slice(index));
}

function lookUp(table: FlagTable, name: string): FlagDefinition | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function splitToken(token: string): { name: string; inlineValue: string | undefined } {
  const body = token.slice(token.startsWith("--") ? 2 : 1);
  if (body === "" || body.startsWith("-") || body.startsWith("=")) throw invalid(`bad flag syntax: ${token}`, body);
  const equals = body.indexOf("=");
  return equals < 0
    ? { name: body, inlineValue: undefined }
    : { name: body.slice(0, equals), inlineValue: body.slice(equals + 1) };
}

function readValue(name: string, type: keyof FlagTypes, text: string): FlagTypes[keyof FlagTypes] {
  if (type === "string") return text;
  if (type === "bool") {
    const flag = parseGoBool(text);
    if (flag === undefined) throw invalid(`invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`, name);
    return flag;
  }
  const integer = parseGoInteger(text);
  if (typeof integer === "string") throw invalid(`invalid value ${JSON.stringify(text)} for flag -${name}: ${integer}`, name);
  return type === "int" ? Number(integer) : integer;
}

function invalid(message: string, flag: string): UsageError {
  return new UsageError("FLAG_INVALID", message, { details: { flag } });
}

/**
 * Checks that flags were given; an empty value counts as given.
 *
 * @param names In the order in which upstream checks them: the first missing one opens the message.
 * @param what What needs them: `CONTAINER`, `importer`, `container executor`.
 * @throws {UsageError} FLAG_MISSING, one message for all of them.
 */
export function requireFlags(parsed: Pick<ParsedFlags, "provided">, names: readonly string[], what: string): void {
  const [first, ...others] = names.filter((name) => !parsed.provided.has(name));
  if (first === undefined) return;
  const more = others.length === 0 ? "" : `; also missing: ${others.map((name) => `--${name}`).join(", ")}`;
  throw new UsageError("FLAG_MISSING", `--${first} is required for ${what} but was not provided${more}`, {
    details: { flag: first },
  });
}

/**
 * The value of a flag that holds JSON: `@path` stands for the content of that file, anything else for itself.
 *
 * @param readText Answers `undefined` when there is no such file.
 * @throws {UsageError} FILE_UNREADABLE
 */
export async function expandFileValue(
  flag: string,
  value: string,
  readText: (path: string) => Promise<string | undefined>,
): Promise<string> {
  if (!value.startsWith("@")) return value;
  const path = value.slice(1);
  let cause: unknown;
  try {
    const text = await readText(path);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw new UsageError("FILE_UNREADABLE", `Cannot read the value of --${flag} from file "${path}"`, {
    details: { flag, path },
    cause,
  });
}

/** What `-h` prints, and what follows the message of a malformed flag. Ends with a newline. */
export function usageText(table: FlagTable, program: string): string {
  const lines = [`Usage of ${program}:`];
  for (const [name, definition] of Object.entries(table).toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    lines.push(`  --${name}${definition.type === "bool" ? "" : ` ${definition.type}`}`);
    lines.push(`    \t${definition.help}${defaultNote(definition)}`);
  }
  return `${lines.join("\n")}\n`;
}

function defaultNote({ default: value }: FlagDefinition): string {
  if (value === "" || value === false) return "";
  return ` (default ${typeof value === "string" ? JSON.stringify(value) : String(value)})`;
}
