import { describe, expect, test } from "vitest";
import { KfpError } from "../../src/core/errors.ts";
import { DRIVER_FLAGS, parseDriverFlags } from "../../src/driver/flags.ts";
import { recordedCommandLines } from "../conformance/command-lines.ts";

const environment = { KFP_POD_NAME: "pod", KFP_POD_UID: "uid" };
const deps = { environment, readText: (path: string) => Promise.resolve(path === "/file.json" ? '{"a":1}' : undefined) };

/** The arguments of the compiled templates of the branch, without what is only passed when configured. */
const common = (type: string): string[] => [
  ...["--type", type, "--pipeline_name", "demo", "--run_id", "r", "--run_name", "wf", "--run_display_name", ""],
  ...["--parent_task_id", type === "ROOT_DAG" ? "" : "p", "--task_name", type === "ROOT_DAG" ? "" : "train"],
  ...["--iteration_index", "-1", "--condition_path", "/o/condition", "--namespace", "ns"],
  ...["--http_proxy", "", "--https_proxy", "", "--no_proxy", ""],
  ...["--ml_pipeline_server_address", "ml-pipeline", "--ml_pipeline_server_port", "8887"],
];
const dagPaths = ["--parent_task_id_path", "/o/task-id", "--iteration_count_path", "/o/count"];
const root = [...common("ROOT_DAG"), ...dagPaths, "--runtime_config", "{}"];
const dag = [...common("DAG"), ...dagPaths, "--runtime_config", ""];
const containerPaths = ["--cached_decision_path", "/o/cached", "--pod_spec_patch_path", "/o/patch"];
const container = [...common("CONTAINER"), ...containerPaths, "--kubernetes_config", ""];

async function failure(argv: string[], withDeps = deps): Promise<string> {
  const error: unknown = await parseDriverFlags(argv, withDeps).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KfpError);
  return `${(error as KfpError).code}: ${(error as KfpError).message}`;
}

const without = (argv: string[], flag: string): string[] => argv.filter((_, i) => argv[i] !== flag && argv[i - 1] !== flag);

describe("parseDriverFlags()", () => {
  test.for([
    { name: "ROOT_DAG", argv: root, options: { type: "ROOT_DAG", runtimeConfig: "{}", pod: { name: "pod", uid: "uid" } } },
    { name: "DAG", argv: dag, options: { type: "DAG", taskName: "train", parentTaskId: "p" } },
    {
      name: "CONTAINER",
      argv: container,
      options: {
        type: "CONTAINER",
        kubernetesConfig: "",
        publishLogs: "true",
        cacheDisabled: false,
        logLevel: "1",
        defaults: {},
      },
    },
    {
      name: "CONTAINER in an iteration, with everything that is passed when configured",
      argv: [
        ...container,
        ...["--iteration_index", "2", "--cache_disabled", "--ml_pipeline_tls_enabled", "--ca_cert_path", "/ca"],
        ...["--log_level", "3", "--publish_logs", "false", "--default_run_as_user", "0", "--default_run_as_group", "-1"],
        ...["--default_run_as_non_root", "true", "--default_host_users", "f"],
      ],
      options: {
        iterationIndex: 2,
        cacheDisabled: true,
        publishLogs: "false",
        apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: true, caCertPath: "/ca" },
        defaults: { runAsUser: 0, runAsNonRoot: true, hostUsers: false },
      },
    },
    {
      name: "a runtime config in a file",
      argv: [...root, "--runtime_config", "@/file.json"],
      options: { runtimeConfig: '{"a":1}' },
    },
  ])("reads $name", async ({ argv, options }, { expect }) => {
    expect(await parseDriverFlags(argv, deps)).toMatchObject({ mode: "drive", options, warnings: [] });
  });

  test.for([
    { user: "-1", group: "-1", defaults: {} },
    { user: "0", group: "-1", defaults: { runAsUser: 0 } },
    { user: "-1", group: "5", defaults: { runAsGroup: 5 } },
  ])(
    "takes a user $user and a group $group as $defaults: -1 is nobody (UPS-16)",
    async ({ user, group, defaults }, { expect }) => {
      const argv = [...container, "--default_run_as_user", user, "--default_run_as_group", group];
      const command = await parseDriverFlags(argv, deps);
      expect(command.mode === "drive" && command.options.type === "CONTAINER" && command.options.defaults).toEqual(defaults);
    },
  );

  test("has no iteration outside a loop", async () => {
    const command = await parseDriverFlags(container, deps);
    expect(command.mode === "drive" && "iterationIndex" in command.options).toBe(false);
  });

  test.for([
    {
      name: "an unknown type",
      argv: ["--type", "TASK"],
      message: 'FLAG_MISSING: unknown driver type "TASK", must be one of ROOT_DAG, DAG, CONTAINER',
    },
    { name: "no type", argv: [], message: 'FLAG_MISSING: unknown driver type ""' },
    {
      name: "a DAG driver without runtime config",
      argv: without(dag, "--runtime_config"),
      message: "FLAG_MISSING: --runtime_config is required for DAG but was not provided",
    },
    {
      name: "several missing flags at once (UPS-3)",
      argv: without(without(container, "--no_proxy"), "--pod_spec_patch_path"),
      message: "FLAG_MISSING: --no_proxy is required for CONTAINER but was not provided; also missing: --pod_spec_patch_path",
    },
    {
      name: "an empty namespace",
      argv: [...container, "--namespace", ""],
      message: "FLAG_MISSING: --namespace must not be empty for CONTAINER",
    },
    {
      name: "an empty output path (DRV-4)",
      argv: [...dag, "--condition_path="],
      message: "FLAG_MISSING: --condition_path must not be empty for DAG",
    },
    {
      name: "a root without runtime config",
      argv: [...root, "--runtime_config", ""],
      message: "--runtime_config must not be empty for ROOT_DAG",
    },
    {
      name: "a root in a loop",
      argv: [...root, "--iteration_index", "0"],
      message: "--iteration_index must be negative for ROOT_DAG, got 0",
    },
    {
      name: "a bad boolean default",
      argv: [...container, "--default_run_as_non_root", "maybe"],
      message: 'invalid --default_run_as_non_root value "maybe"',
    },
    {
      name: "an empty boolean default",
      argv: [...container, "--default_host_users="],
      message: 'invalid --default_host_users value ""',
    },
    { name: "a malformed number", argv: [...container, "--iteration_index", "x"], message: "FLAG_INVALID: " },
    { name: "a file that is not there", argv: [...root, "--runtime_config", "@/none"], message: "FILE_UNREADABLE: " },
  ])("refuses $name", async ({ argv, message }, { expect }) => {
    expect(await failure(argv)).toContain(message);
  });

  test.for(["KFP_POD_NAME", "KFP_POD_UID"])("needs %s", async (name, { expect }) => {
    expect(await failure(container, { ...deps, environment: { ...environment, [name]: "" } })).toContain(
      `ENVIRONMENT_INVALID: Environment variable ${name}`,
    );
  });

  test("warns of flags it does not know and takes their values away", async () => {
    const command = await parseDriverFlags(["--driver_retry_attempt", "1", "--future=x", ...container], deps);
    expect(command).toMatchObject({
      mode: "drive",
      warnings: [expect.stringContaining("driver_retry_attempt"), expect.stringContaining("future")],
    });
  });

  test("does nothing in the finalise role it does not support", async () => {
    expect(await parseDriverFlags(["--driver_retry_finalize=true"], deps)).toMatchObject({ mode: "retry-finalize" });
  });

  test.for(["-h", "--help"])("prints its usage for %s", async (flag, { expect }) => {
    const command = await parseDriverFlags([flag], deps);
    expect(command.mode === "help" && command.text).toContain("--pod_spec_patch_path");
  });

  test("UPS-2: accepts the command lines of compiled workflows that the reference's drivers were started with", async () => {
    const lines = recordedCommandLines("driver");
    expect(lines.map(({ kind }) => kind).toSorted()).toEqual(["CONTAINER", "DAG", "ROOT_DAG"]);
    for (const { kind, argv } of lines) {
      const command = await parseDriverFlags(argv, deps).catch((error: unknown) => error);
      expect(command, kind).toMatchObject({ mode: "drive", warnings: [], options: { type: kind } });
    }
  });

  test("declares no flag twice and explains each", () => {
    for (const [name, { help }] of Object.entries(DRIVER_FLAGS)) expect(help, name).not.toBe("");
  });
});
