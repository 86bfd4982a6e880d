/** `driver plugin` in the test's process: before the embedded API server, asked as Argo's agent asks, and by Argo's agent itself. */
import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { connectFromEnvironment } from "../../../src/apiclient/connect.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { systemClock } from "../../../src/node/system-clock.ts";
import { runPlugin } from "../../../src/resident/plugin/run-plugin.ts";
import { applyJsonPatch } from "../../../src/resident/rewrite/json-patch.ts";
import { rewriteWorkflow } from "../../../src/resident/rewrite/rewrite-workflow.ts";
import { resourceOf } from "../../cluster/kube-api/resources.ts";
import { runWorkflow } from "../../cluster/run-workflow.ts";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";
import { makeFolder, removeFolder, root } from "../../support/probe.ts";
import { skipUnless } from "../../support/skip.ts";
import { startSmallKube } from "../../support/small-kube.ts";

const TOKEN = "bcdfghjklmnpqrstvwxz2456789bcdfg";

/** A run of a pipeline, and the driver templates of its workflow with their inputs filled in. */
async function playedRun() {
  const server = await startFakeApiServer();
  const raw = connectRawClient(server.address);
  const spec = parse(
    readFileSync(path.join(root, "test/conformance/pipelines/parameters_component_defaults.yaml"), "utf8"),
  ) as JsonObject;
  const { runId } = await raw.createRun({
    run: { displayName: "Defaults", pipelineSource: { case: "pipelineSpec", value: spec } },
  });
  const compiled = readFileSync(path.join(root, "test/conformance/workflows/parameters_component_defaults.yaml"), "utf8")
    .replaceAll("ml-pipeline.kubeflow.svc.cluster.local", server.host)
    .replaceAll('"8887"', JSON.stringify(String(server.port)));
  const workflow = runWorkflow(compiled, { runId, displayName: "Defaults", namespace: "default", workflowName: "my-run" });
  const outcome = rewriteWorkflow(workflow, { version: "1", loopParallelism: 0 });
  if (outcome.kind !== "rewritten") throw new Error(JSON.stringify(outcome));
  const { templates } = (applyJsonPatch(workflow, outcome.patch) as { spec: { templates: JsonObject[] } }).spec;
  const template = (name: string, inputs: Readonly<Record<string, string>>): JsonObject => {
    const found = templates.find((each) => each["name"] === name) as JsonObject & { inputs: { parameters: JsonObject[] } };
    const parameters = found.inputs.parameters.map((parameter) => {
      const value = inputs[parameter["name"] as string] ?? parameter["default"];
      return value === undefined ? parameter : { ...parameter, value };
    });
    return { ...found, inputs: { parameters } };
  };
  const rootDriver = template("system-dag-driver", { "driver-type": "ROOT_DAG", "runtime-config": "{}" });
  return { raw, runId, template, rootDriver };
}

async function startPlugin(folder: string) {
  const tokenPath = path.join(folder, "token");
  writeFileSync(tokenPath, TOKEN);
  const controller = new AbortController();
  const logger = new RecordingLogger();
  const { promise: listening, resolve } = Promise.withResolvers<number>();
  const ended = runPlugin(["--listen_address=127.0.0.1:0", `--token_path=${tokenPath}`, "--patch_period=1s"], {
    environment: { KFP_POD_NAME: "my-run-agent", KFP_POD_UID: "uid-1" },
    ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, signal: controller.signal },
    ...{ stdout: { write: () => true }, stderr: { write: (text: string) => logger.error(text) } },
    kube: () => Promise.reject(new Error("not asked for")),
    createLogger: () => logger,
    connect: async (flags, log) => {
      const deps = { clock: systemClock, logger: log, fileSystem: { readText: () => Promise.resolve(undefined) } };
      const api = await connectFromEnvironment(deps, flags, { KFP_TOKEN_PATH: "" });
      return { api, close: () => api.close() };
    },
    onListening: resolve,
  });
  const stop = async (): Promise<number> => {
    controller.abort("SIGTERM");
    return await ended;
  };
  onTestFinished(async () => void (await stop()));
  return { port: await listening, logger, stop };
}

async function ask(port: number, template: JsonObject): Promise<{ node: JsonObject; requeue?: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/template.execute`, {
    ...{ method: "POST", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", connection: "close" } },
    body: JSON.stringify({ workflow: { metadata: { name: "my-run", namespace: "default", uid: "w1" } }, template }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { node: JsonObject; requeue?: string };
}

const valueOf = (node: JsonObject, name: string): string | undefined =>
  (node["outputs"] as unknown as { parameters: { name: string; value: string }[] }).parameters.find((each) => each.name === name)
    ?.value;

describe("runPlugin()", () => {
  test("drives a DAG and a step as driver pods would, and stops when told to", async () => {
    const { raw, runId, template, rootDriver } = await playedRun();
    const folder = await makeFolder();
    onTestFinished(() => removeFolder(folder));
    const { port, stop } = await startPlugin(folder);
    const { node } = await ask(port, rootDriver);
    expect(node).toMatchObject({ phase: "Succeeded" });
    const rootId = valueOf(node, "parent-dag-task-id-path") ?? "";
    const [row] = (await raw.listTasks({ runId, pageSize: 10 })).tasks;
    expect([row?.taskId, valueOf(node, "iteration-count"), valueOf(node, "condition")]).toEqual([rootId, "0", "nil"]);
    expect(row?.pods[0]).toMatchObject({ name: "my-run-agent", uid: expect.stringMatching(/^uid-1\//) as string });
    const failed = await ask(port, template("system-container-driver", { "task-name": "nowhere", "parent-dag-task-id": rootId }));
    expect(failed.node).toMatchObject({ phase: "Failed", message: expect.stringContaining("nowhere") as string });
    expect(failed).not.toHaveProperty("requeue");
    expect(await stop()).toBe(0);
  });

  test.for<{ argv: string[]; code: number; stderr: RegExp; environment?: Record<string, string> }>([
    { argv: ["--listen_address", "14355"], code: 2, stderr: /"14355" is not an address and a port/ },
    { argv: ["--patch_period", "soon"], code: 2, stderr: /"soon" is not a time such as 10s/ },
    { argv: ["--max_drives", "0"], code: 2, stderr: /--max_drives: 0 is below 1/ },
    { argv: ["now"], code: 2, stderr: /Cannot read argument "now"/ },
    { argv: [], environment: {}, code: 1, stderr: /variable KFP_POD_NAME must hold the identity of this pod/ },
  ])("ends with $code for $argv", async ({ argv, code, stderr, environment }) => {
    let said = "";
    const nobody = () => Promise.reject(new Error("not asked for"));
    const ended = await runPlugin(argv, {
      environment: environment ?? { KFP_POD_NAME: "p", KFP_POD_UID: "u" },
      ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, signal: AbortSignal.abort("SIGTERM") },
      ...{ kube: nobody, connect: nobody, createLogger: () => new RecordingLogger() },
      ...{ stdout: { write: () => true }, stderr: { write: (text: string) => (said += text) } },
    });
    expect([ended, said]).toEqual([code, expect.stringMatching(stderr)]);
  });
});

/** Where npm run test:cluster keeps it. */
function builtAgent(): string | undefined {
  const cache = path.join(process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"), "kfp-runtime");
  const builds = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("argo-v")) : [];
  return builds.map((name) => path.join(cache, name, "argoexec")).find((file) => existsSync(file));
}

const agent = builtAgent();
const mayMount = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "none", "/var/run"], { stdio: "ignore" }).status === 0;
const agentMissing = skipUnless(
  agent !== undefined && mayMount,
  "the executor plugin before Argo's own agent: npm run test:cluster builds it, and it needs a mount namespace",
);

test.skipIf(agentMissing)("Argo's own agent hands tasks over, and results on", { timeout: 120_000 }, async () => {
  const { rootDriver } = await playedRun();
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  const kube = await startSmallKube(folder);
  onTestFinished(() => kube.stop());
  const { port } = await startPlugin(folder);
  const taskSets = { resource: resourceOf("workflowtasksets"), namespace: "default" };
  kube.store.create(taskSets, { metadata: { name: "my-run" }, spec: { tasks: { "node-1": rootDriver } } });
  // It reads the token from a fixed place.
  const place = "/var/run/argo/kfp-driver";
  const script = `mount -t tmpfs none /var/run && mkdir -p ${place} && printf %s "$TOKEN" > ${place}/token && exec "$AGENT" agent main`;
  const child = execFile("unshare", ["--mount", "sh", "-c", script], {
    env: {
      ...{ PATH: process.env["PATH"] ?? "", KUBECONFIG: kube.kubeconfig, TOKEN, AGENT: agent ?? "" },
      ...{ ARGO_WORKFLOW_NAME: "my-run", ARGO_WORKFLOW_UID: "w1", ARGO_AGENT_PATCH_RATE: "1s" },
      ...{ ARGO_PLUGIN_NAMES: '["kfp-driver"]', ARGO_PLUGIN_ADDRESSES: JSON.stringify([`http://127.0.0.1:${port}`]) },
    },
  });
  let log = "";
  child.stderr?.on("data", (text: string) => (log += text));
  child.stdout?.on("data", (text: string) => (log += text));
  onTestFinished(() => void child.kill("SIGKILL"));
  await expect
    .poll(() => (kube.store.get({ ...taskSets, name: "my-run" }) as { status?: { nodes?: object } }).status?.nodes, {
      ...{ timeout: 100_000, interval: 200 },
      message: () => log,
    } as never)
    .toMatchObject({ "node-1": { phase: "Succeeded", outputs: { parameters: [{ name: "parent-dag-task-id-path" }, {}, {}] } } });
});
