import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { findEngine } from "../../scripts/lib/container-engine.mjs";
import { exitProgram } from "../../scripts/lib/static-program.mjs";
import { makeFolder, removeFolder, root, runScript } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";

let folder = "";

beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

function dockerfile(kind: "driver" | "launcher"): string {
  return readFileSync(path.join(root, `Dockerfile.${kind}`), "utf8");
}

describe("the Dockerfiles", () => {
  test("differ in nothing but the program, so that they share their layers", ({ expect }) => {
    const launcher = dockerfile("launcher").split("\n");
    const shared = /^# The code caches are written .*$/m;
    const asLauncher = dockerfile("driver")
      .replaceAll('ENTRYPOINT ["driver"]', 'ENTRYPOINT ["launcher-v2"]')
      .replace(shared, "")
      .replaceAll("driver", "launcher")
      .replaceAll("Driver", "Launcher")
      .split("\n");
    expect(asLauncher.slice(1)).toEqual(launcher.slice(1).map((line) => line.replace(shared, "")));
  });

  test.for(["driver", "launcher"] as const)(
    "bundle what a build on this machine bundles, so that its source maps are those of the %s",
    { timeout: 300_000 },
    async (kind, { expect }) => {
      const [, words = ""] = /node scripts\/build\.mjs ([^;]*);/.exec(dockerfile(kind)) ?? [];
      const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
        scripts: Record<string, string>;
      };
      const local = / node scripts\/build\.mjs(.*)$/
        .exec(scripts["build"] ?? "")?.[1]
        ?.split(" ")
        .filter(Boolean);
      expect(local).toBeDefined();
      const build = async (name: string, args: readonly string[]) => {
        const out = path.join(folder, `${kind}-${name}`);
        const environment = { KFP_RUNTIME_COMMIT: "0123456789ab", SOURCE_DATE_EPOCH: "0" };
        const built = await runScript("build.mjs", ["--out", out, ...args], environment);
        expect(built.code, built.stderr).toBe(0);
        return out;
      };
      const ours = await build("local", [...(local ?? []), "--no-code-cache"]);
      const theirs = await build("image", words.split(" "));
      const { programs } = JSON.parse(readFileSync(path.join(theirs, "meta.json"), "utf8")) as {
        programs: Record<string, { reachable: string[] }>;
      };
      const chunks = programs[kind === "driver" ? "driver" : "launcher-v2"]?.reachable ?? [];
      expect(chunks.length).toBeGreaterThan(10);
      for (const file of chunks.flatMap((chunk) => [`${chunk}.js`, `${chunk}.js.map`])) {
        const read = (out: string) => readFileSync(path.join(out, "lib", file), "utf8");
        expect(read(theirs) === read(ours), file).toBe(true);
      }
    },
  );

  test("pin the base image by an exact version, and end in an empty base", ({ expect }) => {
    const text = dockerfile("driver");
    expect(text).toMatch(/^ARG NODE_IMAGE=\S+:\d+\.\d+\.\d+-bookworm-slim$/m);
    expect(text.match(/^FROM .*$/gm)).toEqual([
      "FROM ${NODE_IMAGE}${NODE_IMAGE_DIGEST} AS build",
      "FROM scratch AS driver",
      "FROM build AS debug-build",
      "FROM scratch AS debug",
      "FROM driver",
    ]);
    expect(text.match(/^USER .*$/gm)).toEqual(["USER 65532:65532", "USER 65532:65532"]);
  });
});

describe("exitProgram()", () => {
  test("is a program that ends well", ({ expect, skip }) => {
    const isHere = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
    if (skipUnless(isHere, "the engine probe: not Linux on x64 or arm64")) return skip();
    const file = path.join(folder, "exit");
    writeFileSync(file, exitProgram(), { mode: 0o755 });
    expect(spawnSync(file)).toMatchObject({ status: 0, stderr: Buffer.alloc(0) });
  });

  test("exists for both architectures of the images, and for no other", ({ expect }) => {
    expect(exitProgram("x64").readUInt16LE(18)).toBe(62);
    expect(exitProgram("arm64").readUInt16LE(18)).toBe(183);
    expect(() => exitProgram("riscv64")).toThrow(/x64 and arm64, not on riscv64/);
  });
});

describe("scripts/images.mjs", () => {
  test("names every way it tried when there is no engine of that name", async ({ expect }) => {
    expect(findEngine("nerdctl")).toEqual({
      reasons: ["there is no engine called nerdctl: take docker, podman, buildah or auto"],
    });
    const { code, stderr } = await runScript("images.mjs", ["--engine", "nerdctl"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      "images: no container engine builds an image here\n  there is no engine called nerdctl: take docker, podman, buildah or auto\n",
    );
  });

  test("says so in one line when engines are not installed", async ({ expect }) => {
    const { code, stderr } = await runScript("images.mjs", [], { PATH: folder });
    expect(code).toBe(1);
    expect(stderr).toContain("docker build: not installed\n");
  });

  test("refuses an image that is none of the two", async ({ expect }) => {
    expect(await runScript("images.mjs", ["--only", "server"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "images: --only takes driver or launcher, not server\n",
    });
  });
});
