/**
 * A WebAssembly program that computes a reflected CRC of up to 64 bits, sixteen bytes at a time. Pure.
 *
 * Each of the sixteen bytes has a table of its own, so that no look-up waits for another one. The tables make the CRC: whoever runs the
 * program fills them (crc.ts). A CRC of 32 bits is one of 64 whose upper half stays zero.
 *
 * The memory of an instance: the state, 64 bits; from `CRC_LAYOUT.tablesAt` on the tables, 256 numbers of 64 bits each, the one for the
 * last byte first; from `CRC_LAYOUT.pieceAt` on the piece that is looked at.
 *
 * Standard: WebAssembly Core Specification 2.0, binary format.
 *
 * @module
 */
import { binaryModule, encodeSigned, encodeUnsigned } from "./wasm-module.ts";

const TABLES = 16;
const TABLE_BYTES = 256 * 8;
const TABLES_AT = 64;

/** Where things lie in the memory. */
export const CRC_LAYOUT = {
  tables: TABLES,
  tablesAt: TABLES_AT,
  pieceAt: TABLES_AT + TABLES * TABLE_BYTES,
  pieceBytes: 64 * 1024,
  /** What is looked at is a multiple of this. */
  blockBytes: TABLES,
} as const;

/** Locals: two parameters, the state, the two words of a block. */
const AT = 0;
const END = 1;
const STATE = 2;
const FIRST = 3;
const SECOND = 4;

const ALIGNED_8 = 3;
const LOAD = [0x29, ALIGNED_8];
const STORE = [0x37, ALIGNED_8, 0];
const XOR = 0x85;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const i32 = (value: number): number[] => [0x41, ...encodeSigned(value)];
const i64 = (value: number): number[] => [0x42, ...encodeSigned(value)];

/** The module: exports `memory` and `run(at, end)`, which takes the blocks between two addresses of the memory into the state. */
export function crcModule(): Uint8Array<ArrayBuffer> {
  const bytes = Array.from({ length: TABLES }, (_, index) => index);
  const code = [
    ...[...i32(0), ...LOAD, 0, ...set(STATE)],
    ...[0x03, 0x40],
    ...[...get(AT), ...LOAD, 0, ...get(STATE), XOR, ...set(FIRST)],
    ...[...get(AT), ...LOAD, 8, ...set(SECOND)],
    ...xorOf(bytes.map(lookUp)),
    ...set(STATE),
    // at += 16, and on while at < end
    ...[...get(AT), ...i32(TABLES), 0x6a, 0x22, AT, ...get(END), 0x49, 0x0d, 0, 0x0b],
    ...[...i32(0), ...get(STATE), ...STORE],
  ];
  const memoryBytes = CRC_LAYOUT.pieceAt + CRC_LAYOUT.pieceBytes;
  return binaryModule({ code, locals: { count: 3, type: "i64" }, memoryBytes });
}

/** As a tree: a chain would have each term wait for all before it. */
function xorOf(terms: readonly (readonly number[])[]): readonly number[] {
  const [first = []] = terms;
  if (terms.length <= 1) return first;
  const middle = terms.length / 2;
  return [...xorOf(terms.slice(0, middle)), ...xorOf(terms.slice(middle)), XOR];
}

/** What a byte of the block makes of the state. */
function lookUp(index: number): number[] {
  const shift = 8 * (index % 8) - 3;
  const table = TABLES_AT + (TABLES - 1 - index) * TABLE_BYTES;
  return [
    ...get(index < 8 ? FIRST : SECOND),
    // Eight times the byte: its place in a table.
    ...(shift < 0 ? [...i64(-shift), 0x86] : [...i64(shift), 0x88]),
    ...[0xa7, ...i32(0xff * 8), 0x71],
    ...[...LOAD, ...encodeUnsigned(table)],
  ];
}
