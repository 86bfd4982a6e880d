/** What is wrong with a pipeline is said before anything runs; what only the run can know ends it by name, in time. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  folder = mkdtempSync(join(tmpdir(), "kfp-static-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refused = (name: string): string => join(root, `test/fixtures/refused/${name}.yaml`);
const ISOLATIONS = ["in-process", "process"] as const;

describe("kfp-runtime run refuses before anything runs", () => {
  test.for<{ name: string; lines: RegExp[] }>([
    {
      name: "required-artifact-input",
      lines: [/input "input_data" of the pipeline: the pipeline requires an artifact.* \[pipeline-input-artifact\]$/],
    },
    {
      name: "undeclared-component-input",
      lines: [
        /input "pipelinechannel--loop-item-param-2-subvar-nm" of task "root\.exit-handler-1" .* takes input "loop-item-param-2" of the pipeline/,
        /input "pipelinechannel--loop-item-param-2-subvar-v" of task "root\.exit-handler-1" /,
      ],
    },
    { name: "broken-condition", lines: [/task "root\.condition-4" .* is not valid: syntax error .* \[condition-invalid\]$/] },
    { name: "static-cond_syntax", lines: [/task "root\.b" .*: condition "inputs\.parameter_values\['t'\] = 'A'" is not valid/] },
    { name: "static-cond_undecl", lines: [/input "zz" of task "root\.b" .* the task has no such input/] },
    { name: "static-missing_in", lines: [/input "t" of task "root\.b" .*: the parameter is required/] },
    { name: "static-outkey", lines: [/input "t" of task "root\.b" .*: it takes output parameter "zz" of task "a"/] },
    { name: "nesting-24-levels", lines: [/the pipeline: it expands to 33,554,431 tasks, the limit is 20,000/] },
    {
      name: "oci-importer-late",
      lines: [/import of oci:\/\/registry\.domain\.local\/modelcar:test \(task importer\) is not supported in a local run/],
    },
  ])("$name", async ({ name, lines }) => {
    for (const options of [[], ["--dry-run"], ["--isolation", "process"]]) {
      const home = join(folder, "never");
      const ended = await runCli(programs, ["run", refused(name), "--home", home, ...options], { cwd: folder });
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      const printed = ended.stderr.trimEnd().split("\n");
      expect(printed).toHaveLength(lines.length);
      for (const [index, line] of lines.entries()) {
        expect(printed[index]).toMatch(/^kfp-runtime: Cannot run .*\.yaml: /);
        expect(printed[index]).toMatch(line);
      }
      expect(existsSync(home)).toBe(false);
    }
  });

  test("problems of the parameters stand beside those of the pipeline", async () => {
    const args = ["run", refused("static-cond_syntax"), "--dry-run", "--param", "nowhere=1"];
    const ended = await runCli(programs, args, { cwd: folder });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^kfp-runtime: Cannot run .*\[condition-invalid\]$/),
      expect.stringMatching(/^kfp-runtime: Parameter "nowhere" is not declared by the pipeline/),
    ]);
  });

  test("a file of parameters that is nested too deeply is refused by the limit of parameters", async () => {
    const file = join(folder, "deep.json");
    writeFileSync(file, `{"t": ${"[".repeat(300)}${"]".repeat(300)}}`);
    const ended = await runCli(programs, ["run", refused("static-cond_syntax"), "--params", file], { cwd: folder });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(/deep\.json: it is nested more than 30 levels deep/);
  });

  test("the same importer runs with a URI there is a client for", async () => {
    const args = ["run", refused("oci-importer-late"), "--dry-run", "--param", "model_uri=/models/m"];
    expect(await runCli(programs, args, { cwd: folder })).toMatchObject({ code: 0 });
  });
});

describe("kfp-runtime run ends by name", () => {
  test.for(ISOLATIONS)("a condition that would never end, %s", { timeout: 60_000 }, async (isolation) => {
    const args = ["run", refused("condition-that-explodes"), "--param", "x=x", "--output", "json", "--isolation", isolation];
    const ended = await runCli(programs, [...args, "--home", `home-${isolation}`], { cwd: folder });
    expect(ended.code, ended.stderr).toBe(1);
    expect(parseResult(ended.stdout).state).toBe("FAILED");
    if (isolation === "in-process") {
      expect(ended.stderr).toContain("it takes more than 1,000,000 steps; loop over shorter lists, or decide in a step");
    }
    const { runId } = parseResult(ended.stdout);
    expect(readFileSync(join(folder, `home-${isolation}`, "runs", runId, "log"), "utf8")).toContain("more than 1,000,000 steps");
  });

  test.for(ISOLATIONS)("an image that an importer gets from a step, %s", { timeout: 60_000 }, async (isolation) => {
    const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
    const write = ["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf oci://registry/m:1 > "$0"'];
    const task = (name: string, inputs: object = {}): object => ({
      componentRef: { name: `comp-${name}` },
      taskInfo: { name },
      inputs,
    });
    const pipeline = {
      pipelineInfo: { name: "late" },
      schemaVersion: "2.1.0",
      root: {
        dag: {
          tasks: {
            make: task("make"),
            bring: task("bring", {
              parameters: { uri: { taskOutputParameter: { producerTask: "make", outputParameterKey: "uri" } } },
            }),
            use: task("use", {
              artifacts: { model: { taskOutputArtifact: { producerTask: "bring", outputArtifactKey: "artifact" } } },
            }),
          },
        },
      },
      components: {
        "comp-make": { executorLabel: "make", outputDefinitions: { parameters: { uri: { parameterType: "STRING" } } } },
        "comp-bring": {
          executorLabel: "bring",
          inputDefinitions: { parameters: { uri: { parameterType: "STRING" } } },
          outputDefinitions: { artifacts: { artifact: model } },
        },
        "comp-use": { executorLabel: "use", inputDefinitions: { artifacts: { model } } },
      },
      deploymentSpec: {
        executors: {
          make: { container: { image: "x", command: [...write, "{{$.outputs.parameters['uri'].output_file}}"] } },
          bring: { importer: { artifactUri: { runtimeParameter: "uri" }, typeSchema: model.artifactType } },
          use: { container: { image: "x", command: ["true"] } },
        },
      },
    };
    writeFileSync(join(folder, "late.json"), JSON.stringify(pipeline));
    const args = ["run", "late.json", "--output", "json", "--isolation", isolation, "--home", `late-${isolation}`];
    const ended = await runCli(programs, args, { cwd: folder });
    expect(ended.code, ended.stderr).toBe(1);
    const { tasks } = parseResult(ended.stdout);
    const bring = tasks.find(({ name }) => name === "bring");
    expect(bring?.state).toBe("FAILED");
    expect(JSON.stringify(bring)).toContain("oci://registry/m:1 is a model in an image, and nothing can mount images here");
    expect(tasks.some(({ name, state }) => name === "use" && state !== "SKIPPED")).toBe(false);
  });
});
