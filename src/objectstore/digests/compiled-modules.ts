/**
 * The WebAssembly programs of this folder, each compiled once for all threads, and improved once by the engine.
 *
 * @module
 */
import { CRC_LAYOUT, crcModule } from "./crc-module.ts";
import { LANES, LANES_AT, md5LanesModule, PIECE_BYTES } from "./md5-lanes.ts";

declare global {
  /** Of all engines; @types/node has no name for what is used of it. */
  // oxlint-disable-next-line typescript/no-namespace -- that is how the types of it are declared
  namespace WebAssembly {
    interface Programs {
      readonly memory: { readonly buffer: ArrayBuffer };
      run(at: number, end: number): void;
    }
    const Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
    const Instance: new (module: object) => { readonly exports: Programs };
  }
}

const LAYOUTS = { crc: CRC_LAYOUT, md5: { LANES, LANES_AT, PIECE_BYTES } } as const;

/** A program and where things lie in its memory. */
export interface CompiledModule<Name extends keyof typeof LAYOUTS> {
  readonly module: object;
  readonly layout: (typeof LAYOUTS)[Name];
}

const crc: { compiled?: CompiledModule<"crc"> | undefined } = {};
const md5: { compiled?: CompiledModule<"md5"> | undefined } = {};

/** `undefined` where the engine has no WebAssembly (`node --jitless`), as for the others. */
export function compiledCrc(): CompiledModule<"crc"> | undefined {
  if (!("compiled" in crc)) crc.compiled = compile(crcModule, LAYOUTS.crc);
  return crc.compiled;
}

export function compiledMd5Lanes(): CompiledModule<"md5"> | undefined {
  if (!("compiled" in md5)) md5.compiled = compile(md5LanesModule, LAYOUTS.md5);
  return md5.compiled;
}

function compile<Layout>(bytes: () => Uint8Array<ArrayBuffer>, layout: Layout) {
  return typeof WebAssembly === "object" ? { module: new WebAssembly.Module(bytes()), layout } : undefined;
}
