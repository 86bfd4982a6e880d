import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startScript } from "../../scripts/lib/start-script.mjs";
import { makeFolder, removeFolder, runToEnd } from "../support/probe.ts";

const arch = process.arch === "x64" ? "x64" : "arm64";
let folder = "";

/** A package whose Node, and the one on the PATH, say how they were called. */
beforeAll(async () => {
  folder = await makeFolder();
  for (const program of ["driver", "launcher-v2", "kfp-runtime"]) {
    writeExecutable(path.join(folder, "package/dist/bin", program), startScript(program));
    writeExecutable(path.join(folder, "bare/dist/bin", program), startScript(program));
  }
  writeExecutable(path.join(folder, `package/node_modules/node-linux-${arch}/bin/node`), '#!/bin/sh\necho own "$@"\n');
  writeExecutable(path.join(folder, "path/node"), '#!/bin/sh\necho found "$@"\n');
});
afterAll(() => removeFolder(folder));

function writeExecutable(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

async function callOf(place: "package" | "bare", program: string, variables: Record<string, string> = {}): Promise<string> {
  const bin = path.join(folder, place, "dist/bin");
  const PATH = `${path.join(folder, "path")}:/usr/bin:/bin`;
  const { stdout } = await runToEnd(path.join(bin, program), ["a b"], { PATH, ...variables });
  return stdout.trim().replace(`${bin}/../lib/`, "");
}

describe("start scripts", () => {
  test.for([
    ["package", "driver", {}, "own --use-openssl-ca --min-semi-space-size=8 boot.cjs driver a b"],
    ["package", "launcher-v2", {}, "own --use-openssl-ca --min-semi-space-size=8 boot.cjs launcher-v2 a b"],
    ["package", "kfp-runtime", {}, "own --max-semi-space-size=16 boot.cjs kfp-runtime a b"],
    // What people tell Node of certificates counts.
    ["package", "driver", { NODE_USE_SYSTEM_CA: "1" }, "own --min-semi-space-size=8 boot.cjs driver a b"],
    ["package", "driver", { NODE_OPTIONS: "--use-system-ca" }, "own --min-semi-space-size=8 boot.cjs driver a b"],
    // A Node that was found may be too old for the way back.
    ["bare", "driver", {}, "found --min-semi-space-size=8 boot.cjs driver a b"],
  ] as ["package" | "bare", string, Record<string, string>, string][])(
    "%s, %s with %j: %s",
    async ([place, program, variables, expected], { expect }) => {
      expect(await callOf(place, program, variables)).toBe(expected);
    },
  );
});
