import { describe, expect, test } from "vitest";
import { HostError, UsageError } from "../../src/core/errors.ts";
import { DEFAULT_OUTPUT_LIMITS, readLauncherSettings } from "../../src/launcher/settings.ts";
import { runLauncher, type LauncherHost } from "../../src/launcher/run.ts";
import { buildInfo } from "../../src/program/build-info.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

async function run(argv: readonly string[], change: Partial<LauncherHost> = {}) {
  const text = { stdout: "", stderr: "" };
  const write = (name: "stdout" | "stderr") => ({
    write: (chunk: string) => {
      text[name] += chunk;
    },
  });
  const logger = new RecordingLogger();
  const calls: string[] = [];
  const refuse = (what: string) => () => {
    calls.push(what);
    return Promise.reject(new Error(`${what} is out of reach`));
  };
  const exitCode = await runLauncher(argv, {
    environment: {},
    userEnvironment: {},
    stdin: "ignore",
    userStdout: { write: () => undefined },
    userStderr: { write: () => undefined },
    stdout: write("stdout"),
    stderr: write("stderr"),
    clock: systemClock,
    files: nodeFileSystem,
    processRunner: { run: refuse("a command") },
    createLogger: () => logger,
    connect: refuse("the server"),
    kube: refuse("the cluster"),
    openStore: refuse("the store"),
    copy: refuse("the copy"),
    ...change,
  });
  return { exitCode, ...text, logger, calls };
}

const complete = [
  ...["--pipeline_name", "p", "--run_id", "r", "--parent_task_id", "t-1", "--task_name", "train", "--namespace", "ns"],
  ...["--pod_name", "pod", "--pod_uid", "uid", "--task_id", "t-9", "--executor_input", "{}"],
];

describe("runLauncher()", () => {
  test.for([
    { argv: ["--version"], exitCode: 0, stdout: /^launcher-v2 \S+ \(commit / },
    { argv: ["--help"], exitCode: 0, stderr: /^Usage of launcher-v2:\n/ },
    {
      argv: ["--nope"],
      exitCode: 1,
      stderr:
        /^launcher-v2: warning: unknown flag --nope is ignored\nlauncher-v2: --pipeline_name is required for container executor .*--task_name\n$/,
    },
    { argv: [...complete, "--executor_type", "foo"], exitCode: 1, stderr: /unsupported executor type "foo"/ },
    { argv: ["--iteration_index", "x"], exitCode: 2, stderr: /invalid value "x".*\nUsage of launcher-v2:/ },
    { argv: [...complete, "--namespace", ""], exitCode: 1, stderr: /must specify Namespace/ },
    {
      argv: complete.filter((_, index) => complete[index - 1] !== "--namespace" && complete[index] !== "--namespace"),
      exitCode: 1,
      stderr: /--namespace is required/,
    },
  ])("F2, F3, F5, F7 $argv ends with $exitCode and makes no call", async ({ argv, exitCode, stdout = /^$/, stderr = /^$/ }) => {
    const outcome = await run(argv);
    expect(outcome.exitCode).toBe(exitCode);
    expect(outcome.stdout).toMatch(stdout);
    expect(outcome.stderr).toMatch(stderr);
    expect(outcome.calls).toEqual([]);
  });

  test("F1 --copy copies, whatever else is given", async () => {
    const destinations: string[] = [];
    const copy = (destination: string): Promise<void> => {
      destinations.push(destination);
      return Promise.resolve();
    };
    expect(await run(["--copy", "/x/launch", "--publish_logs", "true", "--log_level", "2"], { copy })).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
      calls: [],
    });
    expect(destinations).toEqual(["/x/launch"]);
  });

  test("a copy that fails is one line and exit code 1", async () => {
    const copy = () => Promise.reject(new HostError("FILE_WRITE_FAILED", "Cannot copy the launcher to /x/launch: full"));
    expect(await run(["--copy", "/x/launch"], { copy })).toMatchObject({
      exitCode: 1,
      stderr: "launcher-v2: Cannot copy the launcher to /x/launch: full\n",
    });
  });

  test("a connection that cannot be made is logged, and ends with 1", async () => {
    const { exitCode, logger } = await run([...complete, "--new_flag", "x", "--", "true"]);
    expect(exitCode).toBe(1);
    const { version, commit } = buildInfo;
    expect(logger.lines[0]).toMatchObject({
      message: "launcher-v2 starts",
      fields: { version, commit, mode: "container", runId: "r" },
    });
    expect(logger.messages("warn")).toEqual(["unknown flag --new_flag is ignored"]);
    expect(logger.messages("error")).toEqual(["failed to execute launcher: the server is out of reach"]);
  });

  test("an unknown log format is a usage error", async () => {
    const createLogger = () => {
      throw new UsageError("ENVIRONMENT_INVALID", "Cannot read environment variable KFP_LOG_FORMAT");
    };
    expect(await run([...complete, "true"], { createLogger })).toMatchObject({
      exitCode: 1,
      stderr: "launcher-v2: Cannot read environment variable KFP_LOG_FORMAT\n",
    });
  });
});

describe("readLauncherSettings()", () => {
  test("empty variables are absent ones", () => {
    expect(readLauncherSettings({ KFP_RETRY_INDEX: "", TMPDIR: "" })).toEqual({
      temporaryFolder: "/tmp",
      modelcarTimeoutMs: 3_600_000,
      limits: DEFAULT_OUTPUT_LIMITS,
    });
  });

  test("every variable has its field", () => {
    const environment = {
      KFP_RETRY_INDEX: "2",
      ARTIFACT_LOCAL_PATH: "/a",
      KFP_OUTPUT_FILE: "/o",
      SSL_CERT_FILE: "/s",
      TMPDIR: "/t",
      KFP_MODELCAR_TIMEOUT: "1m30s",
      KFP_MODELCARS: "false",
      KFP_UPLOAD_ON_FAILURE: "true",
      KFP_LOG_UPLOAD_INTERVAL: "1m30s",
      KFP_LOG_UPLOAD_SIZE: "2Mi",
      KFP_MAX_PARAMETER_SIZE: "1Mi",
      KFP_MAX_EXECUTOR_OUTPUT_SIZE: "2048",
      KFP_MAX_LOG_SIZE: "3Gi",
    };
    expect(readLauncherSettings(environment)).toEqual({
      retryIndex: "2",
      artifactLocalPath: "/a",
      executorOutputPath: "/o",
      systemCertificatesPath: "/s",
      temporaryFolder: "/t",
      modelcarTimeoutMs: 90_000,
      modelcarsUnavailable: true,
      uploadOnFailure: true,
      logParts: { intervalMs: 90_000, growthBytes: 2_097_152 },
      limits: {
        parameter: { maxBytes: 1_048_576, setting: "KFP_MAX_PARAMETER_SIZE" },
        executorOutput: { maxBytes: 2048, setting: "KFP_MAX_EXECUTOR_OUTPUT_SIZE" },
        log: { maxBytes: 3_221_225_472, setting: "KFP_MAX_LOG_SIZE" },
      },
    });
    expect(readLauncherSettings({ KFP_MODELCARS: "true" })).not.toHaveProperty("modelcarsUnavailable");
    expect(readLauncherSettings({ KFP_UPLOAD_ON_FAILURE: "false" })).not.toHaveProperty("uploadOnFailure");
  });

  test("a duration or a truth value that is none is an error", () => {
    for (const KFP_MODELCAR_TIMEOUT of ["soon", "-1s"]) {
      expect(() => readLauncherSettings({ KFP_MODELCAR_TIMEOUT })).toThrow(/KFP_MODELCAR_TIMEOUT: "(soon|-1s)"/);
    }
    expect(readLauncherSettings({ KFP_MODELCAR_TIMEOUT: "0" })).not.toHaveProperty("modelcarTimeoutMs");
    expect(() => readLauncherSettings({ KFP_MODELCARS: "no" })).toThrow(/KFP_MODELCARS: "no" is neither true nor false/);
    expect(readLauncherSettings({ KFP_LOG_UPLOAD_SIZE: "7" }).logParts).toEqual({ growthBytes: 7 });
    for (const KFP_LOG_UPLOAD_INTERVAL of ["soon", "0s", "999ms", "-5s"]) {
      expect(() => readLauncherSettings({ KFP_LOG_UPLOAD_INTERVAL })).toThrow(
        /KFP_LOG_UPLOAD_INTERVAL: ".*" is not a duration of/,
      );
    }
    for (const KFP_LOG_UPLOAD_SIZE of ["big", "0", "-1"]) {
      expect(() => readLauncherSettings({ KFP_LOG_UPLOAD_SIZE })).toThrow(/KFP_LOG_UPLOAD_SIZE: ".*" is not a size such as 1Mi/);
    }
    expect(() => readLauncherSettings({ KFP_UPLOAD_ON_FAILURE: "1" })).toThrow(/KFP_UPLOAD_ON_FAILURE: "1" is neither/);
  });
});
