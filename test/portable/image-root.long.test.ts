/**
 * The root file systems of our images, played through as a pod does: the init container copies the launcher into a volume, the
 * user's container runs it from there; importer and driver run in our images themselves. No shell, no libc, read-only.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type InRootOptions, compileStatic, inRoot, namespacesMissing, portableToolsMissing } from "../support/portable.ts";
import { buildProbe, makeFolder, removeFolder, runScript, runToEnd } from "../support/probe.ts";

const skipped = portableToolsMissing() || namespacesMissing();
const user = 65532;
let folder = "";
let dist = "";
let images = { driver: "", launcher: "" };
let enter = "";

beforeAll(async () => {
  if (skipped) return;
  folder = await makeFolder();
  dist = path.join(folder, "dist");
  images = { driver: path.join(folder, "driver-image"), launcher: path.join(folder, "launcher-image") };
  const steps = [
    () => buildProbe(dist, { driver: "probe/main.ts", "launcher-v2": "probe/main.ts" }, ["--no-code-cache"]),
    () => runScript("build-portable.mjs", ["--dist", dist, "--image-root", "driver", images.driver, "--source-maps"]),
    () => runScript("build-portable.mjs", ["--dist", dist, "--image-root", "launcher", images.launcher]),
  ];
  for (const step of steps) {
    const { code, stderr } = await step();
    if (code !== 0) throw new Error(stderr);
  }
  for (const image of [images.driver, images.launcher]) mkdirSync(path.join(image, "proc"));
  enter = path.join(folder, "enter");
  compileStatic("enter.c", enter);
});
afterAll(() => removeFolder(folder));

function runIn(options: Omit<InRootOptions, "enter" | "user">, command: string[]) {
  const [program, ...args] = inRoot({ ...options, enter, user }, command);
  return runToEnd(program, args, { PATH: process.env["PATH"] ?? "" });
}

const hostile = { LD_PRELOAD: "/nowhere.so", NODE_OPTIONS: "--require=/nowhere.js" };

describe.skipIf(skipped)("the launcher's image", () => {
  test("copies itself into the pod's volume, where it runs in an image without anything", async ({ expect }) => {
    const volume = path.join(folder, "volume");
    const user = path.join(folder, "user-image");
    for (const made of [volume, path.join(user, "kfp-launcher"), path.join(user, "proc"), path.join(user, "etc")]) {
      mkdirSync(made, { recursive: true });
    }
    execFileSync("chmod", ["0777", volume]);
    for (const proc of [true, false]) {
      const copied = await runIn({ root: images.launcher, volume, proc }, [
        "/usr/local/bin/launcher-v2",
        "--copy",
        "/kfp-launcher/launch",
      ]);
      expect(copied).toEqual({ code: 0, stdout: "", stderr: "" });
    }
    expect(readdirSync(volume).toSorted()).toEqual(["launch", "lib", "licenses", "nssw"]);
    const ran = await runIn({ root: user, volume, proc: false, env: hostile }, ["/kfp-launcher/launch", "greet", "pod"]);
    expect(ran).toEqual({ code: 0, stdout: "hello pod\n", stderr: "" });
  });

  test.for([true, false])("runs as an importer, without a volume, /proc mounted: %s", async (proc, { expect }) => {
    const place = { root: images.launcher, volume: "none", proc, env: hostile };
    const { code, stdout } = await runIn(place, ["/usr/local/bin/launcher-v2", "surroundings"]);
    expect(code).toBe(0);
    // Bound to its home by the links of the image, not started through the loader.
    expect(JSON.parse(stdout)).toMatchObject({
      homedir: "/",
      writeToRoot: "EROFS",
      execPath: proc ? "/opt/kfp-launcher/lib/node" : "/usr/local/bin/launcher-v2",
    });
  });

  test("accepts the code caches, bound to its home or through the loader", async ({ expect }) => {
    const empty = path.join(folder, "empty-volume");
    mkdirSync(empty);
    for (const volume of ["none", empty]) {
      const place = { root: images.launcher, volume, proc: true, env: { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" } };
      const { stderr } = await runIn(place, ["/usr/local/bin/launcher-v2", "lazy"]);
      expect(stderr).toContain(": accepted");
      expect(stderr).not.toMatch(/rejected|missing/);
    }
  });

  test("holds licences, no source maps and no shell", ({ expect }) => {
    const files = readdirSync(images.launcher, { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => file.endsWith(".map"))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(["opt/kfp-launcher/licenses/node.txt", "opt/kfp-launcher/licenses/glibc.txt"]));
    expect(files.filter((file) => /(^|\/)(ba)?sh$/.test(file))).toEqual([]);
  });
});

describe.skipIf(skipped)("the driver's image", () => {
  test.for([true, false])("runs the driver, /proc mounted: %s", async (proc, { expect }) => {
    // What an administrator sets for Node in our own image is meant for us; what an agent injects into every pod is not.
    const injected = { LD_PRELOAD: "/nowhere.so", NODE_EXTRA_CA_CERTS: "/etc/passwd" };
    const place = { root: images.driver, volume: "none", proc, env: injected };
    const version = await runIn(place, ["/usr/local/bin/driver", "--version"]);
    expect(version).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await runIn(place, ["/usr/local/bin/driver", "environment"]);
    const { original, own } = JSON.parse(stdout) as Record<"original" | "own", Record<string, string>>;
    expect(original).toEqual(injected);
    expect(own).toEqual({ HOME: "/", NODE_EXTRA_CA_CERTS: "/etc/passwd" });
  });

  test("does not understand --copy", async ({ expect }) => {
    const { stderr } = await runIn({ root: images.driver, volume: "none", proc: true }, [
      "/usr/local/bin/driver",
      "--copy",
      "/tmp/x",
    ]);
    expect(stderr).toBe("probe: unknown command --copy\n");
  });

  test("holds source maps where they are asked for", ({ expect }) => {
    expect(
      readdirSync(path.join(images.driver, "kfp-driver/lib")).filter((file) => file.endsWith(".js.map")).length,
    ).toBeGreaterThan(3);
  });

  test("has the same time on every file, a world-writable /tmp, and names for its users", ({ expect }) => {
    const files = readdirSync(images.driver, { recursive: true, encoding: "utf8" }).filter(
      (name) => name !== "proc" && name !== "kfp-launcher",
    );
    expect(new Set(files.map((file) => lstatSync(path.join(images.driver, file)).mtimeMs))).toEqual(new Set([0]));
    expect(statSync(path.join(images.driver, "tmp")).mode & 0o7777).toBe(0o1777);
  });
});
