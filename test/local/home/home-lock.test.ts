/** Who holds a home, who serves it, and who waits. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isHeldBy, lockHolder, lockHome, type LockHolder } from "../../../src/local/home/home-lock.ts";
import { prepareHome, type Home } from "../../../src/local/home/home.ts";
import { obtainHome } from "../../../src/local/home/obtain-home.ts";
import { HAND_OVER, isServing } from "../../../src/local/serve/hand-over-holder.ts";
import { systemClock } from "../../../src/node/system-clock.ts";

let home: Home;
beforeEach(async () => {
  home = await prepareHome(join(mkdtempSync(join(tmpdir(), "kfp-lock-")), "home"));
});
afterEach(() => rmSync(join(home.folder, ".."), { recursive: true, force: true }));

const server = { host: "127.0.0.1", port: 8887, version: "1.2.3", handOver: HAND_OVER };
const neverServing = (_holder: LockHolder | undefined): _holder is LockHolder => false;

function writeHolder(more: Partial<LockHolder>): void {
  const holder = { pid: process.pid, processStart: "", host: hostname(), since: "2026-01-01T00:00:00.000Z", what: "serve" };
  writeFileSync(home.lock, JSON.stringify({ ...holder, ...more }));
}

describe("a server in the lock", () => {
  test("is named while it holds the home, and gone with it", async () => {
    const lock = await lockHome(home, "serve", new Date());
    expect((await lockHolder(home))?.server).toBeUndefined();
    await lock.announce(server);
    const holder = await lockHolder(home);
    expect(holder).toMatchObject({ pid: process.pid, what: "serve", server });
    expect(isServing(home, holder, "1.2.3")).toBe(true);
    expect(await isHeldBy(home, holder as LockHolder)).toBe(true);
    await lock.release();
    expect(await lockHolder(home)).toBeUndefined();
    expect(await isHeldBy(home, holder as LockHolder)).toBe(false);
  });

  test.for([
    ["of a process that is gone", { pid: 2 ** 22 + 1 }],
    ["of another process with the same number", { processStart: "1" }],
  ] as const)("%s does not count", async ([, more], { skip }) => {
    if (process.platform !== "linux") skip("needs /proc");
    writeHolder({ ...more, server });
    expect(await lockHolder(home)).toBeUndefined();
    const lock = await lockHome(home, "run", new Date());
    await lock.release();
  });

  test.for([
    ["in the words of ps", "Sun Nov 29 06:46:01 2026"],
    ["not at all", ""],
  ] as const)("that lives counts when the machine told its start %s", async ([, processStart]) => {
    writeHolder({ processStart, server });
    expect((await lockHolder(home))?.pid).toBe(process.pid);
    await expect(lockHome(home, "run", new Date())).rejects.toThrow(`process ${process.pid} on ${hostname()}`);
  });

  test("of a process that has ended and that nobody has asked about does not count", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs /proc");
    const parent = spawn("sh", ["-c", "cat <&3 & echo $!; exec sleep 1000"], { stdio: ["ignore", "pipe", "ignore", "pipe"] });
    const [, output, , gate] = parent.stdio as [null, Readable, null, Writable, undefined];
    try {
      const [text] = (await once(output, "data")) as [Buffer];
      const pid = Number(text.toString());
      // Until then its parent is a shell, which would ask about it.
      await vi.waitUntil(() => readFileSync(`/proc/${parent.pid}/comm`, "utf8") === "sleep\n", { timeout: 30_000 });
      gate.end();
      const fields = (): string[] => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      await vi.waitUntil(() => fields()[0] === "Z", { timeout: 30_000 });
      writeHolder({ pid, processStart: fields()[19] ?? "", server });
      expect(await lockHolder(home)).toBeUndefined();
      const lock = await lockHome(home, "run", new Date());
      await lock.release();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  test("on another machine takes no runs", () => {
    const holder = { pid: 1, processStart: "", host: "elsewhere", since: "", what: "serve", server };
    expect(isServing(home, holder, "1.2.3")).toBe(false);
  });

  test("of another way of handing over is refused with both versions", () => {
    const holder = { pid: 7, processStart: "", host: hostname(), since: "", what: "serve", server: { ...server, handOver: 99 } };
    expect(() => isServing(home, holder, "2.0.0")).toThrow(
      /process 7 serves it with kfp-runtime 1\.2\.3, to which this version, 2\.0\.0,/,
    );
  });

  test.for([[{}], [{ port: "8887" }], ["127.0.0.1:8887"], [null]])("that is written as %j is none", async ([written]) => {
    writeHolder({ server: written as never });
    expect((await lockHolder(home))?.server).toBeUndefined();
  });
});

describe("obtainHome()", () => {
  const deps = (notices: string[], signal = new AbortController().signal) => ({
    ...{ clock: systemClock, signal },
    onNotice: (text: string) => notices.push(text),
  });
  const options = { what: "run b.yaml", waitMs: 60_000, isServing: neverServing };

  test("waits for a holder of this machine, says so once, and takes the home after it", async () => {
    const first = await lockHome(home, "run a.yaml", new Date());
    const notices: string[] = [];
    const waiting = obtainHome(
      { ...deps(notices), onNotice: (text) => void (notices.push(text), first.release()) },
      home,
      options,
    );
    const obtained = await waiting;
    expect(notices).toEqual([expect.stringMatching(/^waiting for .*: process \d+ on .* \(run a\.yaml\)$/)]);
    expect(JSON.parse(readFileSync(home.lock, "utf8"))).toMatchObject({ what: "run b.yaml" });
    if ("lock" in obtained) await obtained.lock.release();
  });

  test("finds a server that starts to serve meanwhile", async () => {
    const lock = await lockHome(home, "serve", new Date());
    const serving = {
      ...options,
      isServing: (holder: LockHolder | undefined): holder is LockHolder => isServing(home, holder, "1.2.3"),
    };
    const notices: string[] = [];
    const obtained = await obtainHome(
      { ...deps(notices), onNotice: (text) => void (notices.push(text), lock.announce(server)) },
      home,
      serving,
    );
    expect(obtained).toMatchObject({ holder: { server } });
    await lock.release();
  });

  test("does not wait without time, or for another machine", async () => {
    const lock = await lockHome(home, "run a.yaml", new Date());
    await expect(obtainHome(deps([]), home, { ...options, waitMs: 0 })).rejects.toMatchObject({ code: "HOME_LOCKED" });
    await lock.release();
    writeHolder({ host: "elsewhere" });
    await expect(obtainHome(deps([]), home, options)).rejects.toThrow(/delete the file/);
  });

  test("ends with Ctrl-C", async () => {
    const lock = await lockHome(home, "run a.yaml", new Date());
    const stop = new AbortController();
    const waiting = obtainHome({ ...deps([], stop.signal), onNotice: () => stop.abort() }, home, options);
    await expect(waiting).rejects.toMatchObject({ code: "INTERRUPTED" });
    await lock.release();
  });
});
