/** Steps that leave something else than files where their outputs belong, and retries of steps that left files. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-output-places-"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(["in-process", "process"])("outputs of steps, %s", (isolation) => {
  const runFile = (file: string) =>
    runCli(programs, ["run", file, "--home", join(folder, isolation), "--isolation", isolation, "--output", "json"], {
      cwd: folder,
    });
  const fixture = (name: string): string => join(root, `test/fixtures/cases/${name}.yaml`);

  test("a named pipe in the place of an output parameter fails the step by name", { timeout: 60_000 }, async () => {
    const { code, stdout } = await runFile(fixture("fifo-output"));
    expect(code).toBe(1);
    const [task] = parseResult(stdout).tasks.filter(({ scopePath }) => scopePath === "root.s");
    expect(task?.state).toBe("FAILED");
    expect(JSON.stringify(task)).toMatch(/output parameter name=\\"l\\" .*it is a named pipe, not a regular file/);
  });

  test("so does one in the place of the executor output", { timeout: 60_000 }, async () => {
    const file = join(folder, `executor-output-${isolation}.yaml`);
    const parameter = "{{$.outputs.parameters['l'].output_file}}";
    const text = readFileSync(fixture("fifo-output"), "utf8");
    expect(text).toContain(parameter);
    writeFileSync(file, text.replace(parameter, "{{$.outputs.output_file}}"));
    const { code, stdout } = await runFile(file);
    expect(code).toBe(1);
    const task = parseResult(stdout).tasks.find(({ scopePath }) => scopePath === "root.s");
    expect(task?.state).toBe("FAILED");
    expect(task?.error).toMatch(/output_metadata\.json.*it is a named pipe, not a regular file/);
  });

  test("a retry does not publish the files of the attempts before", { timeout: 60_000 }, async () => {
    const { code, stdout } = await runFile(fixture("stale-outputs-of-retries"));
    // The program succeeds only once it finds two files of earlier attempts, so with empty places no attempt does.
    expect(code).toBe(1);
    expect(parseResult(stdout).state).toBe("FAILED");
    const left = readdirSync(join(folder, isolation, "artifacts"), { recursive: true }).map(String);
    expect(left.filter((name) => /attempt\d$/.test(name)).map((name) => name.slice(-8))).toEqual(["attempt0"]);
  });
});
