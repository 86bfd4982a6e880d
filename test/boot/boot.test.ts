import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildProbe, makeFolder, removeFolder, root, runToEnd } from "../support/probe.ts";

const nodeFolder = path.dirname(process.execPath);
let folder = "";
let dist = "";

beforeAll(async () => {
  folder = await makeFolder();
  dist = path.join(folder, "dist");
  const built = await buildProbe(dist, { probe: "probe/main.ts", libraries: "probe/libraries.ts" });
  if (built.code !== 0) throw new Error(built.stderr);
});
afterAll(() => removeFolder(folder));

function boot(args: string[], env: Record<string, string> = {}, from = dist) {
  return runToEnd(process.execPath, [path.join(from, "lib/boot.cjs"), ...args], env);
}

/** A copy of the build whose bytes a test may change. */
function copyOfDist(name: string): string {
  const copy = path.join(folder, name);
  cpSync(dist, copy, { recursive: true });
  return copy;
}

describe("boot.cjs", () => {
  test("starts the named program, which sees its own arguments only", async ({ expect }) => {
    expect(await boot(["probe", "greet", "probe"])).toEqual({ code: 0, stdout: "hello probe\n", stderr: "" });
  });

  test("passes the exit code on", async ({ expect }) => {
    expect((await boot(["probe", "exit", "7"])).code).toBe(7);
  });

  test("gives a lazily loaded chunk the same module instances as the program", async ({ expect }) => {
    expect((await boot(["probe", "lazy"])).stdout).toBe("lazy 2 url\n");
  });

  test("keeps what Node says of old code from those who run the program, unless they ask for it", async ({ expect }) => {
    const { stderr } = await boot(["probe", "warn"]);
    expect(stderr).toContain("Warning: a warning of the program");
    expect(stderr).not.toContain("an old way");
    expect((await boot(["probe", "warn"], { NODE_OPTIONS: "--trace-deprecation" })).stderr).toContain("an old way");
  });

  test("puts version, commit and date into the program", async ({ expect }) => {
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    expect((await boot(["probe", "--version"])).stdout).toBe(`probe ${version} (commit 0123456789ab, 1970-01-01T00:00:00Z)\n`);
  });

  test("loads every heavy library, each through an accepted code cache", async ({ expect }) => {
    const { code, stdout, stderr } = await boot(["libraries"], { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" });
    expect(JSON.parse(stdout)).toEqual({
      grpc: "function 12 12",
      signature: "function",
      s3: "S3",
      cel: "function",
      yaml: '{"a":[1,2]}',
      yargs: "x",
      sqlite: '{"one":1}',
    });
    const lines = stderr.trim().split("\n");
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => !line.endsWith(": accepted"))).toEqual([]);
    expect(code).toBe(0);
  });

  test("runs without code caches, and with ones that V8 rejects", async ({ expect }) => {
    const copy = copyOfDist("no-caches");
    for (const file of readdirSync(path.join(copy, "lib"))) {
      if (file.endsWith(".cache")) writeFileSync(path.join(copy, "lib", file), "no code cache");
    }
    const rejected = await boot(["probe", "greet", "x"], { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" }, copy);
    expect(rejected).toMatchObject({ code: 0, stdout: "hello x\n" });
    expect(rejected.stderr).toContain("code cache of probe: rejected\n");
    expect(await boot(["probe", "greet", "x"], {}, copy)).toEqual({ code: 0, stdout: "hello x\n", stderr: "" });
  });

  test("only complains when a code cache cannot be written", async ({ expect }) => {
    const copy = copyOfDist("unwritable");
    // A folder in the place of the cache cannot be replaced by a file, not even by root.
    mkdirSync(path.join(copy, "lib/extra.js.cache/full"), { recursive: true });
    writeFileSync(path.join(copy, "lib/extra.js"), "(function(){})");
    const ended = await boot(
      ["probe", "greet", "x"],
      { KFP_RUNTIME_WRITE_CODE_CACHE: "1", KFP_RUNTIME_WARM_CHUNKS: "extra" },
      copy,
    );
    expect(ended).toMatchObject({ code: 0, stdout: "hello x\n" });
    expect(ended.stderr).toMatch(/^cannot write the code cache of .*extra\.js: .*\n$/);
  });

  test.for(["18.20.4", "20.20.2", "22.12.0"])("tells Node %s off in one line", async (version, { expect }) => {
    const preload = path.join(folder, `node-${version}.cjs`);
    writeFileSync(
      preload,
      `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });
       Object.defineProperty(process, "version", { value: "v${version}" });`,
    );
    const ended = await runToEnd(process.execPath, ["--require", preload, path.join(dist, "lib/boot.cjs"), "probe", "greet"]);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^kfp-runtime needs Node\.js 22\.13 or newer, this is v[\d.]+ \(.*\): put a newer node .*\n$/);
  });

  test("shows a short line of the source when an error is not caught", async ({ expect }) => {
    const { code, stderr } = await boot(["probe", "throw"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Error: thrown on purpose");
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(300);
  });
});

describe("dist/bin", () => {
  const start = () => path.join(dist, "bin/probe");

  test.for([
    { name: "as a program", command: () => [start()] },
    { name: "by sh", command: () => ["/bin/sh", start()] },
    { name: "by node", command: () => [process.execPath, start()] },
  ])("starts $name", async ({ command }, { expect }) => {
    const [program = "", ...args] = command();
    const ended = await runToEnd(program, [...args, "greet", "a b"], { PATH: `${nodeFolder}:/usr/bin:/bin` });
    expect(ended).toEqual({ code: 0, stdout: "hello a b\n", stderr: "" });
  });

  test("is valid shell up to its last line", async ({ expect }) => {
    expect(await runToEnd("/bin/sh", ["-n", start()], { PATH: "/bin:/usr/bin" })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("resolves symbolic links to itself, relative and absolute", async ({ expect }) => {
    const links = path.join(folder, "links/deep");
    mkdirSync(links, { recursive: true });
    symlinkSync(start(), path.join(folder, "links/absolute"));
    symlinkSync("../absolute", path.join(links, "relative"));
    const env = { PATH: `${nodeFolder}:/usr/bin:/bin:${links}` };
    expect((await runToEnd(path.join(links, "relative"), ["greet", "x"], env)).stdout).toBe("hello x\n");
    expect((await runToEnd("/bin/sh", ["-c", "relative greet path"], env)).stdout).toBe("hello path\n");
  });

  test.for([
    { name: "in the package's own node_modules", place: "kfp-runtime/node_modules" },
    { name: "beside the package, where npm hoists it", place: "." },
  ])("prefers the Node that npm installed $name", async ({ place }, { expect }) => {
    const modules = path.join(folder, `installed-${String(place.length)}/node_modules`);
    cpSync(dist, path.join(modules, "kfp-runtime/dist"), { recursive: true });
    const bin = path.join(modules, place, `node-linux-${process.arch}/bin`);
    mkdirSync(bin, { recursive: true });
    writeFileSync(path.join(bin, "node"), '#!/bin/sh\necho "installed node: $2 $3"\n', { mode: 0o755 });
    const ended = await runToEnd(path.join(modules, "kfp-runtime/dist/bin/probe"), ["x"], { PATH: "/usr/bin:/bin" });
    expect(ended.stdout).toBe("installed node: probe x\n");
  });

  test("says in one line what to do when there is no Node", async ({ expect }) => {
    const tools = path.join(folder, "no-node");
    mkdirSync(tools);
    symlinkSync("/bin/readlink", path.join(tools, "readlink"));
    const ended = await runToEnd("/bin/sh", [start(), "greet"], { PATH: tools });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^probe: there is no node on the PATH: install Node\.js 22\.13 or newer, or .*\n$/);
  });

  test("hands an old Node's start over to a better one", async ({ expect }) => {
    const preload = path.join(folder, "old.cjs");
    writeFileSync(preload, 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });');
    const env = { PATH: `${nodeFolder}:/usr/bin:/bin` };
    const ended = await runToEnd(process.execPath, ["--require", preload, start(), "exit", "9"], env);
    expect(ended).toEqual({ code: 9, stdout: "", stderr: "" });
  });

  test("is replaced by the program, so that a signal reaches it and its exit code comes back", async ({ expect }) => {
    const child = spawn(start(), ["run", "/bin/sh", "-c", 'trap "exit 33" TERM; echo ready; while :; do sleep 0.05; done'], {
      env: { PATH: `${nodeFolder}:/usr/bin:/bin` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stderr.pipe(process.stderr, { end: false });
    child.stdout.once("data", () => child.kill("SIGTERM"));
    const code = await new Promise((resolve) => child.on("exit", (status, signal) => resolve(status ?? signal)));
    expect(code).toBe(33);
  });
});
