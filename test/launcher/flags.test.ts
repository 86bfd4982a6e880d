import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/core/errors.ts";
import { launcherCommand } from "../../src/driver/pod-spec-patch/launcher-command.ts";
import { parseLauncherFlags } from "../../src/launcher/flags.ts";
import { recordedCommandLines } from "../conformance/command-lines.ts";

const common = [
  ...["--pipeline_name", "p", "--run_id", "r", "--parent_task_id", "t-1", "--task_name", "train"],
  ...["--namespace", "ns", "--pod_name", "pod", "--pod_uid", "uid"],
];
const container = [...common, "--task_id", "t-9", "--executor_input", "{}"];
const importer = [...common, "--executor_type", "importer", "--importer_spec", "{}", "--iteration_index", "-1"];

function problemOf(argv: readonly string[]): UsageError {
  try {
    parseLauncherFlags(argv);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("no error");
}

function containerOf(argv: readonly string[]) {
  const command = parseLauncherFlags(argv);
  if (command.mode !== "container") throw new Error(command.mode);
  return command;
}

describe("parseLauncherFlags(): modes", () => {
  test.for([
    { argv: ["--copy", "/kfp-launcher/launch", "--publish_logs", "true"], mode: "copy" },
    { argv: ["-copy=/kfp-launcher/launch"], mode: "copy" },
    { argv: ["--executor_type", "foo", "--copy", "/x", "--cache_disabled", "--log_level", "4"], mode: "copy" },
    { argv: ["--help"], mode: "help" },
    { argv: ["-h"], mode: "help" },
    { argv: ["--version"], mode: "version" },
    { argv: [...container, "--", "sh"], mode: "container" },
    { argv: [...container, "--executor_type", "container", "sh"], mode: "container" },
    { argv: importer, mode: "importer" },
  ])("$argv", ({ argv, mode }) => {
    expect(parseLauncherFlags(argv).mode).toBe(mode);
  });

  test("an empty --copy is not a copy", () => {
    expect(parseLauncherFlags(["--copy", "", ...container]).mode).toBe("container");
  });

  test("F3 the environment does not stand in for --namespace, since only flags are read", () => {
    expect(problemOf(container.filter((_, index) => ![8, 9].includes(index))).message).toBe(
      "--namespace is required for container executor but was not provided",
    );
  });
});

describe("parseLauncherFlags(): container mode", () => {
  test("the form the driver writes", () => {
    const patch = launcherCommand({
      pipelineName: "p",
      runId: "r",
      taskId: "t-9",
      parentTaskId: "t-1",
      executorInputJson: "{}",
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      publishLogs: "true",
      fingerprint: "",
      taskName: "train",
      cacheDisabled: false,
      logLevel: "1",
      iterationIndex: 0,
    });
    const command = containerOf([...patch.slice(1), "sh", "-c", "x"]);
    expect(command).toMatchObject({
      api: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      logLevel: 1,
      warnings: [],
      options: { taskId: "t-9", command: ["sh", "-c", "x"], publishLogs: true, caCertPath: "", iterationIndex: 0 },
    });
  });

  test("F4 -1 is not an iteration, and what follows -- is the command, flags included", () => {
    const { options } = containerOf([...container, "--iteration_index", "-1", "--", "sh", "-c", "--task_id"]);
    expect(options.iterationIndex).toBeUndefined();
    expect(options.command).toEqual(["sh", "-c", "--task_id"]);
  });

  test("a boolean with a separate value ends the flags", () => {
    expect(containerOf([...container, "--cache_disabled", "true", "x"]).options.command).toEqual(["true", "x"]);
  });

  test("the last of two equal flags wins", () => {
    expect(containerOf([...container, "--publish_logs", "true", "--publish_logs", "false"]).options.publishLogs).toBe(false);
  });

  test.for(["True", "1", "", "false"])("only the exact text true publishes logs: %j", (text) => {
    expect(containerOf([...container, "--publish_logs", text]).options.publishLogs).toBe(false);
  });

  test("a server that is not named is absent, an empty one is empty", () => {
    expect(containerOf(container).api).toEqual({ tlsEnabled: false, caCertPath: "" });
    expect(containerOf([...container, "--ml_pipeline_server_address", ""]).api.address).toBe("");
  });

  test("F6 unknown flags are warnings, their values are skipped", () => {
    const { warnings, options } = containerOf([...container, "--new_flag", "v", "--other=x", "--", "sh"]);
    expect(warnings).toEqual(["unknown flag --new_flag is ignored", "unknown flag --other is ignored"]);
    expect(options.command).toEqual(["sh"]);
  });

  test("flags of the Go logging library are accepted without a word", () => {
    expect(containerOf([...container, "--v=4", "-logtostderr", "--log_dir", "/x", "sh"])).toMatchObject({
      warnings: [],
      options: { command: ["sh"] },
    });
  });

  test("a bad log level is a warning", () => {
    expect(containerOf([...container, "--log_level", "high"])).toMatchObject({
      logLevel: 1,
      warnings: ['--log_level "high" is not a number, 1 is used'],
    });
    expect(containerOf([...container, "--log_level", "4"]).logLevel).toBe(4);
  });
});

describe("parseLauncherFlags(): errors", () => {
  test.for([
    { argv: ["--iteration_index", "x"], message: /invalid value "x" for flag -iteration_index/ },
    { argv: ["--cache_disabled=maybe"], message: /invalid boolean value "maybe"/ },
    { argv: ["---x"], message: /bad flag syntax: ---x/ },
    { argv: ["--=v"], message: /bad flag syntax: --=v/ },
    { argv: ["--task_id"], message: /flag needs an argument: -task_id/ },
  ])("malformed: $argv", ({ argv, message }) => {
    const problem = problemOf(argv);
    expect(problem.code).toBe("FLAG_INVALID");
    expect(problem.message).toMatch(message);
  });

  test("an unsupported executor type is named, before anything else is asked for", () => {
    expect(problemOf(["--executor_type", "foo"]).message).toBe(
      'unsupported executor type "foo", must be one of container, importer',
    );
  });

  test("one message names all that is missing, upstream's sentence first", () => {
    expect(problemOf(["--nope"]).message).toBe(
      "--pipeline_name is required for container executor but was not provided; also missing: --run_id, --namespace, --pod_name, " +
        "--pod_uid, --task_id, --parent_task_id, --executor_input, --task_name",
    );
    expect(problemOf(["--executor_type=importer", ...common, "--pod_uid", ""]).message).toBe(
      "--importer_spec is required for importer executor but was not provided; also missing: --iteration_index; also empty: --pod_uid",
    );
  });

  test.for([
    { flag: "namespace", field: "Namespace" },
    { flag: "pod_uid", field: "PodUID" },
    { flag: "task_id", field: "TaskID" },
    { flag: "pipeline_name", field: "PipelineName" },
  ])("an empty --$flag", ({ flag, field }) => {
    expect(problemOf([...container, `--${flag}=`]).message).toBe(
      `invalid launcher options: must specify ${field} (--${flag} is empty)`,
    );
  });

  test("an empty importer spec", () => {
    expect(problemOf([...importer, "--importer_spec", ""]).message).toMatch(/must specify ImporterSpec/);
  });

  test.for(["run_id", "executor_input"])("an empty --%s is left to those who read it", (flag) => {
    expect(parseLauncherFlags([...container, `--${flag}=`]).mode).toBe("container");
  });
});

describe("parseLauncherFlags(): recorded command lines", () => {
  test("accepts what the reference's driver and workflows start launchers with, without a warning", () => {
    const lines = recordedCommandLines("launcher-v2");
    expect(lines.map(({ kind }) => kind).toSorted()).toEqual(["container", "container", "importer"]);
    for (const { kind, argv } of lines) {
      expect(parseLauncherFlags(argv), kind).toMatchObject({ mode: kind, warnings: [] });
    }
  });

  test("F8 an empty --ca_cert_path among all that a workflow gives is none, and nothing of it is a warning", () => {
    const given = [
      ...container,
      "--executor_type",
      "container",
      "--cache_disabled=false",
      "--ca_cert_path",
      "",
      "--",
      "sh",
      "-c",
      "x",
    ];
    expect(containerOf(given)).toMatchObject({ options: { command: ["sh", "-c", "x"] }, warnings: [] });
  });

  test("accepts the init container's --copy", () => {
    expect(parseLauncherFlags(["--copy", "/kfp-launcher/launch"])).toEqual({
      ...{ mode: "copy", destination: "/kfp-launcher/launch", warnings: [] },
    });
  });
});
