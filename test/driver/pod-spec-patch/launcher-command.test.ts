import { describe, test } from "vitest";
import { launcherCommand, type LauncherCommandOptions } from "../../../src/driver/pod-spec-patch/launcher-command.ts";

const options: LauncherCommandOptions = {
  pipelineName: "demo",
  runId: "run-1",
  taskId: "task-1",
  parentTaskId: "dag-1",
  executorInputJson: "{}",
  apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
  publishLogs: "true",
  fingerprint: "",
  taskName: "say",
  cacheDisabled: false,
  logLevel: "1",
};

describe("launcherCommand()", () => {
  test("spells out every value, empty ones included, in the order of the later upstream", ({ expect }) => {
    expect(launcherCommand(options).join("|")).toBe(
      "/kfp-launcher/launch|--executor_type|container|--pipeline_name|demo|--run_id|run-1|--task_id|task-1|--parent_task_id|dag-1|" +
        "--executor_input|{}|--namespace|$(NAMESPACE)|--pod_name|$(KFP_POD_NAME)|--pod_uid|$(KFP_POD_UID)|" +
        "--ml_pipeline_server_address|ml-pipeline|--ml_pipeline_server_port|8887|--publish_logs|true|--fingerprint||--task_name|say|" +
        "--ml_pipeline_tls_enabled=false|--ca_cert_path||--cache_disabled=false|--log_level|1|--",
    );
  });

  test("says --publish_logs once (K8S-20)", ({ expect }) => {
    for (const publishLogs of ["true", "false", ""]) {
      const command = launcherCommand({ ...options, publishLogs });
      expect(command.filter((word) => word.startsWith("--publish_logs"))).toEqual(["--publish_logs"]);
      expect(command[command.indexOf("--publish_logs") + 1]).toBe(publishLogs);
    }
  });

  test("says the iteration last, zero included", ({ expect }) => {
    const command = launcherCommand({
      ...options,
      apiServer: { ...options.apiServer, tlsEnabled: true, caCertPath: "/ca" },
      cacheDisabled: true,
      iterationIndex: 0,
    });
    expect(command.slice(-9)).toEqual([
      "--ml_pipeline_tls_enabled=true",
      "--ca_cert_path",
      "/ca",
      "--cache_disabled=true",
      "--log_level",
      "1",
      "--iteration_index",
      "0",
      "--",
    ]);
  });
});
