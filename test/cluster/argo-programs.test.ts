import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import type { ContainerEngine } from "../../scripts/lib/container-engine.mjs";
import { provideArgo } from "./argo-programs.ts";

const engine: ContainerEngine = { name: "podman", build: ["podman", "build"], env: {} };
let cache = "";

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), "kfp-runtime-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

describe("provideArgo()", () => {
  test("says that Argo is not built, where it may not build it", async ({ expect }) => {
    const said: string[] = [];
    const provided = await provideArgo(engine, { mayBuild: false, say: (line) => said.push(line) });
    expect(provided).toEqual({ missing: expect.stringMatching(/^Argo Workflows v\S+ is not built here/) as string });
    expect(said).toEqual([]);
    expect(await readdir(cache)).toEqual([]);
  });
});
