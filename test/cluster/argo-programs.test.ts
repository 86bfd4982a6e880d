import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import type { ContainerEngine } from "../../scripts/lib/container-engine.mjs";
import { provideArgo } from "./argo-programs.ts";

/** Has no images, and builds every one at once. */
const engine: ContainerEngine = { name: "docker", build: ["true"], env: {} };
/** As Go on a machine that has no modules yet. */
const GO = `#!/bin/sh
case "$1 $2" in
"mod download") mkdir -p "$MODULES/workflow/executor/osspecific" && echo source > "$MODULES/main.go" ;;
"list -mod=readonly") if [ -e "$MODULES/main.go" ]; then echo "$MODULES"; else echo; fi ;;
build*) while [ "$1" != -o ]; do shift; done && cp "$(dirname "$2")/source/main.go" "$2" ;;
esac
`;
let cache = "";

/** The only `go`, beside the tools that it is written with. */
async function provideGo(script: string): Promise<void> {
  const bin = path.join(cache, "bin");
  await mkdir(bin);
  await writeFile(path.join(bin, "go"), script);
  await chmod(path.join(bin, "go"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  vi.stubEnv("MODULES", path.join(cache, "modules"));
}

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

  test("downloads the module, where nobody has yet", async ({ expect }) => {
    await provideGo(GO);
    const provided = await provideArgo(engine, { mayBuild: true, say: () => undefined });
    expect(provided).toHaveProperty("controller");
    const { controller = "" } = provided as { controller?: string };
    expect(await readFile(controller, "utf8")).toBe("source\n");
  });

  test("says what does not work", async ({ expect }) => {
    await provideGo(`#!/bin/sh\necho "go: no such host" >&2\nexit 1\n`);
    const provided = await provideArgo(engine, { mayBuild: true, say: () => undefined });
    expect(provided).toEqual({ missing: "Argo cannot be built: go: no such host" });
  });

  test("says that Go is not there", async ({ expect }) => {
    vi.stubEnv("PATH", cache);
    const provided = await provideArgo(engine, { mayBuild: true, say: () => undefined });
    expect(provided).toEqual({ missing: "Go is not installed, and Argo is built from its Go modules" });
  });
});
