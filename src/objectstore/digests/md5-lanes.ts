/**
 * A WebAssembly program that computes the MD5 of four messages at once: each of the four 32-bit lanes of a SIMD register has one.
 *
 * MD5 is a chain of dependent steps, of which a processor does one at a time however wide it is; what it could do besides is lost.
 * Stores name the MD5 of each part of an object, so there are always several to compute. About three times the throughput of OpenSSL's
 * on one core (bench/digests.ts).
 *
 * The memory of an instance: the four words of the state, each for all lanes; from `LANES_AT` on a piece of `PIECE_BYTES` for each lane,
 * one after the other. Whoever runs it pads messages, fills pieces and reads states (digest-thread.ts).
 *
 * Standard: RFC 1321. WebAssembly Core Specification 2.0, binary format.
 *
 * @module
 */
import { binaryModule, encodeSigned, encodeUnsigned, V128 } from "./wasm-module.ts";

/** Messages at once. */
export const LANES = 4;
/** Of a message, looked at in one go. A multiple of a block. */
export const PIECE_BYTES = 128 * 1024;
/** Where the piece of the first lane begins. */
export const LANES_AT = 64;

const BLOCK_BYTES = 64;
const WORDS = 16;

/** How far the steps of a round are rotated. */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** Which word of the block a step takes. */
const WORD_OF_STEP = [
  (step: number) => step,
  (step: number) => 5 * step + 1,
  (step: number) => 3 * step + 5,
  (step: number) => 7 * step,
] as const;

/** Locals: two parameters, the state, the state before the block, the words of the block, one to turn things round. */
const AT = 0;
const END = 1;
const STATE = 2;
const SAVED = STATE + 4;
const BLOCK = SAVED + 4;
const SPARE = BLOCK + WORDS;
const VECTOR_LOCALS = SPARE + 1 - STATE;

const I32_CONST = 0x41;
const I32_ADD = 0x6a;
const I32_LESS_UNSIGNED = 0x49;
const LOOP = 0x03;
const NO_RESULT = 0x40;
const BRANCH_IF = 0x0d;
const END_OF_BLOCK = 0x0b;
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;

const get = (local: number): number[] => [GET, local];
const set = (local: number): number[] => [SET, local];
const i32 = (value: number): number[] => [I32_CONST, ...encodeSigned(value)];
const vector = (opcode: number): number[] => [0xfd, ...encodeUnsigned(opcode)];
const ALIGNED_16 = 4;

/**
 * The module: exports `memory` and `run(at, end)`, which takes the blocks from `at` up to `end` of each piece into the states. `end` is
 * greater than `at`, both are multiples of 64.
 */
export function md5LanesModule(): Uint8Array<ArrayBuffer> {
  const state = [0, 1, 2, 3];
  const code = [
    ...state.flatMap((word) => [...i32(16 * word), ...vector(V128.load), ALIGNED_16, 0, ...set(STATE + word)]),
    ...[LOOP, NO_RESULT],
    ...state.flatMap((word) => [...get(STATE + word), ...set(SAVED + word)]),
    ...state.flatMap((quarter) => loadWords(quarter)),
    ...Array.from({ length: 64 }, (_, step) => oneStep(step)).flat(),
    ...state.flatMap((word) => [...get(STATE + word), ...get(SAVED + word), ...vector(V128.add32), ...set(STATE + word)]),
    ...[...get(AT), ...i32(BLOCK_BYTES), I32_ADD, TEE, AT, ...get(END), I32_LESS_UNSIGNED, BRANCH_IF, 0, END_OF_BLOCK],
    ...state.flatMap((word) => [...i32(16 * word), ...get(STATE + word), ...vector(V128.store), ALIGNED_16, 0]),
  ];
  return binaryModule({
    code,
    locals: { count: VECTOR_LOCALS, type: "v128" },
    memoryBytes: LANES_AT + LANES * PIECE_BYTES,
  });
}

/** Four words of the block of each lane: four rows become four columns. */
function loadWords(quarter: number): number[] {
  const [first, second, third, fourth] = [0, 1, 2, 3].map((row) => BLOCK + 4 * quarter + row) as [number, number, number, number];
  const row = (lane: number): number[] => [
    ...get(AT),
    ...vector(V128.load),
    ALIGNED_16,
    ...encodeUnsigned(LANES_AT + lane * PIECE_BYTES + 16 * quarter),
  ];
  const mix = (a: number, b: number, lanes: readonly number[], to: number): number[] => [
    ...get(a),
    ...get(b),
    ...vector(V128.shuffle8),
    ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    ...set(to),
  ];
  return [
    ...[first, second, third, fourth].flatMap((local, lane) => [...row(lane), ...set(local)]),
    ...mix(first, second, [0, 4, 1, 5], SPARE),
    ...mix(first, second, [2, 6, 3, 7], second),
    ...mix(third, fourth, [0, 4, 1, 5], first),
    ...mix(third, fourth, [2, 6, 3, 7], fourth),
    ...mix(second, fourth, [0, 1, 4, 5], third),
    ...mix(second, fourth, [2, 3, 6, 7], fourth),
    ...mix(SPARE, first, [2, 3, 6, 7], second),
    ...mix(SPARE, first, [0, 1, 4, 5], first),
  ];
}

/** `a = b + rotate(a + f(b, c, d) + word + constant)`. The names of the four words move on by one with each step. */
function oneStep(step: number): number[] {
  const round = Math.floor(step / 16);
  const [a, b, c, d] = [0, 1, 2, 3].map((word) => STATE + ((word - step) & 3)) as [number, number, number, number];
  const word = BLOCK + ((WORD_OF_STEP[round]?.(step) ?? 0) & 15);
  const rotation = ROTATIONS[round]?.[step & 3] ?? 0;
  return [
    ...[...get(a), ...get(word), ...constant(Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32))],
    ...[...vector(V128.add32), ...vector(V128.add32), ...(mixers[round]?.(b, c, d) ?? []), ...vector(V128.add32)],
    ...[TEE, SPARE, ...i32(rotation), ...vector(V128.shiftLeft32)],
    ...[...get(SPARE), ...i32(32 - rotation), ...vector(V128.shiftRight32), ...vector(V128.or)],
    ...[...get(b), ...vector(V128.add32), ...set(a)],
  ];
}

/** The function of each round, added to what is on the stack by what follows. */
const mixers = [
  (b: number, c: number, d: number) => [
    ...[...get(d), ...get(c), ...get(d), ...vector(V128.xor), ...get(b), ...vector(V128.and), ...vector(V128.xor)],
  ],
  // Nothing is set in both halves of the sum, so that one of them need not wait for the other.
  (b: number, c: number, d: number) => [
    ...[...get(c), ...get(d), ...vector(V128.andNot), ...vector(V128.add32)],
    ...[...get(b), ...get(d), ...vector(V128.and)],
  ],
  (b: number, c: number, d: number) => [...get(c), ...get(d), ...vector(V128.xor), ...get(b), ...vector(V128.xor)],
  (b: number, c: number, d: number) => [
    ...[...get(d), ...vector(V128.not), ...get(b), ...vector(V128.or), ...get(c), ...vector(V128.xor)],
  ],
];

function constant(word: number): number[] {
  const bytes = [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
  return [...vector(V128.constant), ...bytes, ...bytes, ...bytes, ...bytes];
}
