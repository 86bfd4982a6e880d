/**
 * The portable folder in root file systems that are not ours: Debian, busybox, musl, empty; several users; read-only; with and
 * without /proc; with variables, preload lists and name services that would break our process if they reached it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { makeLimitedGroup } from "../support/cgroup.ts";
import { compileStatic, inRoot, makeRoots, namespacesMissing, portableToolsMissing } from "../support/portable.ts";
import { buildProbe, makeFolder, removeFolder, runScript, runToEnd } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";

const skipped = portableToolsMissing() || namespacesMissing();
const opensslMissing = skipUnless(
  spawnSync("openssl", ["version"]).status === 0,
  "TLS in the portable folder: openssl is missing",
);

const rootNames = ["empty", "busybox", "musl", "debian"];
const users = [0, 65532, 1000720000];
const hostile: Record<string, string> = {
  LD_PRELOAD: "/t/hostile.so",
  LD_AUDIT: "/t/hostile.so",
  LD_LIBRARY_PATH: "/t",
  NODE_OPTIONS: "--require=/nowhere.js",
  NODE_EXTRA_CA_CERTS: "/nowhere.pem",
  NODE_PATH: "/t",
  OPENSSL_CONF: "/nowhere.cnf",
  GLIBC_TUNABLES: "glibc.malloc.check=9",
  MALLOC_ARENA_MAX: "x",
  UV_THREADPOOL_SIZE: "0",
  LOCPATH: "/t",
  RES_OPTIONS: "attempts:0",
  HOSTALIASES: "/t/child",
  LC_ALL: "nonsense",
  TZ: "Nowhere/City",
  LANG: "x",
  MULTI: "first line\nsecond=line",
  EMPTY: "",
};

let folder = "";
let volume = "";
let enter = "";
let roots: Record<string, string> = {};
const tls = { PROBE_TLS_KEY: "", PROBE_TLS_CERT: "" };

beforeAll(async () => {
  if (skipped) return;
  folder = await makeFolder();
  const dist = path.join(folder, "dist");
  for (const built of [
    await buildProbe(dist, undefined, ["--no-code-cache"]),
    await runScript("build-portable.mjs", ["--dist", dist, "--program", "probe"]),
  ]) {
    if (built.code !== 0) throw new Error(built.stderr);
  }
  volume = path.join(folder, "volume");
  mkdirSync(volume);
  execFileSync(path.join(dist, "portable/launch"), ["--copy", path.join(volume, "launch")]);
  enter = path.join(folder, "enter");
  compileStatic("enter.c", enter);
  roots = makeRoots(folder);
  if (!opensslMissing) {
    const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        key,
        "-out",
        cert,
      ]),
      { stdio: "ignore" },
    );
    tls.PROBE_TLS_KEY = readFileSync(key, "utf8");
    tls.PROBE_TLS_CERT = readFileSync(cert, "utf8");
  }
});
afterAll(() => removeFolder(folder));

interface Place {
  readonly name: string;
  readonly user: number;
  readonly proc: boolean;
}

function launch({ name, user, proc }: Place, args: readonly string[], env: Record<string, string> = hostile) {
  const place = roots[name];
  if (place === undefined) throw new Error(`no root ${name}`);
  const [command, ...rest] = inRoot({ root: place, volume, enter, user, proc, env }, ["/kfp-launcher/launch", ...args]);
  return runToEnd(command, rest, { PATH: process.env["PATH"] ?? "" });
}

const places: Place[] = rootNames.flatMap((name) => users.flatMap((user) => [true, false].map((proc) => ({ name, user, proc }))));

describe.skipIf(skipped)("the portable folder", () => {
  describe.for(places)("in the root $name as user $user, /proc mounted: $proc", (place) => {
    test("starts, and finds names, TLS, languages and time zones without the image", async ({ expect, skip }) => {
      if (roots[place.name] === undefined) skip();
      const { code, stdout, stderr } = await launch(place, ["surroundings"], { ...hostile, ...tls });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(JSON.parse(stdout)).toEqual({
        localhost: "127.0.0.1",
        hostsFile: "10.9.8.7",
        unknownHost: expect.stringMatching(/^E(AI_AGAIN|NOTFOUND)$/),
        homedir: "/",
        writeToRoot: "EROFS",
        intl: "März",
        tls: opensslMissing ? expect.any(String) : "secret greeting",
        // Without /proc, Node believes what it was called.
        execPath: place.proc ? "/kfp-launcher/lib/node" : "/kfp-launcher/launch",
      });
    });

    test("gives the user's program its environment back exactly", async ({ expect, skip }) => {
      if (roots[place.name] === undefined) skip();
      const { code, stdout, stderr } = await launch(place, ["run", "/t/child", "environment"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const variables = stdout.split("\0").filter((text) => text !== "");
      expect(variables.toSorted()).toEqual(
        Object.entries(hostile)
          .map(([name, value]) => `${name}=${value}`)
          .toSorted(),
      );
    });

    test("passes exit codes on, and names signals and missing programs by their code", async ({ expect, skip }) => {
      if (roots[place.name] === undefined) skip();
      const codes = [];
      for (const command of [["/t/child", "exit", "7"], ["/t/child", "die"], ["/t/nothing"]]) {
        codes.push((await launch(place, ["run", ...command])).code);
      }
      expect(codes).toEqual([7, 137, 127]);
    });

    test("forwards signals to the user's program", async ({ expect, skip }) => {
      if (roots[place.name] === undefined) skip();
      const codes = [];
      // TERM, INT, HUP, USR1, USR2
      for (const signal of ["15", "2", "1", "10", "12"])
        codes.push((await launch(place, ["run", "/t/child", "answer", signal])).code);
      expect(codes).toEqual([33, 33, 33, 33, 33]);
    });

    test("accepts the code caches made when it was built", async ({ expect, skip }) => {
      if (roots[place.name] === undefined) skip();
      const { stderr } = await launch(place, ["lazy"], { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" });
      expect(stderr.trim().split("\n")).toEqual(expect.arrayContaining(["code cache of probe: accepted"]));
      expect(stderr).not.toMatch(/rejected|missing/);
    });
  });

  test("copies itself as any user into a volume of an empty root without /proc", async ({ expect }) => {
    for (const user of users) {
      const target = path.join(folder, `copy-${String(user)}`);
      mkdirSync(path.join(target, "inner"), { recursive: true });
      execFileSync("chmod", ["-R", "0777", target]);
      execFileSync("cp", ["-r", `${volume}/.`, path.join(target, "source")]);
      const place = { root: roots["empty"] ?? "", volume: target, enter, user, proc: false };
      const [command, ...args] = inRoot(place, ["/kfp-launcher/source/launch", "--copy", "/kfp-launcher/inner/launch"]);
      const ended = await runToEnd(command, args, { PATH: process.env["PATH"] ?? "" });
      expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(spawnSync("diff", ["-r", volume, path.join(target, "inner")]).status).toBe(0);
    }
  });

  test("says in one line that the volume is full, and leaves no entry point", async ({ expect }) => {
    const target = path.join(folder, "small");
    mkdirSync(target);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=20m", "tmpfs", target]);
    try {
      const { code, stderr } = await runToEnd(path.join(volume, "launch"), ["--copy", path.join(target, "launch")]);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `probe: cannot copy itself to ${target}/launch: write node: No space left on device\n`,
      });
      const left = readdirSync(target, { recursive: true, encoding: "utf8" });
      expect(left.filter((name) => name === "launch" || name.endsWith(".tmp"))).toEqual([]);
    } finally {
      execFileSync("umount", [target]);
    }
  });

  test("says in one line that a volume is read-only", async ({ expect }) => {
    const place = { name: "empty", user: 65532, proc: true };
    const { code, stderr } = await launch(place, ["--copy", "/t/launch"], {});
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^probe: cannot copy itself to \/t\/launch: create \w+: Read-only file system\n$/),
    });
  });

  test("copies itself within 64 MiB of memory and half a CPU", async ({ expect, skip }) => {
    const group = makeLimitedGroup({ cpus: 0.5, memoryBytes: 64 << 20 });
    if (skipUnless(group !== undefined, "a copy under limits: no control group can be made here") || group === undefined)
      return skip();
    try {
      const target = path.join(folder, "limited");
      mkdirSync(target);
      const [command, ...args] = group.wrap([path.join(volume, "launch"), "--copy", path.join(target, "launch")]);
      expect(await runToEnd(command, args)).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(spawnSync("diff", ["-r", volume, target]).status).toBe(0);
    } finally {
      group.remove();
    }
  });

  test("stays one complete folder when a copy is killed half-way and repeated", async ({ expect }) => {
    const target = path.join(folder, "killed");
    mkdirSync(target);
    const script = `"${volume}/launch" --copy "${target}/launch" & sleep 0.02; kill -9 $!; wait $!; [ -e "${target}/launch" ] && echo complete`;
    for (let round = 0; round < 5; round++) spawnSync("/bin/sh", ["-c", script]);
    execFileSync(path.join(volume, "launch"), ["--copy", path.join(target, "launch")]);
    expect(spawnSync("diff", ["-r", volume, target]).status).toBe(0);
  });

  test("ends with one line when its folder was copied without Node", async ({ expect }) => {
    const target = path.join(folder, "alone");
    mkdirSync(target);
    copyFileSync(path.join(volume, "launch"), path.join(target, "launch"));
    writeFileSync(path.join(target, "nssw"), "");
    const { code, stderr } = await runToEnd(path.join(target, "launch"), ["x"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^probe: cannot start .*: No such file or directory\n$/);
  });
});
