import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { clearHome, homeAt, homeUsage, prepareHome } from "../../../src/local/home/home.ts";
import { lockHolder, lockHome } from "../../../src/local/home/home-lock.ts";
import { skipUnless } from "../../support/skip.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-home-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("prepareHome()", () => {
  test("makes what is missing and may be repeated", async () => {
    const home = await prepareHome(join(folder, "new", "home"));
    await prepareHome(home.folder);
    for (const path of [home.artifacts, home.runs, home.environments]) expect(existsSync(path)).toBe(true);
    expect(await homeUsage(home)).toMatchObject({ exists: true, databaseBytes: 0 });
  });

  test("refuses a folder with other files, and touches nothing", async () => {
    writeFileSync(join(folder, "thesis.txt"), "x");
    await expect(prepareHome(folder)).rejects.toThrow(`Cannot use ${folder} as home: it holds other files (thesis.txt)`);
    expect(existsSync(join(folder, "artifacts"))).toBe(false);
  });

  test("names the folder it cannot use", async () => {
    await expect(prepareHome("/dev/null/home")).rejects.toMatchObject({
      code: "HOME_UNUSABLE",
      message: expect.stringContaining("/dev/null/home") as string,
    });
  });

  test.skipIf(skipUnless(process.getuid?.() !== 0, "a folder without write permission: root may write everywhere"))(
    "says that it may not write",
    async () => {
      chmodSync(folder, 0o555);
      await expect(prepareHome(join(folder, "home"))).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
    },
  );
});

describe("clearHome()", () => {
  test("empties a home and nothing else", async () => {
    const home = await prepareHome(join(folder, "home"));
    writeFileSync(home.database, "x");
    writeFileSync(join(home.artifacts, "a"), "x");
    await clearHome(home);
    expect(existsSync(home.database)).toBe(false);
    expect(existsSync(home.artifacts)).toBe(false);
    await prepareHome(home.folder);
  });

  test("refuses a folder that is no home", async () => {
    writeFileSync(join(folder, "thesis.txt"), "x");
    await expect(clearHome(homeAt(folder))).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
    expect(readFileSync(join(folder, "thesis.txt"), "utf8")).toBe("x");
  });
});

describe("lockHome()", () => {
  const now = new Date("2026-01-02T03:04:05Z");

  test("names the holder to whoever comes second, and lets go", async () => {
    const home = await prepareHome(join(folder, "home"));
    const lock = await lockHome(home, "run a.yaml", now);
    await expect(lockHome(home, "run b.yaml", now)).rejects.toThrow(
      new RegExp(`process ${process.pid} on .* since 2026-01-02T03:04:05.000Z \\(run a.yaml\\)`),
    );
    expect(await lockHolder(home)).toMatchObject({ pid: process.pid, what: "run a.yaml" });
    await lock.release();
    expect(await lockHolder(home)).toBeUndefined();
    await (await lockHome(home, "run b.yaml", now)).release();
  });

  test.for([
    { name: "a process that is gone", holder: () => ({ pid: spawnSync("true").pid, processStart: "1" }) },
    { name: "a later process with the same pid", holder: () => ({ pid: process.pid, processStart: "1" }) },
    { name: "a process number that means a group", holder: () => ({ pid: 0, processStart: "" }) },
    { name: "a file that says nothing", holder: () => undefined },
  ])("takes over from $name", async ({ holder }, { expect }) => {
    const home = await prepareHome(join(folder, "home"));
    const hostname = spawnSync("hostname").stdout.toString().trim();
    const text = holder();
    writeFileSync(home.lock, text === undefined ? "" : JSON.stringify({ ...text, host: hostname, since: "", what: "" }));
    await expect(lockHome(home, "run", now)).resolves.toBeDefined();
  });

  test.for([
    { name: "null", text: "null" },
    { name: "a number", text: "4711" },
    { name: "a list", text: "[1]" },
    { name: "an empty object", text: "{}" },
    { name: "a holder whose number is a text", text: '{"pid": "1", "processStart": "1", "host": "h"}' },
    { name: "half a file", text: '{"pid": 1, "proc' },
    { name: "bytes", text: "\0\u{ffff}\u{1}" },
    { name: "far too much", text: `"${"x".repeat(100_000)}"` },
  ])("takes over a lock file that holds $name", async ({ text }, { expect }) => {
    const home = await prepareHome(join(folder, "home"));
    writeFileSync(home.lock, text);
    expect(await lockHolder(home)).toBeUndefined();
    await (await lockHome(home, "run", now)).release();
    expect(existsSync(home.lock)).toBe(false);
  });

  test("does not wait for somebody to write into a pipe of that name", { timeout: 10_000 }, async () => {
    const home = await prepareHome(join(folder, "home"));
    expect(spawnSync("mkfifo", [home.lock]).status).toBe(0);
    await (await lockHome(home, "run", now)).release();
  });

  test("names the remedy when the holder is on another machine, which nobody here can look at", async () => {
    const home = await prepareHome(join(folder, "home"));
    writeFileSync(
      home.lock,
      JSON.stringify({ pid: 1, processStart: "1", host: "gone-container", since: "2026-01-01", what: "run a.yaml" }),
    );
    await expect(lockHome(home, "run", now)).rejects.toMatchObject({
      code: "HOME_LOCKED",
      message: expect.stringMatching(
        /process 1 on gone-container has been using it since 2026-01-01 \(run a\.yaml\); wait .*--home; if that process is gone .*, delete the file \/.*\/lock$/,
      ) as string,
    });
    rmSync(home.lock);
    await (await lockHome(home, "run", now)).release();
  });

  test("leaves the lock to whoever took it after the file was deleted", async () => {
    const home = await prepareHome(join(folder, "home"));
    const first = await lockHome(home, "first", now);
    rmSync(home.lock);
    const second = await lockHome(home, "second", new Date(now.getTime() + 1));
    await first.release();
    expect(await lockHolder(home)).toMatchObject({ what: "second" });
    await second.release();
    expect(existsSync(home.lock)).toBe(false);
  });

  test("lets only one of many through at the same time", async () => {
    const home = await prepareHome(join(folder, "home"));
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => lockHome(home, `run ${i}`, new Date(now.getTime() + i))),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("a person's own launcher-config", () => {
  test("may be there before the first run, and is never cleared", async () => {
    const home = homeAt(join(folder, "home"));
    mkdirSync(join(home.folder, "launcher-config"), { recursive: true });
    writeFileSync(join(home.folder, "launcher-config/providers"), "s3: {}");
    await prepareHome(home.folder);
    await clearHome(home);
    expect(readFileSync(join(home.folder, "launcher-config/providers"), "utf8")).toBe("s3: {}");
  });
});
