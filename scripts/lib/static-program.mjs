/**
 * The smallest Linux program: it ends with exit code 0 and needs no file but itself. A container engine that can build an image with
 * it and run it can build and run ours; no base image, compiler or network is needed to find out.
 * @module
 */

/** Byte offsets of the one program header and of the code behind it. */
const headerSize = 64;
const codeOffset = headerSize + 56;
const loadAddress = 0x400000;

const machines = {
  // mov eax, 60 (exit); xor edi, edi; syscall
  x64: { id: 62, code: [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05] },
  // mov x8, #93 (exit); mov x0, #0; svc #0
  arm64: { id: 183, code: [0xa8, 0x0b, 0x80, 0xd2, 0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4] },
};

/**
 * Writes the program's ELF file.
 *
 * @param {string} [arch] As process.arch.
 * @returns {Buffer} Content of an executable file.
 * @throws {Error} For another architecture than x64 and arm64.
 */
export function exitProgram(arch = process.arch) {
  const machine = machines[arch];
  if (machine === undefined) throw new Error(`images are built on x64 and arm64, not on ${arch}`);
  const file = Buffer.alloc(codeOffset + machine.code.length);
  file.write("\x7fELF\x02\x01\x01", 0, "latin1");
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(machine.id, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(loadAddress + codeOffset), 24);
  file.writeBigUInt64LE(BigInt(headerSize), 32);
  file.writeUInt16LE(headerSize, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, headerSize);
  file.writeUInt32LE(5, headerSize + 4);
  for (const offset of [16, 24]) file.writeBigUInt64LE(BigInt(loadAddress), headerSize + offset);
  for (const offset of [32, 40]) file.writeBigUInt64LE(BigInt(file.length), headerSize + offset);
  file.writeBigUInt64LE(0x1000n, headerSize + 48);
  Buffer.from(machine.code).copy(file, codeOffset);
  return file;
}
