/** What a program may leave behind, in whole attempts. */
import { describe, expect, test } from "vitest";
import { jsonToValue } from "../../src/core/values/value.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { plain, report, script, stepOf } from "../support/launcher-pipelines.ts";
import { artifactsOf, parametersOf, startLauncherWorld, stateOf } from "../support/launcher-world.ts";

describe("launchContainer(): outputs", () => {
  test.for([
    { name: "O1 ", type: "NUMBER_DOUBLE", file: "0.95", value: 0.95 },
    { name: "O2 ", type: "NUMBER_INTEGER", file: " 42\n", value: 42 },
    { name: "O3 ", type: "NUMBER_INTEGER", metadata: { parameterValues: { o: "7" } }, value: "7" },
    { name: "O4 ", type: "STRING", file: "hi\n", value: "hi\n" },
    { name: "O7 ", type: "BOOLEAN", file: "True", value: true },
    { name: "O8 ", type: "NUMBER_DOUBLE", file: "1_000.5", value: 1000.5 },
    { name: "O8 ", type: "NUMBER_DOUBLE", file: "0x1p-2", value: 0.25 },
    { name: "", type: "STRING", metadata: { parameterValues: { o: "file loses" } }, file: "x", value: "file loses" },
  ])("$name$type parameter: $file $metadata", async ({ type, file, metadata, value }) => {
    const world = await startLauncherWorld(stepOf({ type }));
    const row = await world.row(world.root, "step");
    const { task, exitCode } = await world.launch(row, {
      command: script(
        'if [ -n "$1" ]; then printf "%s" "$1" > "$0"; fi; if [ "$3" != null ]; then printf "%s" "$3" > "$2"; fi',
        "{{$.outputs.parameters['o'].output_file}}",
        file ?? "",
        "{{$.outputs.output_file}}",
        JSON.stringify(metadata ?? null),
      ),
    });
    expect(task.statusMetadata?.message ?? "").toBe("");
    expect(exitCode).toBe(0);
    expect(parametersOf(task)).toEqual({ o: value });
  });

  test("the folder of the executor output file is there before the command (LAU-22)", async () => {
    const world = await startLauncherWorld(plain);
    const { exitCode } = await world.launch(await world.row(world.root, "say"), {
      command: script('test -d "$(dirname "$0")"', "{{$.outputs.output_file}}"),
      change: ({ outputs }) => {
        if (outputs !== undefined) outputs.outputFile = `${world.folder}/never/made/output.json`;
      },
    });
    expect(exitCode).toBe(0);
  });

  test("{{$.pipeline_task_uuid}} in an argument is the id of the task itself (LAU-15)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { stdout } = await world.launch(row, { command: script('printf "%s" "$0"', "task {{$.pipeline_task_uuid}}") });
    expect(stdout).toBe(`task ${row.taskId}`);
  });

  test.for([3, 4])("values of inputs and outputs are in the log from level 4 on: level %i (LAU-42, UPS-9)", async (level) => {
    const world = await startLauncherWorld(stepOf({ type: "STRING" }));
    const logger = new RecordingLogger(level);
    const { exitCode } = await world.launch(await world.row(world.root, "step"), {
      command: report({ parameterValues: { o: "value of the output" } }),
      change: ({ inputs }) => {
        if (inputs !== undefined) inputs.parameterValues["x"] = jsonToValue("value of the input");
      },
      host: { createLogger: () => logger },
    });
    expect(exitCode).toBe(0);
    const text = JSON.stringify(logger.lines);
    const values = ["value of the input", "value of the output"];
    expect(values.filter((value) => text.includes(value))).toEqual(level === 4 ? values : []);
  });

  test("O10, O11 an undeclared parameter is recorded, unknown fields are a warning (LAU-5)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { task, logger } = await world.launch(row, { command: report({ parameterValues: { extra: 1 }, foo: 1 }) });
    expect(parametersOf(task)).toEqual({ extra: 1 });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ fields: "foo" }) as unknown }),
    );
  });

  test("fields of a later SDK in executor input and pipeline spec are warnings (LAU-5)", async () => {
    const world = await startLauncherWorld({ ...plain, fromTheFuture: 1 });
    const { exitCode, logger } = await world.launch(await world.row(world.root, "say"), {
      executorInput: JSON.stringify({ inputs: { parameterValues: {}, alsoNew: {} }, outputs: {} }),
    });
    expect(exitCode).toBe(0);
    const warned = logger.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["fields"]);
    expect(new Set(warned)).toEqual(new Set(["fromTheFuture", "inputs.alsoNew"]));
  });

  test.for([
    {
      name: "O5 a missing parameter file",
      pipeline: stepOf({ type: "STRING" }),
      command: ["true"],
      message:
        /^failed to execute component: failed to read output parameter name="o" type="STRING" path="[^"]+\/o": .*did not write/,
    },
    {
      name: "O6 a parameter that cannot be read",
      pipeline: stepOf({ type: "LIST" }),
      command: script(`echo '{"a":1}' > "$0"`, "{{$.outputs.parameters['o'].output_file}}"),
      message: /failed to read output parameter name="o" type="LIST" path="[^"]+": Cannot read/,
    },
    {
      name: "O9 a number that is none without an exponent",
      pipeline: stepOf({ type: "NUMBER_DOUBLE" }),
      command: script('printf 0x10 > "$0"', "{{$.outputs.parameters['o'].output_file}}"),
      message: /failed to read output parameter name="o" type="NUMBER_DOUBLE" path="[^"]+": Cannot read/,
    },
    {
      name: "an integer in its file that a double would round",
      pipeline: stepOf({ type: "NUMBER_INTEGER" }),
      command: script('printf 9007199254740993 > "$0"', "{{$.outputs.parameters['o'].output_file}}"),
      message: /failed to read output parameter name="o" type="NUMBER_INTEGER" path="[^"]+": .*is an integer beyond/,
    },
    {
      name: "an integer in the executor output that a double would round",
      pipeline: stepOf({ type: "NUMBER_INTEGER" }),
      command: script(`printf '{"parameterValues":{"o":9007199254740993}}' > "$0"`, "{{$.outputs.output_file}}"),
      message: /failed to unmarshall ExecutorOutput .*output parameter "o": it is an integer beyond/,
    },
    {
      name: "an executor output that is not JSON",
      pipeline: plain,
      command: script('echo "{" > "$0"', "{{$.outputs.output_file}}"),
      message: /^failed to execute component: failed to unmarshall ExecutorOutput in file "[^"]+output_metadata.json": /,
    },
    {
      name: "an empty executor output",
      pipeline: plain,
      command: script(': > "$0"', "{{$.outputs.output_file}}"),
      message: /failed to unmarshall ExecutorOutput .* the text is empty/,
    },
    {
      name: "a metric that is not a number",
      pipeline: stepOf({ title: "system.Metrics" }),
      command: report({ artifacts: { a: { artifacts: [{ name: "a", metadata: { accuracy: "0.9" } }] } } }),
      message: /^failed to execute component: .*"accuracy" must be a number/,
    },
    {
      name: "R2 a declared artifact that is not there",
      pipeline: stepOf({ title: "system.Model" }),
      command: ["true"],
      message: /^failed to execute component: declared output artifact "a" is missing at "[^"]+\/a": /,
    },
    {
      name: "a new URI outside the pipeline root",
      pipeline: stepOf({ title: "system.Model" }),
      command: report({ artifacts: { a: { artifacts: [{ uri: "s3://elsewhere/x", custom_path: "/etc/hostname" }] } } }),
      message: /failed to upload output artifact "a"|no cluster/,
    },
  ])("fails, with the log published: $name (LAU-11)", async ({ pipeline, command, message }) => {
    const world = await startLauncherWorld(pipeline);
    const row = await world.row(world.root, pipeline === plain ? "say" : "step");
    const { task, exitCode } = await world.launch(row, { command });
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(message);
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
    expect(parametersOf(task)).toEqual({});
  });

  test.for(["nan", "inf"])("the number %s cannot be stored", async (text) => {
    const world = await startLauncherWorld(stepOf({ type: "NUMBER_DOUBLE" }));
    const row = await world.row(world.root, "step");
    const command = script('printf "$1" > "$0"', "{{$.outputs.parameters['o'].output_file}}", text);
    const { task, exitCode } = await world.launch(row, { command });
    expect(exitCode).toBe(1);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(/failed to read output parameter name="o".*must be finite/);
    expect(parametersOf(task)).toEqual({});
  });

  test("metrics become one artifact each, without a file", async () => {
    const world = await startLauncherWorld(stepOf({ title: "system.Metrics" }));
    const row = await world.row(world.root, "step");
    const { task } = await world.launch(row, {
      command: report({ artifacts: { a: { artifacts: [{ name: "a", metadata: { loss: 0.1, accuracy: 0.9 } }] } } }),
      publishLogs: false,
    });
    const metrics = (task.outputs?.artifacts ?? []).flatMap(({ artifacts }) => artifacts);
    expect(new Map(metrics.map(({ name, numberValue }) => [name, numberValue]))).toEqual(
      new Map([
        ["accuracy", 0.9],
        ["loss", 0.1],
      ]),
    );
    expect(artifactsOf(task).map(({ uri }) => uri)).toEqual(["", ""]);
  });

  test.for([
    { metadata: { confusionMatrix: { rows: [] } }, registered: 1 },
    { metadata: {}, registered: 0 },
  ])("classification metrics with metadata $metadata", async ({ metadata, registered }) => {
    const world = await startLauncherWorld(stepOf({ title: "system.ClassificationMetrics" }));
    const row = await world.row(world.root, "step");
    const { task, exitCode, logger } = await world.launch(row, {
      command: report({ artifacts: { a: { artifacts: [{ name: "a", metadata }] } } }),
      publishLogs: false,
    });
    expect(exitCode).toBe(0);
    expect(artifactsOf(task)).toHaveLength(registered);
    expect(logger.messages("warn").filter((text) => text.includes("classification"))).toHaveLength(1 - registered);
  });

  test("every element of a declared list is stored (LAU-23)", async () => {
    const world = await startLauncherWorld(stepOf({ title: "system.Dataset[]" }));
    const row = await world.row(world.root, "step");
    const base = "{{$.outputs.artifacts['a'].path}}";
    const { task, exitCode } = await world.launch(row, {
      command: script(
        'mkdir -p "$0"; echo 1 > "$0/one"; echo 2 > "$0/two"; ' +
          'printf \'{"artifacts":{"a":{"artifacts":[{"name":"one","uri":"%s/one"},{"name":"two","uri":"%s/two"}]}}}\' "$0" "$0" > "$1"',
        base,
        "{{$.outputs.output_file}}",
      ),
      publishLogs: false,
    });
    expect(exitCode).toBe(0);
    expect(artifactsOf(task).map(({ name, uri }) => [name, uri.split("/").at(-1)])).toEqual([
      ["one", "one"],
      ["two", "two"],
    ]);
  });

  test.for([
    { uri: "oci://r/o/m:v1", registered: true },
    { uri: "unsupported://x", registered: false },
  ])("R6, R7 an artifact the program put at $uri (LAU-24)", async ({ uri, registered }) => {
    const world = await startLauncherWorld(stepOf({ title: "system.Model" }));
    const row = await world.row(world.root, "step");
    const { task, exitCode, logger } = await world.launch(row, {
      command: report({ artifacts: { a: { artifacts: [{ name: "a", uri }] } } }),
      publishLogs: false,
    });
    expect(exitCode).toBe(0);
    expect(artifactsOf(task)).toEqual(registered ? [{ key: "a", name: "a", uri }] : []);
    expect(logger.messages("warn")).toHaveLength(registered ? 0 : 1);
  });
});
