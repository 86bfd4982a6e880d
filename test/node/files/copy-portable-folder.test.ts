import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { HostError } from "../../../src/core/errors.ts";
import { copyPortableFolder } from "../../../src/node/files/copy-portable-folder.ts";
import { makeFolder, removeFolder } from "../../support/probe.ts";

let folder = "";
let source = "";

beforeAll(async () => {
  folder = await makeFolder();
  source = path.join(folder, "portable");
  mkdirSync(path.join(source, "lib"), { recursive: true });
  writeFileSync(path.join(source, "launch"), "entry", { mode: 0o700 });
  writeFileSync(path.join(source, "nssw"), "hosts: files dns", { mode: 0o600 });
  writeFileSync(path.join(source, "lib/node"), "node", { mode: 0o700 });
});
afterAll(() => removeFolder(folder));

function makeVolume(name: string): string {
  const volume = path.join(folder, name);
  mkdirSync(volume);
  return volume;
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

describe("copyPortableFolder()", () => {
  test("copies every file, readable by everyone whatever the umask", async ({ expect }) => {
    const volume = makeVolume("volume");
    const umask = process.umask(0o077);
    try {
      await copyPortableFolder({ source, destination: path.join(volume, "launch") });
    } finally {
      process.umask(umask);
    }
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "nssw"]);
    expect(readFileSync(path.join(volume, "lib/node"), "utf8")).toBe("node");
    expect(["launch", "lib", "lib/node", "nssw"].map((name) => modeOf(path.join(volume, name)))).toEqual([
      0o755, 0o755, 0o755, 0o644,
    ]);
  });

  test("names the entry point as the destination says", async ({ expect }) => {
    const volume = makeVolume("renamed");
    await copyPortableFolder({ source, destination: path.join(volume, "start-here") });
    expect(readdirSync(volume).toSorted()).toEqual(["lib", "nssw", "start-here"]);
  });

  test("may be repeated, over read-only files and what an interrupted copy left (LAU-6)", async ({ expect }) => {
    const volume = makeVolume("repeated");
    const destination = path.join(volume, "launch");
    await copyPortableFolder({ source, destination });
    chmodSync(destination, 0o555);
    writeFileSync(path.join(volume, ".kfp-runtime-copy.tmp"), "half");
    writeFileSync(path.join(volume, "lib/.kfp-runtime-copy.tmp"), "half");
    const { ino } = statSync(destination);
    await copyPortableFolder({ source, destination });
    // Root may write to any file, others only replace it.
    expect(statSync(destination).ino).not.toBe(ino);
    expect(modeOf(destination)).toBe(0o755);
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "nssw"]);
    expect(readdirSync(path.join(volume, "lib"))).toEqual(["node"]);
  });

  test("says how to make a portable folder that is missing", async ({ expect }) => {
    const copy = copyPortableFolder({ source: path.join(folder, "none"), destination: "/kfp-launcher/launch" });
    await expect(copy).rejects.toThrow(HostError);
    await expect(copy).rejects.toThrow(/^Cannot copy the launcher to \/kfp-launcher\/launch: .*npm run build:portable makes it$/);
  });

  test.for([
    { name: "its folder does not exist", make: () => path.join(folder, "absent/launch"), message: /absent is not a directory$/ },
    { name: "it is a directory", make: () => makeVolume("directory"), message: /it is a directory$/ },
    { name: "its folder is a file", make: () => path.join(source, "nssw/launch"), message: /nssw is not a directory$/ },
  ])("names the destination when $name", async ({ make, message }, { expect }) => {
    const destination = make();
    const copy = copyPortableFolder({ source, destination });
    await expect(copy).rejects.toThrow(message);
    await expect(copy).rejects.toThrow(destination);
  });

  test("leaves no entry point and no temporary file when a file cannot be put in place", async ({ expect }) => {
    const volume = makeVolume("blocked");
    mkdirSync(path.join(volume, "nssw/full"), { recursive: true });
    await expect(copyPortableFolder({ source, destination: path.join(volume, "launch") })).rejects.toThrow(/blocked\/launch: /);
    expect(existsSync(path.join(volume, "launch"))).toBe(false);
    expect(readdirSync(volume)).not.toContain(".kfp-runtime-copy.tmp");
  });
});
