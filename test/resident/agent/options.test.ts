import { describe, test } from "vitest";
import { parseAgentFlags } from "../../../src/resident/agent/options.ts";

const POD = { KFP_POD_NAME: "agent-0", KFP_POD_UID: "u", NAMESPACE: "kubeflow" };

describe("parseAgentFlags()", () => {
  test("without flags: all namespaces, a token for each run, one agent of several", ({ expect }) => {
    expect(parseAgentFlags([], POD)).toMatchObject({
      options: { namespace: "", instanceId: "", limits: { drives: 32, perWorkflow: 16 } },
      tenants: { identity: "run", audience: "pipelines.kubeflow.org" },
      allowedAccounts: new Set(["pipeline-runner", "default-editor"]),
      connection: { address: "ml-pipeline.kubeflow", port: "8887", tlsEnabled: false, retryTimeout: "30m" },
      lease: { namespace: "kubeflow", name: "kfp-driver-agent" },
      status: { host: "", port: 8080 },
      pod: { name: "agent-0", uid: "u" },
      warnings: [],
    });
  });

  test("with flags", ({ expect }) => {
    const argv = "--identity agent --namespace n --lease= --status_address [::1]:9 --max_drives 5 --service_accounts a,b --new 1";
    const command = parseAgentFlags(argv.split(" "), POD);
    expect(command).toMatchObject({
      options: { namespace: "n", limits: { drives: 5 } },
      tenants: { identity: "agent" },
      allowedAccounts: new Set(["a", "b"]),
      status: { host: "::1", port: 9 },
      warnings: ["unknown flag --new is ignored"],
    });
    expect(command).not.toHaveProperty("lease");
  });

  test("for help", ({ expect }) => {
    expect(parseAgentFlags(["--help"], {})).toEqual({ help: expect.stringMatching(/^Usage of driver agent:/) as string });
  });

  test.for([
    { argv: ["--identity", "root"], message: /"root" is neither run nor agent/ },
    { argv: ["--identity", "agent"], message: /--identity=agent needs --namespace/ },
    { argv: ["--max_drives", "0"], message: /--max_drives: 0 is not a number from 1/ },
    { argv: ["--status_address", "8080"], message: /"8080" is not an address and a port/ },
    { argv: ["--status_address", ":99999"], message: /":99999" is not an address/ },
    { argv: ["run"], message: /argument "run": it is not a flag/ },
  ])("rejects: $argv", ({ argv, message }, { expect }) => {
    expect(() => parseAgentFlags(argv, POD)).toThrow(message);
  });

  test.for(["KFP_POD_NAME", "KFP_POD_UID", "NAMESPACE"])("needs %s", (name, { expect }) => {
    expect(() => parseAgentFlags([], { ...POD, [name]: "" })).toThrow(name);
  });
});
