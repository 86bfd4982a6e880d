/**
 * What the first bytes of a program say about whether the kernel can start it: an ELF header, an interpreter line, or neither. Pure.
 *
 * Standard: elf(5), execve(2).
 *
 * @module
 */

/** Enough for the ELF header, its program headers and any interpreter line. */
export const HEAD_BYTES = 4096;

/** As the kernel, which looks no further for the end of an interpreter line. */
const INTERPRETER_LINE_BYTES = 256;

const ELF_MAGIC = "\x7fELF";
const LOADER_SEGMENT = 3;

const MACHINES: Readonly<Record<number, string>> = {
  3: "i386",
  8: "mips",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
  258: "loongarch64",
};

/** By Node's name of the processor: the machine its kernel is made for. */
const OWN_MACHINE: Readonly<Record<string, number>> = {
  ia32: 3,
  ppc64: 21,
  s390x: 22,
  arm: 40,
  x64: 62,
  arm64: 183,
  riscv64: 243,
  loong64: 258,
};

/** The 32-bit machine that a 64-bit kernel may run as well. */
const COMPATIBLE_MACHINE: Readonly<Record<string, number>> = { x64: 3, arm64: 40 };

/** What the first bytes of a file make of it for the kernel; a place in the file is given in bytes. */
export type ExecutableFormat =
  | {
      readonly kind: "elf";
      readonly isNative: boolean;
      readonly machine: string;
      readonly loader?: { start: number; end: number };
    }
  /** `#!`: the interpreter as the kernel takes it. */
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "empty" }
  | { readonly kind: "unknown" };

/** @param arch `process.arch`: of the machine that is to run it. */
export function executableFormat(head: Buffer, arch: string): ExecutableFormat {
  if (head.length === 0) return { kind: "empty" };
  if (head.toString("latin1", 0, 4) === ELF_MAGIC && head.length >= 20) return elfFormat(head, arch);
  if (head.toString("latin1", 0, 2) !== "#!") return { kind: "unknown" };
  const [line = ""] = head.toString("utf8", 2, INTERPRETER_LINE_BYTES).split("\n");
  const [interpreter = ""] = line.replace(/^[ \t]+/, "").split(/[ \t]/);
  return interpreter === "" ? { kind: "unknown" } : { kind: "script", interpreter };
}

/** The name of the machine that `process.arch` stands for. */
export function machineOf(arch: string): string {
  return MACHINES[OWN_MACHINE[arch] ?? -1] ?? arch;
}

function elfFormat(head: Buffer, arch: string): ExecutableFormat {
  const is64 = head[4] === 2;
  const isLittle = head[5] === 1;
  const u16 = (at: number): number => (at + 2 > head.length ? 0 : isLittle ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const u32 = (at: number): number => (at + 4 > head.length ? 0 : isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at));
  // Offsets in executables stay far below 2^32, the upper half is not needed.
  const word = (at: number): number => u32(is64 && !isLittle ? at + 4 : at);
  const machine = u16(18);
  const isNative = machine === OWN_MACHINE[arch] || machine === COMPATIBLE_MACHINE[arch];
  const base = { kind: "elf", isNative, machine: MACHINES[machine] ?? `machine ${machine}` } as const;
  const [tableAt, entryBytes, entries] = is64 ? [word(32), u16(54), u16(56)] : [word(28), u16(42), u16(44)];
  for (let index = 0; index < entries; index++) {
    const at = tableAt + index * entryBytes;
    if (at + entryBytes > head.length) break;
    if (u32(at) !== LOADER_SEGMENT) continue;
    const start = word(at + (is64 ? 8 : 4));
    return { ...base, loader: { start, end: start + word(at + (is64 ? 32 : 16)) } };
  }
  return base;
}
