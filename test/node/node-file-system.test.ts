import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { nodeFileSystem as fileSystem } from "../../src/node/node-file-system.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-file-system-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const fresh = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
};

describe("nodeFileSystem", () => {
  test("answers undefined for what is not there, also below a file", async ({ expect }) => {
    const path = join(fresh("absent"), "file");
    writeFileSync(path, "x");
    for (const absent of [join(folder, "nowhere"), join(path, "below")]) {
      expect(await fileSystem.readText(absent)).toBeUndefined();
      expect(await fileSystem.readBytes(absent)).toBeUndefined();
      expect(await fileSystem.stat(absent)).toBeUndefined();
      expect(await fileSystem.list(absent)).toBeUndefined();
    }
  });

  test("any other failure of a read names path and reason", async ({ expect }) => {
    await expect(fileSystem.readText(folder)).rejects.toMatchObject({
      code: "FILE_READ_FAILED",
      details: { path: folder, errno: "EISDIR" },
    });
  });

  test("writes, replaces, leaves nothing beside the file", async ({ expect }) => {
    const path = join(fresh("write"), "out");
    await fileSystem.writeText(path, "long first text");
    await fileSystem.writeText(path, "second");
    expect(await fileSystem.readText(path)).toBe("second");
    expect(await fileSystem.readBytes(path)).toEqual(new TextEncoder().encode("second"));
    expect(readdirSync(join(folder, "write"))).toEqual(["out"]);
    expect(statSync(path).mode & 0o644).toBe(0o644);
  });

  test.for([
    { kind: "a named pipe", make: "mkfifo it" },
    { kind: "a device", make: "ln -s /dev/zero it" },
    { kind: "a folder", make: "mkdir it" },
  ])("readRegularText() refuses $kind without waiting", async ({ kind, make }, { expect }) => {
    const path = fresh(`irregular ${kind}`);
    execFileSync("sh", ["-c", make], { cwd: path });
    await expect(fileSystem.readRegularText(join(path, "it"), { maxBytes: 10 })).rejects.toMatchObject({
      code: "FILE_READ_FAILED",
      message: expect.stringContaining(`it is ${kind}, not a regular file`) as string,
    });
  });

  test("readRegularText() reads up to the limit, also where the size is not announced", async ({ expect }) => {
    const path = join(fresh("limits"), "file");
    writeFileSync(path, "0123456789");
    expect(await fileSystem.readRegularText(path, { maxBytes: 10 })).toBe("0123456789");
    expect(await fileSystem.readRegularText(`${path}-absent`, { maxBytes: 10 })).toBeUndefined();
    expect(await fileSystem.readRegularText("/proc/self/status", { maxBytes: 100_000 })).toContain("VmPeak");
    await expect(fileSystem.readRegularText(path, { maxBytes: 9 })).rejects.toThrow(/it has 10 bytes, and at most 9 are read/);
    await expect(fileSystem.readRegularText("/proc/self/status", { maxBytes: 10 })).rejects.toThrow(/more than 10 bytes/);
  });

  test("readAnyText() reads pipes and devices, up to the limit", async ({ expect }) => {
    const path = fresh("any");
    execFileSync("mkfifo", [join(path, "pipe")]);
    const read = fileSystem.readAnyText(join(path, "pipe"), { maxBytes: 10 });
    writeFileSync(join(path, "pipe"), "0123456789");
    expect(await read).toBe("0123456789");
    expect(await fileSystem.readAnyText(join(path, "absent"), { maxBytes: 10 })).toBeUndefined();
    await expect(fileSystem.readAnyText("/dev/zero", { maxBytes: 1_000_000 })).rejects.toThrow(/more than 1000000 bytes/);
    await expect(fileSystem.readAnyText(path, { maxBytes: 1_000_000 })).rejects.toThrow(/EISDIR/);
  });

  test("readRegularText() refuses what is not UTF-8 where that is asked for", async ({ expect }) => {
    const path = join(fresh("latin-1"), "file");
    writeFileSync(path, Buffer.from([0x67, 0xfc, 0x6e]));
    expect(await fileSystem.readRegularText(path, { maxBytes: 10 })).toBe("g\ufffdn");
    await expect(fileSystem.readRegularText(path, { maxBytes: 10, strictUtf8: true })).rejects.toThrow(/it is not text in UTF-8/);
    writeFileSync(path, "g\u00fcn\ufffd\u{1f600}");
    expect(await fileSystem.readRegularText(path, { maxBytes: 20, strictUtf8: true })).toBe("g\u00fcn\ufffd\u{1f600}");
  });

  test("a named pipe that nobody reads is an error, not a wait", async ({ expect }) => {
    const path = fresh("unread pipe");
    execFileSync("mkfifo", [join(path, "pipe")]);
    await expect(fileSystem.writeText(join(path, "pipe"), "x")).rejects.toMatchObject({ details: { errno: "ENXIO" } });
  });

  test("remove() takes what is there, without following links", async ({ expect }) => {
    const path = fresh("remove");
    const script =
      "mkdir -p tree/locked kept; touch tree/locked/file kept/file file; mkfifo pipe; ln -s kept link; chmod 500 tree/locked";
    execFileSync("sh", ["-c", script], { cwd: path });
    for (const name of ["tree", "file", "pipe", "link", "absent"]) await fileSystem.remove(join(path, name));
    expect(readdirSync(path)).toEqual(["kept"]);
    expect(readdirSync(join(path, "kept"))).toEqual(["file"]);
  });

  test("writes through a symbolic link", async ({ expect }) => {
    const target = join(fresh("link"), "target");
    writeFileSync(target, "old");
    symlinkSync(target, join(folder, "link", "name"));
    await fileSystem.writeText(join(folder, "link", "name"), "new");
    expect(readFileSync(target, "utf8")).toBe("new");
  });

  test("writes in place where the folder is read-only", async ({ expect, skip }) => {
    if (process.getuid?.() === 0) skip("root may write to every folder");
    const path = join(fresh("read-only"), "out");
    writeFileSync(path, "old");
    chmodSync(join(folder, "read-only"), 0o555);
    await fileSystem.writeText(path, "new");
    expect(readFileSync(path, "utf8")).toBe("new");
  });

  test("a write that cannot work names path and reason", async ({ expect }) => {
    const path = join(folder, "no-such-folder", "out");
    await expect(fileSystem.writeText(path, "x")).rejects.toMatchObject({
      code: "FILE_WRITE_FAILED",
      details: { path, errno: "ENOENT" },
    });
  });

  test("simultaneous writes leave one whole text", async ({ expect }) => {
    const path = join(fresh("race"), "out");
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(5000));
    await Promise.all(texts.map((text) => fileSystem.writeText(path, text)));
    expect(texts).toContain(await fileSystem.readText(path));
  });

  test("makes folders with parents, tells kinds and sorted names", async ({ expect }) => {
    const path = join(folder, "a", "b");
    await fileSystem.makeDirectory(path);
    await fileSystem.makeDirectory(path);
    await fileSystem.writeText(join(path, "2"), "xyz");
    await fileSystem.writeText(join(path, "1"), "");
    expect(await fileSystem.list(path)).toEqual(["1", "2"]);
    expect(await fileSystem.stat(path)).toMatchObject({ kind: "directory" });
    expect(await fileSystem.stat(join(path, "2"))).toEqual({ kind: "file", sizeBytes: 3 });
    expect(await fileSystem.stat("/dev/null")).toMatchObject({ kind: "other" });
  });
});
