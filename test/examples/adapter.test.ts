/** The service over kfp.Client in examples/adapter, every route of it, against `kfp-runtime serve`. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { startServing } from "../support/serving.ts";
import { skipUnless } from "../support/skip.ts";

const example = path.join(root, "examples/adapter");
const requirements = readFileSync(path.join(example, "requirements.txt"), "utf8").trim().split("\n");
const isSkipped = skipUnless(
  canInstallSdk(requirements[0] ?? ""),
  "examples/adapter: needs python3 with venv and a package index",
);

test.skipIf(isSkipped)("its own test passes", { timeout: 600_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-adapter-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServing(await builtPrograms(), path.join(folder, "home"));
  onTestFinished(async () => void (await server.end("SIGKILL")));
  const child = spawn(path.join(environmentWith(requirements), "bin/python"), ["-B", "-W", "ignore", "test_adapter.py"], {
    cwd: example,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, NO_PROXY: "*", KFP_ENDPOINT: server.rest.url },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  expect(code, `${stderr}\n${server.log()}`).toBe(0);
  expect(stderr).toMatch(/Ran 2 tests/);
});
