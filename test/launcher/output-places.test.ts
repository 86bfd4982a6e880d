/** What lies at the places of outputs: only regular files are read, of bounded size, and every attempt starts with empty ones. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ExecutorInputSchema } from "../../src/core/kfp-types.ts";
import { emptyOutputPlaces } from "../../src/launcher/outputs/empty-outputs.ts";
import { DEFAULT_OUTPUT_LIMITS } from "../../src/launcher/settings.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { script, stepOf } from "../support/launcher-pipelines.ts";
import { artifactsOf, parametersOf, startLauncherWorld, stateOf, temporaryFolder } from "../support/launcher-world.ts";

const parameterPath = "{{$.outputs.parameters['o'].output_file}}";
const artifactPath = "{{$.outputs.artifacts['a'].path}}";
const outputFile = "{{$.outputs.output_file}}";

const listen = "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";

describe("launchContainer(): no regular file at the place of an output", () => {
  test.for([
    { kind: "a named pipe", make: 'mkfifo "$0"', says: "it is a named pipe, not a regular file" },
    { kind: "a device", make: 'ln -s /dev/zero "$0"', says: "it is a device, not a regular file" },
    { kind: "a folder", make: 'mkdir "$0"', says: "it is a folder, not a regular file" },
    { kind: "a socket", make: `cd "$(dirname "$0")" && python3 -c '${listen}' o`, says: "it is a socket" },
  ])("an output parameter: $kind", async ({ make, says }) => {
    const world = await startLauncherWorld(stepOf({ type: "LIST" }));
    const row = await world.row(world.root, "step");
    const { task, exitCode } = await world.launch(row, { command: script(make, parameterPath) });
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(/failed to read output parameter name="o" type="LIST" path="[^"]+\/o": /);
    expect(task.statusMetadata?.message).toContain(says);
  });

  test.for([
    { kind: "a named pipe", make: 'mkfifo "$0"', says: "it is a named pipe, not a regular file" },
    { kind: "a device", make: 'ln -s /dev/zero "$0"', says: "it is a device, not a regular file" },
    { kind: "a folder", make: 'mkdir "$0"', says: "it is a folder, not a regular file" },
  ])("the executor output: $kind", async ({ make, says }) => {
    const world = await startLauncherWorld(stepOf({}));
    const row = await world.row(world.root, "step");
    const { task, exitCode } = await world.launch(row, { command: script(make, outputFile) });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toMatch(/failed to unmarshall ExecutorOutput in file "[^"]+output_metadata\.json": /);
    expect(task.statusMetadata?.message).toContain(says);
  });

  test.for([
    { kind: "a named pipe", make: 'mkfifo "$0"', says: "it is a named pipe" },
    {
      kind: "a named pipe below",
      make: 'mkdir -p "$0/b"; echo 1 > "$0/a"; mkfifo "$0/b/pipe"',
      says: "b/pipe as an artifact: it is a",
    },
    { kind: "a link to a device", make: 'mkdir "$0"; ln -s /dev/zero "$0/z"', says: "/z as an artifact: it is a device" },
  ])("an output artifact: $kind", async ({ make, says }) => {
    const world = await startLauncherWorld(stepOf({ title: "system.Dataset" }));
    const row = await world.row(world.root, "step");
    const { task, exitCode } = await world.launch(row, { command: script(make, artifactPath) });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toContain('failed to upload output artifact "a" to ');
    expect(task.statusMetadata?.message).toContain(says);
  });

  test.for([
    { what: "an output parameter", type: "STRING", path: parameterPath, bytes: "g\\374n", says: 'name="o" type="STRING"' },
    {
      what: "an output parameter of JSON",
      type: "LIST",
      path: parameterPath,
      bytes: '["g\\374n"]',
      says: 'name="o" type="LIST"',
    },
    {
      what: "the executor output",
      type: "STRING",
      path: outputFile,
      bytes: '{"parameterValues":{"o":"g\\374n"}}',
      says: 'output_metadata.json"',
    },
  ])("$what in another encoding than UTF-8 fails by name, and is not stored with other letters", async (given) => {
    const world = await startLauncherWorld(stepOf({ type: given.type }));
    const row = await world.row(world.root, "step");
    const { task, exitCode } = await world.launch(row, { command: script(`printf '${given.bytes}' > "$0"`, given.path) });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toContain(given.says);
    expect(task.statusMetadata?.message).toContain("it is not text in UTF-8");
    expect(parametersOf(task)).toEqual({});
  });

  test("links to files are followed, as the reference does", async () => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const row = await world.row(world.root, "step");
    const command = script('printf hi > "$0.real"; ln -s "$0.real" "$0"', parameterPath);
    const { task } = await world.launch(row, { command });
    expect(parametersOf(task)).toEqual({ o: "hi" });
  });
});

describe("launchContainer(): the size of outputs", () => {
  test.for([
    {
      name: "an output parameter",
      path: parameterPath,
      environment: { KFP_MAX_PARAMETER_SIZE: "1Ki" },
      says: /name="o" .*it has 1025 bytes, and at most 1024 are read \(KFP_MAX_PARAMETER_SIZE sets the limit\)/,
    },
    {
      name: "the executor output",
      path: outputFile,
      environment: { KFP_MAX_EXECUTOR_OUTPUT_SIZE: "1024" },
      says: /output_metadata\.json".*it has 1025 bytes, and at most 1024 are read \(KFP_MAX_EXECUTOR_OUTPUT_SIZE sets the limit\)/,
    },
  ])("$name over its limit fails by name, before it is read", async ({ path, environment, says }) => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const row = await world.row(world.root, "step");
    const command = script('head -c 1025 /dev/zero | tr "\\0" x > "$0"', path);
    const { task, exitCode } = await world.launch(row, { command, environment });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toMatch(says);
  });

  test("at its limit a parameter is taken", async () => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const row = await world.row(world.root, "step");
    const command = script('head -c 1024 /dev/zero | tr "\\0" x > "$0"', parameterPath);
    const { task } = await world.launch(row, { command, environment: { KFP_MAX_PARAMETER_SIZE: "1Ki" } });
    expect(parametersOf(task)).toEqual({ o: "x".repeat(1024) });
  });

  test("a file far above the default limit is refused without being read", async () => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const row = await world.row(world.root, "step");
    // Sparse: 300 GB that lie on no disk.
    const { task } = await world.launch(row, { command: script('truncate -s 300G "$0"', parameterPath) });
    expect(task.statusMetadata?.message).toMatch(/it has 322122547200 bytes, and at most 4194304 are read/);
  });

  test("the log ends at its limit and says so, the step goes on", async () => {
    const world = await startLauncherWorld(stepOf({}));
    const row = await world.row(world.root, "step");
    const { task, exitCode, stdout, logger } = await world.launch(row, {
      command: script("printf 0123456789; sleep 0.01; printf abcdef"),
      environment: { KFP_MAX_LOG_SIZE: "8" },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toBe("0123456789abcdef");
    const [log] = artifactsOf(task);
    expect(readFileSync(log?.uri ?? "", "utf8")).toBe(
      "01234567\n[kfp-runtime: the log ends here, after 8 bytes (KFP_MAX_LOG_SIZE sets the limit); output goes on without it]\n",
    );
    expect(logger.messages("warn")).toHaveLength(1);
  });

  test("a size that is none is an error by name", async () => {
    const world = await startLauncherWorld(stepOf({}));
    const row = await world.row(world.root, "step");
    const { logger } = await world.launch(row, { environment: { KFP_MAX_LOG_SIZE: "big" } });
    expect(logger.messages("error").join()).toMatch(/environment variable KFP_MAX_LOG_SIZE: "big" is not a size such as 4Mi/);
  });
});

describe("launchContainer(): a second attempt at the same places", () => {
  const outputs = [parameterPath, outputFile, artifactPath];

  test("finds none of what the first one left", async () => {
    const world = await startLauncherWorld(stepOf({ type: "STRING", title: "system.Dataset" }));
    const row = await world.row(world.root, "step");
    const left = 'echo old > "$0"; echo "{" > "$1"; mkdir "$2"; echo old > "$2/old"; chmod 500 "$2"; kill -9 $$';
    expect((await world.launch(row, { command: script(left, ...outputs) })).exitCode).toBe(137);
    const again = 'ls -d "$0" "$1" "$2" 2> /dev/null; printf new > "$0"; mkdir "$2"; echo new > "$2/new"';
    const { task, exitCode, stdout } = await world.launch(row, { command: script(again, ...outputs) });
    expect(stdout).toBe("");
    expect(exitCode, task.statusMetadata?.message).toBe(0);
    expect(parametersOf(task)).toEqual({ o: "new" });
    const artifact = artifactsOf(task).find(({ key }) => key === "a");
    expect(readdirSync(artifact?.uri ?? "")).toEqual(["new"]);
  });

  test("fails for an output that it did not write itself", async () => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const row = await world.row(world.root, "step");
    await world.launch(row, { command: script('printf old > "$0"; exit 1', parameterPath) });
    const { task, exitCode } = await world.launch(row);
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toContain("the program did not write that file");
  });

  test.for(['mkfifo "$3"', 'mkdir "$3"', 'ln -s /dev/zero "$3"'])("has a log after the first one did %s", async (leave) => {
    const world = await startLauncherWorld(stepOf({ title: "system.Dataset" }));
    const row = await world.row(world.root, "step");
    const log = "{{$.outputs.artifacts['executor-logs'].path}}";
    await world.launch(row, { command: script(`rm "$3"; ${leave}; exit 1`, ...outputs, log) });
    const { task } = await world.launch(row, { command: script('echo said; echo x > "$2"', ...outputs) });
    const published = artifactsOf(task).find(({ key }) => key === "executor-logs");
    expect(readFileSync(published?.uri ?? "", "utf8")).toBe("said\n");
  });
});

describe("emptyOutputPlaces()", () => {
  const settings = { temporaryFolder: "/tmp", limits: DEFAULT_OUTPUT_LIMITS };

  test("leaves a place that holds an input, a custom path, and what a link leads to", async () => {
    const folder = await temporaryFolder();
    for (const name of ["input", "custom", "linked"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "kept"), "");
    }
    symlinkSync(join(folder, "linked"), join(folder, "link"));
    const input = create(ExecutorInputSchema, {
      inputs: { artifacts: { i: { artifacts: [{ uri: join(folder, "input/kept") }] } } },
      outputs: {
        outputFile: "/",
        parameters: { link: { outputFile: join(folder, "link") } },
        artifacts: {
          same: { artifacts: [{ uri: join(folder, "input") }] },
          own: { artifacts: [{ uri: join(folder, "elsewhere"), customPath: join(folder, "custom") }] },
        },
      },
    });
    await emptyOutputPlaces({ fileSystem: nodeFileSystem, settings }, input);
    for (const name of ["input", "custom", "linked"]) expect(readdirSync(join(folder, name)), name).toEqual(["kept"]);
    expect(existsSync(join(folder, "link"))).toBe(false);
  });
});
