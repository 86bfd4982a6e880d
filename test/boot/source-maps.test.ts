import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { attachInspector } from "../support/inspector-client.ts";
import { buildProbe, makeFolder, removeFolder, root } from "../support/probe.ts";
import { readSourceMap } from "../support/source-map.ts";

const greetSource = path.join(root, "test/fixtures/probe/shared.ts");
let folder = "";
let dist = "";

beforeAll(async () => {
  folder = await makeFolder();
  // As deep as dist is, so that relative paths of the maps lead to the sources.
  dist = path.join(root, "dist", `.test-${path.basename(folder)}`);
  const built = await buildProbe(dist, { probe: "probe/main.ts", libraries: "probe/libraries.ts" });
  if (built.code !== 0) throw new Error(built.stderr);
});
afterAll(() => Promise.all([removeFolder(folder), removeFolder(dist)]));

interface Paused {
  readonly hitBreakpoints?: readonly string[];
  readonly callFrames: readonly { readonly callFrameId: string; readonly functionName: string }[];
}

/** Where a debugger sets a breakpoint for a line of a source file. */
function locate(libFolder: string, source: string, text: string) {
  const sourceLine = readFileSync(source, "utf8")
    .split("\n")
    .findIndex((line) => line.includes(text));
  for (const file of readdirSync(libFolder).filter((name) => name.endsWith(".js.map"))) {
    // Maps are read where they were built: a debugger maps the remote folder to the local one.
    const mapping = readSourceMap(path.join(dist, "lib", file)).mappings.find(
      (candidate) => candidate.source === source && candidate.sourceLine === sourceLine,
    );
    if (mapping === undefined) continue;
    return {
      url: `file://${path.join(libFolder, file.slice(0, -".map".length))}`,
      lineNumber: mapping.generatedLine,
      columnNumber: mapping.generatedColumn,
    };
  }
  throw new Error(`no chunk holds "${text}"`);
}

async function debuggerUrl(child: ChildProcess): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (data: Buffer) => {
      text += data.toString();
      const match = /ws:\/\/\S+/.exec(text);
      if (match !== null) resolve(match[0]);
    });
    child.on("exit", () => reject(new Error(text)));
  });
}

describe("source maps", () => {
  test("hold every source of ours as it is on disk, and no absolute path", ({ expect }) => {
    const seen = new Set<string>();
    for (const file of readdirSync(path.join(dist, "lib")).filter((name) => name.endsWith(".map"))) {
      const { sources } = JSON.parse(readFileSync(path.join(dist, "lib", file), "utf8")) as { sources: string[] };
      expect(sources.filter((source) => path.isAbsolute(source))).toEqual([]);
      const map = readSourceMap(path.join(dist, "lib", file));
      for (const [index, source] of map.sources.entries()) {
        if (!/^(src|test)\//.test(path.relative(root, source))) continue;
        seen.add(path.relative(root, source));
        expect(map.sourcesContent[index]).toBe(readFileSync(source, "utf8"));
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(["test/fixtures/probe/main.ts", "test/fixtures/probe/lazy.ts", "src/program/build-info.ts"]),
    );
  });

  test("map every line with code of a source", ({ expect }) => {
    const lib = path.join(dist, "lib");
    for (const text of ["const greeting", "registry.set", "return greeting"]) {
      expect(() => locate(lib, greetSource, text)).not.toThrow();
    }
  });
});

describe("a debugger that attaches to a waiting program", () => {
  test.for([
    { name: "where it was built", move: false },
    { name: "in another folder, through code caches made elsewhere", move: true },
  ])("stops at a line of a TypeScript file $name, and reads a variable", async ({ move }, { expect }) => {
    const place = move ? path.join(folder, "moved") : dist;
    if (move) cpSync(dist, place, { recursive: true });
    const child = spawn(
      process.execPath,
      ["--inspect-brk=127.0.0.1:0", path.join(place, "lib/boot.cjs"), "probe", "greet", "Ada"],
      {
        env: { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data: Buffer) => (output.stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output.stderr += data.toString()));
    const ended = new Promise((resolve) => child.on("exit", resolve));
    try {
      const inspector = await attachInspector(await debuggerUrl(child));
      await inspector.send("Runtime.enable");
      await inspector.send("Debugger.enable");
      const { url, lineNumber, columnNumber } = locate(path.join(place, "lib"), greetSource, "registry.set");
      const { breakpointId } = await inspector.send<{ breakpointId: string }>("Debugger.setBreakpointByUrl", {
        url,
        lineNumber,
        columnNumber,
      });
      await inspector.send("Runtime.runIfWaitingForDebugger");
      await inspector.waitFor<Paused>("Debugger.paused", (event) => event.hitBreakpoints?.length === 0);
      await inspector.send("Debugger.resume");
      const parsed = await inspector.waitFor<{ url: string; sourceMapURL: string }>(
        "Debugger.scriptParsed",
        (event) => event.url === url,
      );
      expect(parsed.sourceMapURL).toBe(`${path.basename(url)}.map`);
      const paused = await inspector.waitFor<Paused>(
        "Debugger.paused",
        (event) => event.hitBreakpoints?.includes(breakpointId) === true,
      );
      expect(paused.callFrames[0]?.functionName).toBe("greet");
      const { result } = await inspector.send<{ result: { value: unknown } }>("Debugger.evaluateOnCallFrame", {
        callFrameId: paused.callFrames[0]?.callFrameId,
        expression: "`${name}: ${greeting}`",
      });
      expect(result.value).toBe("Ada: hello Ada");
      await inspector.send("Debugger.resume");
      inspector.close();
      expect(await ended).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
    expect(output.stdout).toBe("hello Ada\n");
    expect(output.stderr).toContain("code cache of probe: accepted\n");
    expect(output.stderr).not.toContain("rejected");
  });
});
