/** How the failure of a driver program is told: what it says is final, what ended it from outside is not. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { DriverOptions } from "../../../src/driver/options.ts";
import { isTransient } from "../../../src/local/engine/driver-attempts.ts";
import { createProcessExecutor } from "../../../src/local/executors/process-executor.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";

const options: Omit<DriverOptions, "conditionPath"> = {
  type: "ROOT_DAG",
  ...{ pipelineName: "p", runId: "r", runName: "n", runDisplayName: "d", namespace: "ns", pod: { name: "pod", uid: "u" } },
  ...{ runtimeConfig: "{}", iterationCountPath: "/unused", parentTaskIdPath: "/unused" },
};

async function driveBy(script: string | undefined): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "kfp-driver-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "driver");
  if (script !== undefined) {
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
  }
  const executor = createProcessExecutor({
    programFolder: folder,
    server: { address: "127.0.0.1", port: "1" },
    files: nodeFileSystem,
    steps: { driverEnvironment: () => ({}) } as never,
    log: { write: () => undefined },
    graceMs: 100,
  });
  const request = {
    place: { scopePath: "root", iterations: [] },
    options: { ...options, conditionPath: join(folder, "out/condition") },
  };
  return await executor
    .drive({ ...request, options: request.options as DriverOptions, signal: new AbortController().signal })
    .catch((error: unknown) => error);
}

test.for([
  { script: "kill -KILL $$", message: "driver was ended by SIGKILL", transient: true },
  { script: "exit 3", message: "driver ended with exit code 3", transient: false },
  { script: "echo 'driver: no such flag' >&2; exit 2", message: "no such flag", transient: false },
  { script: "echo 'driver: stopped' >&2; kill -TERM $$", message: "stopped", transient: false },
  { script: undefined, message: "ENOENT", transient: false },
])("a driver that does $script: $message, transient $transient", async ({ script, message, transient }) => {
  const error = await driveBy(script);
  expect((error as Error).message).toContain(message);
  expect(isTransient(error)).toBe(transient);
});
