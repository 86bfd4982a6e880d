/** The portable entry point as process 1 of a PID namespace, as under `docker run` without an init. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { compileEntry, muslMissing, namespacesMissing } from "../support/portable.ts";
import { makeFolder, removeFolder, runToEnd } from "../support/probe.ts";

const loader = process.arch === "x64" ? "ld-linux-x86-64.so.2" : "ld-linux-aarch64.so.1";
const missing = muslMissing() || namespacesMissing();
let folder = "";
let launch = "";

/** A folder whose loader, in the place of Node, is a script that runs what the environment says. */
beforeAll(async () => {
  if (missing) return;
  folder = await makeFolder();
  launch = path.join(folder, "package/launch");
  mkdirSync(path.join(folder, "package/lib"), { recursive: true });
  compileEntry(launch, "launcher-v2", path.join(folder, "home"));
  writeFileSync(path.join(folder, "package/lib/node"), "");
  writeFileSync(path.join(folder, "package/lib", loader), '#!/bin/sh\neval "$SCRIPT"\n', { mode: 0o755 });
});
afterAll(() => removeFolder(folder));

function runAsProcessOne(script: string) {
  const args = ["--pid", "--mount-proc", "--fork", "--kill-child", launch];
  const env = { PATH: "/usr/bin:/bin", SCRIPT: script };
  const { status, stdout, stderr, error } = spawnSync("unshare", args, { env, encoding: "utf8", timeout: 30_000 });
  return { code: status, stdout, stderr, error };
}

describe.skipIf(missing)("portable/launch.c as process 1", () => {
  test("starts the program as its child, and elsewhere in its own place", async ({ expect }) => {
    const script = 'echo "$$ child of $PPID"';
    expect(runAsProcessOne(script)).toEqual({ code: 0, stdout: "2 child of 1\n", stderr: "" });
    const { stdout } = await runToEnd(launch, [], { PATH: "/usr/bin:/bin", SCRIPT: script });
    expect(stdout).toMatch(new RegExp(`^\\d+ child of ${process.pid}\\n$`));
  });

  test("reaps orphans of the user's program", ({ expect }) => {
    // Twenty orphans end by themselves; whoever polls sees their entries go, or gives up after ten seconds.
    const script = `
      for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (/bin/sleep 0.1 &); done
      tries=0
      while [ $tries -lt 200 ]; do
        left=$(grep -l "(sleep)" /proc/[0-9]*/stat 2>/dev/null | wc -l)
        [ "$left" -eq 0 ] && echo "none left" && exit 0
        tries=$((tries + 1)); sleep 0.05
      done
      grep "(sleep)" /proc/[0-9]*/stat; exit 1`;
    expect(runAsProcessOne(script)).toEqual({ code: 0, stdout: "none left\n", stderr: "" });
  });

  test.for([
    { script: "exit 0", code: 0 },
    { script: "exit 7", code: 7 },
    { script: "kill -KILL $$", code: 137 },
    { script: "kill -TERM $$", code: 143 },
    { name: "leaving an orphan behind", script: "(/bin/sleep 1000 > /dev/null 2>&1 &); exit 3", code: 3 },
  ])("ends as the program does: $script", ({ script, code }, { expect }) => {
    expect(runAsProcessOne(script)).toEqual({ code, stdout: "", stderr: "" });
  });

  test.for(["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH"])("passes SIG%s on, once", (name, { expect }) => {
    // The second signal is the end of the wait: whatever the first one brought has arrived by then, since both go the same way.
    const script = `
      got=0; trap 'got=$((got + 1))' ${name}; trap 'echo "got $got"; exit 9' CONT
      kill -${name} 1; while [ $got -eq 0 ]; do sleep 0.01; done
      kill -CONT 1; while :; do sleep 0.01; done`;
    expect(runAsProcessOne(script)).toEqual({ code: 9, stdout: "got 1\n", stderr: "" });
  });
});
