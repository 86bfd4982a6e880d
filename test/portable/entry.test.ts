import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { originalEnvironment } from "../../src/node/original-env.ts";
import { compileEntry, muslMissing } from "../support/portable.ts";
import { makeFolder, removeFolder, runToEnd } from "../support/probe.ts";

const loader = process.arch === "x64" ? "ld-linux-x86-64.so.2" : "ld-linux-aarch64.so.1";
let folder = "";
let source = "";
let launch = "";

/** A folder whose loader is a script that shows how it was called; --copy needs no more. */
beforeAll(async () => {
  if (muslMissing()) return;
  folder = await makeFolder();
  source = path.join(folder, "package");
  mkdirSync(path.join(source, "lib"), { recursive: true });
  launch = path.join(source, "launch");
  compileEntry(launch, "launcher-v2", path.join(folder, "home"));
  writeFileSync(path.join(source, "nssw"), "hosts: files dns\n", { mode: 0o600 });
  writeFileSync(path.join(source, "lib/node"), "node".repeat(5_000_000), { mode: 0o700 });
  writeFileSync(path.join(source, "lib", loader), '#!/bin/sh\nprintf "%s\\n" "$0" "$@"; printf "\\f"; env -0\n', { mode: 0o755 });
});
afterAll(() => removeFolder(folder));

function makeVolume(name: string): string {
  const volume = path.join(folder, name);
  mkdirSync(volume);
  return volume;
}

async function runEntry(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runToEnd(launch, args, { PATH: "/usr/bin:/bin", ...env });
  const [shownArgs = "", shownEnv = ""] = stdout.split("\f");
  const variables = shownEnv
    .split("\0")
    .filter((text) => text !== "")
    .map((text) => text.split(/=(.*)/s, 2) as [string, string]);
  return { code, stderr, args: shownArgs.trim().split("\n"), env: Object.fromEntries(variables) };
}

describe.skipIf(muslMissing())("portable/launch.c", () => {
  test("starts Node through its own loader and libraries, away from home", async ({ expect }) => {
    const { args, code } = await runEntry(["--task_id", "x y"]);
    const lib = path.join(source, "lib");
    expect(args).toEqual([
      path.join(lib, loader),
      "--inhibit-cache",
      "--library-path",
      lib,
      "--argv0",
      launch,
      path.join(lib, "node"),
      ...["--late", "--first=1", "--second"],
      path.join(lib, "boot.cjs"),
      "launcher-v2",
      "--task_id",
      "x y",
    ]);
    expect(code).toBe(0);
  });

  test.for([
    [{}, ["--late", "--first=1", "--second"]],
    [{ NODE_USE_SYSTEM_CA: "1" }, ["--first=1", "--second"]],
    [{ NODE_OPTIONS: "--use-openssl-ca" }, ["--first=1", "--second"]],
  ] as [Record<string, string>, string[]][])(
    "in an image of our own with %j starts Node with %j",
    async ([env, expected], { expect }) => {
      const image = makeVolume(`image-${Object.keys(env).join("-")}`);
      cpSync(source, image, { recursive: true });
      const own = path.join(image, "launch");
      compileEntry(own, "driver", path.join(folder, "home"), { userImage: false });
      const { stdout } = await runToEnd(own, [], { PATH: "/usr/bin:/bin", ...env });
      const args = (stdout.split("\f")[0] ?? "").trim().split("\n");
      expect(args.slice(args.indexOf(path.join(image, "lib/node")) + 1, -2)).toEqual(expected);
    },
  );

  test("hides variables of the user's program from our Node, and nothing is lost", async ({ expect }) => {
    const user: Record<string, string> = {
      LD_PRELOAD: "/t/evil.so",
      LD_LIBRARY_PATH: "/x",
      LD_AUDIT: "",
      NODE_OPTIONS: "--require /x",
      NODE_NAME: "worker-1",
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      MALLOC_ARENA_MAX: "1",
      OPENSSL_CONF: "/x",
      UV_THREADPOOL_SIZE: "0",
      GLIBC_TUNABLES: "glibc.malloc.check=3",
      LOCPATH: "/x",
      RES_OPTIONS: "x",
      SSLKEYLOGFILE: "/keys",
      GRPC_TRACE: "all",
      KFP_LAUNCHER_STASH: "mine",
      KFP_LAUNCHER_STASH_LD_PRELOAD: "mine too",
      LDX: "kept",
      SSL_CERT_FILE: "kept",
      MULTI: "a\nb=c",
      EMPTY: "",
    };
    const { env } = await runEntry([], user);
    const { PWD: _pwd, SHLVL: _level, _: _last, OLDPWD: _old, ...seen } = env;
    const hidden = Object.keys(user).filter((name) => !["LDX", "SSL_CERT_FILE", "MULTI", "EMPTY"].includes(name));
    expect(Object.keys(seen).filter((name) => hidden.includes(name) && name !== "KFP_LAUNCHER_STASH")).toEqual([
      // Stashed variable of LD_PRELOAD; the user's own of this name is hidden deeper.
      "KFP_LAUNCHER_STASH_LD_PRELOAD",
    ]);
    expect(originalEnvironment(seen)).toEqual({ ...user, PATH: "/usr/bin:/bin" });
  });

  test("adds no variable when there is nothing to hide", async ({ expect }) => {
    const { env } = await runEntry([], { HOME: "/h" });
    expect(Object.keys(env).filter((name) => name.startsWith("KFP_"))).toEqual([]);
  });

  test("finds its folder through symbolic links", async ({ expect }) => {
    const links = makeVolume("links");
    symlinkSync("../package/launch", path.join(links, "inner"));
    symlinkSync("inner", path.join(links, "launcher-v2"));
    const { stdout } = await runToEnd(path.join(links, "launcher-v2"), [], { PATH: "/usr/bin:/bin" });
    expect(stdout.split("\n")[0]).toBe(path.join(source, "lib", loader));
  });

  test("says in one line that Node is missing", async ({ expect }) => {
    const broken = makeVolume("broken");
    cpSync(launch, path.join(broken, "launch"));
    expect(await runToEnd(path.join(broken, "launch"), [])).toEqual({
      code: 1,
      stdout: "",
      stderr: `launcher-v2: cannot start ${broken}/lib/${loader}: No such file or directory\n`,
    });
  });

  test.for([
    { args: ["--copy", "DEST"] },
    { args: ["-copy", "DEST"] },
    { args: ["--copy=DEST"] },
    { args: ["-copy=DEST"] },
    { args: ["--copy", "DEST", "--cache_disabled", "--log_level", "4", "--publish_logs", "true"] },
    { args: ["--copy", "DEST", "--", "user", "command"] },
    { args: ["--log_level", "4", "--cache_disabled", "--copy", "DEST"] },
    { args: ["--cache_disabled=false", "--copy", "DEST"] },
    { args: ["--copy", "/nowhere/x", "--copy", "DEST"] },
  ])("copies itself for $args", async ({ args }, { expect }) => {
    const volume = makeVolume(`args-${String(Math.random())}`);
    const destination = path.join(volume, "launch");
    expect(
      await runToEnd(
        launch,
        args.map((text) => text.replace("DEST", destination)),
      ),
    ).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "nssw"]);
  });

  test.for([
    { args: ["--", "--copy", "/nowhere/x"] },
    { args: ["command", "--copy", "/nowhere/x"] },
    { args: ["--executor_input", "--copy", "--task_id", "/nowhere/x"] },
    { args: ["--copy="] },
    { args: ["--copy", ""] },
    { args: ["--copy"] },
    { args: ["--help", "--copy", "/nowhere/x"] },
    { args: ["--copyx", "/nowhere/x"] },
  ])("runs the program for $args", async ({ args }, { expect }) => {
    expect((await runEntry(args)).args.slice(11)).toEqual(["launcher-v2", ...args].join("\n").trim().split("\n"));
  });

  test("copies every file complete, readable by everyone whatever the umask", ({ expect }) => {
    const volume = makeVolume("modes");
    const run = spawnSync("/bin/sh", ["-c", `umask 077; exec ${launch} --copy ${volume}/launch`]);
    expect(run.status).toBe(0);
    const modes = ["launch", "lib", "lib/node", "nssw"].map((name) => statSync(path.join(volume, name)).mode & 0o777);
    expect(modes).toEqual([0o755, 0o755, 0o755, 0o644]);
    for (const name of ["launch", "lib/node", "nssw", `lib/${loader}`]) {
      expect(readFileSync(path.join(volume, name)).equals(readFileSync(path.join(source, name))), name).toBe(true);
    }
  });

  test("copies with little memory of its own", ({ expect }) => {
    const volume = makeVolume("memory");
    const run = spawnSync("/bin/sh", ["-c", `ulimit -v 2048; exec ${launch} --copy ${volume}/launch`], { encoding: "utf8" });
    expect(run).toMatchObject({ status: 0, stderr: "" });
  });

  test("F1 may be repeated, over read-only files and what an interrupted copy left", async ({ expect }) => {
    const volume = makeVolume("repeated");
    const destination = path.join(volume, "launch");
    await runToEnd(launch, ["--copy", destination]);
    chmodSync(destination, 0o555);
    writeFileSync(path.join(volume, "nssw"), "changed");
    for (const place of [volume, path.join(volume, "lib")]) writeFileSync(path.join(place, ".kfp-runtime-copy.tmp"), "half");
    const { ino } = statSync(destination);
    expect(await runToEnd(launch, ["--copy", destination])).toEqual({ code: 0, stdout: "", stderr: "" });
    // Root may write to any file, others only replace it.
    expect(statSync(destination).ino).not.toBe(ino);
    expect(statSync(destination).mode & 0o777).toBe(0o755);
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "nssw"]);
    expect(readdirSync(path.join(volume, "lib")).toSorted()).toEqual([loader, "node"]);
    expect(readFileSync(path.join(volume, "nssw"), "utf8")).toBe("hosts: files dns\n");
  });

  test("copies that run at the same time take turns", async ({ expect }) => {
    const volume = makeVolume("together");
    const destination = path.join(volume, "launch");
    const all = await Promise.all(Array.from({ length: 8 }, () => runToEnd(launch, ["--copy", destination])));
    expect(all).toEqual(all.map(() => ({ code: 0, stdout: "", stderr: "" })));
    expect(statSync(path.join(volume, "lib/node")).size).toBe(20_000_000);
    expect(readdirSync(path.join(volume, "lib")).toSorted()).toEqual([loader, "node"]);
  });

  test("a copy can copy itself", async ({ expect }) => {
    const [first, second] = [makeVolume("first"), makeVolume("second")];
    await runToEnd(launch, ["--copy", path.join(first, "start")]);
    await runToEnd(path.join(first, "start"), ["--copy", path.join(second, "launch")]);
    expect(readdirSync(second).toSorted()).toEqual(["launch", "lib", "nssw"]);
  });

  test("takes a relative destination", ({ expect }) => {
    const volume = makeVolume("relative");
    expect(spawnSync(launch, ["--copy", "launch"], { cwd: volume }).status).toBe(0);
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "nssw"]);
  });

  test.for([
    {
      name: "the folder is missing",
      destination: () => path.join(folder, "absent/launch"),
      reason: "open the folder FOLDER/absent: No such file or directory",
    },
    { name: "it is a directory", destination: () => makeVolume("directory"), reason: "write FOLDER/directory: Is a directory" },
    { name: "it ends with a slash", destination: () => `${source}/`, reason: "write FOLDER/package/: Is a directory" },
    {
      name: "the folder is a file",
      destination: () => path.join(source, "nssw/launch"),
      reason: "open the folder FOLDER/package/nssw: Not a directory",
    },
  ])("names the destination in one line when $name", async ({ destination, reason }, { expect }) => {
    const place = destination();
    expect(await runToEnd(launch, ["--copy", place])).toEqual({
      code: 1,
      stdout: "",
      stderr: `launcher-v2: cannot copy itself to ${place}: ${reason.replace("FOLDER", folder)}\n`,
    });
  });

  test("leaves no entry point and no temporary file when a file cannot be put in place", async ({ expect }) => {
    const volume = makeVolume("blocked");
    mkdirSync(path.join(volume, "lib/node/full"), { recursive: true });
    const { code, stderr } = await runToEnd(launch, ["--copy", path.join(volume, "launch")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^launcher-v2: cannot copy itself to .*\/blocked\/launch: put in place node: .*\n$/);
    expect(existsSync(path.join(volume, "launch"))).toBe(false);
    expect(readdirSync(path.join(volume, "lib"))).not.toContain(".kfp-runtime-copy.tmp");
  });
});
