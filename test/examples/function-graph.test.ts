/**
 * examples/function-graph: what its steps ask of a cluster, in the pod spec patches of our drivers; the workflow in one process and as
 * steps; and, where a package index answers, compiled by the SDK and run through kfp.Client.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms, runCli } from "../support/built-programs.ts";
import { runPython, variablesOf } from "../support/example-environment.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { parseResult } from "../support/run-results.ts";
import { startServing } from "../support/serving.ts";
import { simulatePods } from "../support/simulated-pods.ts";
import { skipUnless } from "../support/skip.ts";

const example = path.join(root, "examples/function-graph");
const compiled = readFileSync(path.join(example, "pipeline.yaml"), "utf8");
const requirements = readFileSync(path.join(example, "requirements.txt"), "utf8").trim().split("\n");

test("every step has the one image, its pull secret, and the variable that picks the node", async () => {
  const { simulation, patchOf, mainOf } = await simulatePods(compiled);
  expect(simulation.outcome).toBe("succeeded");
  const nodes = { read: "read", count: "count", "count-2": "count_2", add: "add", "most-frequent": "most_frequent" };
  for (const [task, node] of Object.entries(nodes)) {
    expect(mainOf(task).image).toBe("registry.example.com/words:1.0");
    expect(mainOf(task).env).toContainEqual({ name: "FUNCTION_NODE", value: node });
    expect(patchOf(task).imagePullSecrets).toEqual([{ name: "registry-login" }]);
  }
  const command = (task: string): readonly string[] | undefined =>
    simulation.launchers.find((launcher) => launcher.task === task)?.command;
  expect(command("add")?.slice(0, 3)).toEqual(["python", "-m", "run_node"]);
  expect(command("add")?.slice(4)).toEqual([
    expect.stringMatching(/^first=\/.*\/count\/.*\/value$/),
    expect.stringMatching(/^second=\/.*\/count-2\/.*\/value$/),
  ]);
});

const isSkipped = skipUnless(
  canInstallSdk(requirements[0] ?? ""),
  "examples/function-graph: needs python3 with venv, and a package index",
);

describe.skipIf(isSkipped)("the workflow", () => {
  let folder = "";
  let variables: Record<string, string> = {};
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-functions-"));
    cpSync(example, path.join(folder, "example"), { recursive: true });
    variables = { ...variablesOf(environmentWith(requirements), path.join(folder, "user")), PYTHONPATH: example };
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What the last node returns, unpickled. */
  const readResult = async (file: string): Promise<unknown> => {
    const script = "import json, pickle, sys; print(json.dumps(pickle.load(open(sys.argv[1], 'rb'))))";
    return JSON.parse(await runPython(["-c", script, file], folder, variables)) as unknown;
  };
  const frequent = [
    ["sea", 5],
    ["shells", 5],
    ["she", 4],
  ];
  const printed = "sea: 5\nshells: 5\nshe: 4\n";

  test("is compiled by the SDK into the very pipeline that stands there", { timeout: 300_000 }, async () => {
    await runPython(["to_kubeflow.py"], path.join(folder, "example"), variables);
    expect(readFileSync(path.join(folder, "example/pipeline.yaml"), "utf8")).toBe(compiled);
  });

  test("gives the same in one process and as steps", { timeout: 300_000 }, async () => {
    expect(await runPython(["flow.py"], example, variables)).toBe(printed);
    const args = ["run", path.join(example, "pipeline.yaml"), "--home", path.join(folder, "home"), "--output", "json"];
    const ended = await runCli(await builtPrograms(), args, { cwd: folder, env: variables });
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(await readResult(result.outputs.artifacts["Output"]?.[0]?.uri ?? "")).toEqual(frequent);
    // UTF-16 behind the pickle's header: bytes that no text format would carry unchanged.
    const text = readFileSync(result.tasks.find(({ name }) => name === "read")?.outputs.artifacts["value"]?.[0]?.uri ?? "");
    expect([text[0], text.includes(Buffer.from([0xff, 0xfe]))]).toEqual([0x80, true]);
  });

  test("and through the SDK's client", { timeout: 300_000 }, async () => {
    const programs = await builtPrograms();
    const home = path.join(folder, "served");
    const server = await startServing(programs, home, [], variables);
    onTestFinished(async () => void (await server.end("SIGKILL")));
    const script = [
      "import sys, kfp",
      "client = kfp.Client(host=sys.argv[1])",
      "run = client.create_run_from_pipeline_package(sys.argv[2])",
      "print(client.wait_for_run_completion(run.run_id, timeout=240, sleep_duration=0.5).state)",
    ].join("\n");
    const told = await runPython(["-c", script, server.rest.url, path.join(example, "pipeline.yaml")], folder, variables);
    expect(told, server.log()).toMatch(/^SUCCEEDED$/m);
    const logs = await runCli(programs, ["logs", "last", "most-frequent", "--home", home], { cwd: folder });
    expect(logs.stdout).toBe(printed);
  });

  test("says what is wrong with a node that is not there, or has other inputs", async () => {
    const fails = (node: string, ...inputs: readonly string[]): Promise<string> =>
      runPython(["-m", "run_node", path.join(folder, "out"), ...inputs], folder, { ...variables, FUNCTION_NODE: node });
    await expect(fails("ad")).rejects.toThrow("FUNCTION_NODE is 'ad'; there are read, count, count_2, add, most_frequent");
    await expect(fails("add", "first=x")).rejects.toThrow("add takes ['first', 'second'], not ['first']");
  });
});
