/** Real files and real threads. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createChecksum } from "../../../src/objectstore/digests/checksums.ts";
import { SMALL_FILE_BYTES, SmallFiles } from "../../../src/objectstore/transfer/small-files.ts";
import type { SmallFile } from "../../../src/objectstore/transfer/small-files.ts";
import { patternBytes } from "../../support/store-bench.ts";

let folder: string;
let files: SmallFiles;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-small-files-"));
  files = new SmallFiles(0);
});
afterEach(async () => {
  files.release();
  await rm(folder, { recursive: true, force: true });
});

const hex = (algorithm: string, bytes: Buffer): string => createHash(algorithm).update(bytes).digest("hex");

test("reads files of every small length, with their digests, however many are asked for at once", async () => {
  const contents = Array.from({ length: 300 }, (_, index) =>
    patternBytes(index === 7 ? SMALL_FILE_BYTES : index * 17, `${index}`),
  );
  for (const [index, bytes] of contents.entries()) await writeFile(join(folder, `${index}`), bytes);
  const read = await Promise.all(
    contents.map((_, index) => files.read(join(folder, `${index}`), index % 2 === 0 ? ["md5", "sha256"] : [])),
  );
  for (const [index, bytes] of contents.entries()) {
    expect(read[index]?.bytes.equals(bytes)).toBe(true);
    if (index % 2 === 0) expect(read[index]?.digests).toEqual({ md5: hex("md5", bytes), sha256: hex("sha256", bytes) });
  }
});

test("hands back what is no small regular file, and reads the others beside it", async () => {
  await writeFile(join(folder, "good"), "good");
  await symlink("good", join(folder, "link"));
  await writeFile(join(folder, "large"), Buffer.alloc(SMALL_FILE_BYTES + 1));
  await mkdir(join(folder, "folder"));
  await symlink("nowhere", join(folder, "dangling"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
  const names = ["large", "good", "folder", "missing", "link", "dangling", "pipe", "nul\0"];
  const read = await Promise.all(names.map((name) => files.read(join(folder, name), ["md5"])));
  const md5 = hex("md5", Buffer.from("good"));
  expect(read.map((file) => (file === undefined ? undefined : [file.bytes.toString(), file.digests.md5]))).toEqual([
    ...[undefined, ["good", md5], undefined, undefined, ["good", md5], undefined, undefined, undefined],
  ]);
});

const fileAt = (name: string, bytes: Buffer, checksum?: SmallFile["checksum"]): SmallFile => ({
  ...{ path: join(folder, name), partialPath: join(folder, `.${name}.partial`), bytes },
  ...(checksum === undefined ? {} : { checksum }),
});

test("writes files whose checksums are right, over what was there, and nothing else", async () => {
  const bytes = patternBytes(5000);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(bytes));
  const crc64 = createChecksum("crc64nvme");
  crc64.update(bytes);
  await writeFile(join(folder, "md5"), "before");
  const outcomes = await Promise.all([
    files.write(fileAt("none", bytes)),
    files.write(fileAt("empty", Buffer.alloc(0))),
    files.write(fileAt("md5", bytes, { algorithm: "md5", encoding: "hex", value: hex("md5", bytes) })),
    files.write(fileAt("crc32", bytes, { algorithm: "crc32", encoding: "base64", value: crc.toString("base64") })),
    files.write(fileAt("crc64", bytes, { algorithm: "crc64nvme", encoding: "base64", value: crc64.digest().toString("base64") })),
    files.write(fileAt("wrong", bytes, { algorithm: "md5", encoding: "hex", value: hex("md5", Buffer.from("other")) })),
  ]);
  expect(outcomes).toEqual(["written", "written", "written", "written", "written", "damaged"]);
  expect((await readdir(folder)).toSorted()).toEqual(["crc32", "crc64", "empty", "md5", "none"]);
  for (const name of ["none", "md5", "crc32", "crc64"]) expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
  const usual = join(folder, "usual");
  await writeFile(usual, "");
  expect((await stat(join(folder, "md5"))).mode).toBe((await stat(usual)).mode);
});

test("hands back what cannot be written, and leaves nothing of it", async () => {
  await mkdir(join(folder, "taken"));
  await writeFile(join(folder, ".clash.partial"), "of another");
  const bytes = Buffer.from("x");
  const missing = { ...fileAt("a", bytes), path: join(folder, "no/a"), partialPath: join(folder, "no/.a.partial") };
  const outcomes = await Promise.all([
    files.write(fileAt("taken", bytes)),
    files.write(fileAt("clash", bytes)),
    files.write(missing),
    files.write(fileAt("good", bytes)),
  ]);
  expect(outcomes).toEqual(["failed", "failed", "failed", "written"]);
  expect((await readdir(folder)).toSorted()).toEqual([".clash.partial", "good", "taken"]);
  expect(await readFile(join(folder, ".clash.partial"), "utf8")).toBe("of another");
});

test("threads are worth it from some files on, again after a release", () => {
  const some = new SmallFiles(2);
  const ask = (): boolean[] => [1, 2, 3, 4].map(() => some.isWorthIt());
  expect(ask()).toEqual([false, false, true, true]);
  some.release();
  expect(ask()).toEqual([false, false, true, true]);
});

test("whoever waits when the threads end is told", async () => {
  await writeFile(join(folder, "a"), "a");
  const read = files.read(join(folder, "a"), []);
  const written = files.write(fileAt("b", Buffer.from("b")));
  files.release();
  expect(await read).toBeUndefined();
  expect(await written).toBe("failed");
});
