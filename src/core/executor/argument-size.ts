/**
 * Command lines that the system cannot start: which argument is too large, by how much, or holds a zero byte, and what to do instead.
 *
 * Linux takes one argument, or one environment variable, of at most 32 pages of memory with the zero byte that ends it: 128 KiB where a
 * page has 4 KiB. All of them together may take a quarter of the stack limit, usually 2 MiB.
 *
 * Standard: Linux execve(2), "Limits on size of arguments and environment".
 *
 * @module
 */
import type { ExecutorInput } from "../kfp-types.ts";
import { textOfValue } from "../values/value.ts";

const encoder = new TextEncoder();

/** Size of the text in UTF-8. */
export function sizeInBytes(text: string): number {
  // Three bytes per UTF-16 unit at most: most texts need not be encoded to know that they fit somewhere.
  return encoder.encode(text).byteLength;
}

/**
 * The first argument that is too large for the system.
 *
 * @param argv The program and its arguments.
 * @param limitBytes What one argument may hold; absent where the system has no such limit.
 * @returns One clause that names it with its size and the limit; `undefined` when all fit.
 */
export function findOversizedArgument(argv: readonly string[], limitBytes: number | undefined): string | undefined {
  if (limitBytes === undefined) return undefined;
  const index = argv.findIndex((text) => text.length * 3 > limitBytes && sizeInBytes(text) > limitBytes);
  if (index < 0) return undefined;
  const bytes = sizeInBytes(argv[index] ?? "");
  return `${describeArgument(argv, index)} has ${bytes} bytes, and the system takes at most ${limitBytes} in one argument`;
}

/** The first argument or variable with a zero byte, where the system would see its end. One clause without the text. */
export function findZeroByte(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): string | undefined {
  const index = argv.findIndex((text) => text.includes("\0"));
  const variable = Object.entries(environment).find(([, value]) => value.includes("\0"))?.[0];
  const what =
    index >= 0 ? describeArgument(argv, index) : variable === undefined ? undefined : `environment variable ${variable}`;
  return what && `${what} holds a zero byte (U+0000), which the system cannot hand over; write such data to an artifact`;
}

/** `argument 7 (the value of --executor_input)`. */
function describeArgument(argv: readonly string[], index: number): string {
  if (index === 0) return "the name of the program";
  const before = index > 1 ? (argv[index - 1] ?? "") : "";
  const flag = /^--?[A-Za-z][\w.-]*$/.exec(before)?.[0] ?? /^--?[A-Za-z][\w.-]*(?==)/.exec(argv[index]?.slice(0, 200) ?? "")?.[0];
  return flag === undefined ? `argument ${index}` : `argument ${index} (the value of ${flag})`;
}

/** The words for a command line that is too large although each argument may fit. */
export function describeCommandLine(argv: readonly string[], environment: Readonly<Record<string, string>>): string {
  const sizes = argv.map(sizeInBytes);
  const variables = Object.entries(environment).map(([name, value]) => ({ name, bytes: sizeInBytes(value) }));
  const total = [...sizes, ...variables.map(({ name, bytes }) => sizeInBytes(name) + bytes)].reduce(
    (sum, bytes) => sum + bytes,
    0,
  );
  const largest = sizes.indexOf(Math.max(...sizes));
  const variable = variables.toSorted((a, b) => b.bytes - a.bytes)[0];
  const names = [`${describeArgument(argv, largest)} with ${sizes[largest] ?? 0} bytes`];
  if (variable !== undefined) names.push(`variable ${variable.name} with ${variable.bytes} bytes`);
  return `arguments and environment have ${total} bytes together, more than the system takes; the largest are ${names.join(" and ")}`;
}

/** What to do about it; names the input parameter that is to blame when there is one. */
export function adviceForLargeArguments(executorInput?: ExecutorInput): string {
  const values = Object.entries(executorInput?.inputs?.parameterValues ?? {}).map(([name, value]) => ({
    name,
    bytes: sizeInBytes(textOfValue(value)),
  }));
  const largest = values.toSorted((a, b) => b.bytes - a.bytes)[0];
  const blame = largest === undefined ? "" : `input parameter "${largest.name}" alone has ${largest.bytes} bytes; `;
  return `${blame}hand large data over as an artifact instead of a parameter`;
}
