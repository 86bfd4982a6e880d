import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executableFormat, machineOf } from "../../src/node/executable-format.ts";

function header(machine: number, { is64 = true, isLittle = true } = {}): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("\x7fELF", "latin1");
  bytes[4] = is64 ? 2 : 1;
  bytes[5] = isLittle ? 1 : 2;
  if (isLittle) bytes.writeUInt16LE(machine, 18);
  else bytes.writeUInt16BE(machine, 18);
  return bytes;
}

describe("executableFormat()", () => {
  test.for([
    { head: header(62), arch: "x64", isNative: true, machine: "x86_64" },
    { head: header(62), arch: "arm64", isNative: false, machine: "x86_64" },
    { head: header(183), arch: "arm64", isNative: true, machine: "aarch64" },
    { head: header(3, { is64: false }), arch: "x64", isNative: true, machine: "i386" },
    { head: header(22, { isLittle: false }), arch: "s390x", isNative: true, machine: "s390x" },
    { head: header(4242), arch: "x64", isNative: false, machine: "machine 4242" },
  ])("ELF for $machine on $arch", ({ head, arch, isNative, machine }) => {
    expect(executableFormat(head, arch)).toEqual({ kind: "elf", isNative, machine });
    expect(machineOf("x64")).toBe("x86_64");
  });

  test.for([
    { text: "#!/bin/sh\necho", interpreter: "/bin/sh" },
    { text: "#! \t/usr/bin/env  python3 -u\n", interpreter: "/usr/bin/env" },
    { text: "#!/bin/sh", interpreter: "/bin/sh" },
    { text: "#!/bin/sh\r\n", interpreter: "/bin/sh\r" },
  ])("interpreter of $text", ({ text, interpreter }) => {
    expect(executableFormat(Buffer.from(text), "x64")).toEqual({ kind: "script", interpreter });
  });

  test.for(["echo hi\n", "#!\n", "MZ", "\x7fELF"])("%s is nothing the kernel starts", (text) => {
    expect(executableFormat(Buffer.from(text, "latin1"), "x64")).toEqual({ kind: "unknown" });
  });

  test("any bytes have a format", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isElf) => {
        const head = isElf ? Buffer.concat([Buffer.from("\x7fELF", "latin1"), bytes]) : Buffer.from(bytes);
        expect(executableFormat(head, "x64").kind).toMatch(/^(elf|script|empty|unknown)$/);
      }),
    );
  });
});
