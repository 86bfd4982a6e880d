/**
 * The binary format of a WebAssembly module with one function and a memory. Pure.
 *
 * Standard: WebAssembly Core Specification 2.0, binary format.
 *
 * @module
 */

/** Opcodes of vector instructions, after the prefix 0xfd. */
export const V128 = {
  load: 0x00,
  store: 0x0b,
  constant: 0x0c,
  shuffle8: 0x0d,
  not: 0x4d,
  and: 0x4e,
  andNot: 0x4f,
  or: 0x50,
  xor: 0x51,
  shiftLeft32: 0xab,
  shiftRight32: 0xad,
  add32: 0xae,
} as const;

const PAGE_BYTES = 64 * 1024;
const I32 = 0x7f;
const LOCAL_TYPES = { i64: 0x7e, v128: 0x7b } as const;
const FUNCTION_TYPE = 0x60;
const END = 0x0b;

/** What a module is made of. */
export interface ModuleParts {
  /** Instructions of the function, which takes two i32 and returns nothing; without the `end`. */
  readonly code: readonly number[];
  /** After the two parameters. */
  readonly locals: { readonly count: number; readonly type: "i64" | "v128" };
  /** What the memory must hold at least. */
  readonly memoryBytes: number;
}

/** Exports the function as `run` and the memory as `memory`. */
export function binaryModule({ code, locals, memoryBytes }: ModuleParts): Uint8Array<ArrayBuffer> {
  const body = [1, ...encodeUnsigned(locals.count), LOCAL_TYPES[locals.type], ...code, END];
  const pages = encodeUnsigned(Math.ceil(memoryBytes / PAGE_BYTES));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, FUNCTION_TYPE, 2, I32, I32, 0]),
    ...section(3, [1, 0]),
    // At least and at most so many pages.
    ...section(5, [1, 1, ...pages, ...pages]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("run"), 0, 0]),
    ...section(10, [1, ...encodeUnsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...encodeUnsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)];
}

/** LEB128 of a number from 0 to 2³² - 1. */
export function encodeUnsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
export function encodeSigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
