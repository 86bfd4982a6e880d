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
    // The one line that names both programs is the same in both files.
    const bundles = "--program driver=src/driver/main.ts --program launcher-v2=src/launcher/main.ts;";
    const launcher = dockerfile("launcher").replace(bundles, "").split("\n");
    const asLauncher = dockerfile("driver")
      .replace(bundles, "")
      .replaceAll('ENTRYPOINT ["driver"]', 'ENTRYPOINT ["launcher-v2"]')
      .replaceAll("driver", "launcher")
      .replaceAll("Driver", "Launcher")
      .split("\n");
    expect(dockerfile("driver")).toContain(bundles);
    expect(dockerfile("launcher")).toContain(bundles);
    expect(asLauncher.slice(1)).toEqual(launcher.slice(1));
  });

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
