/**
 * The same pipeline by the local engine, as a person runs it.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { startApiServer } from "../../src/apiserver/server.ts";
import type { PipelineTask } from "../../src/core/kfp-types.ts";
import type { JsonValue } from "../../src/core/values/value.ts";
import { homeAt } from "../../src/local/home/home.ts";
import { root } from "../support/probe.ts";
import type { S3Server } from "../support/s3-server.ts";
import { parseResult } from "../support/run-results.ts";
import { storeProviders } from "./cluster-objects.ts";
import type { KubeObjectInput } from "./kube-api/kube-object.ts";
import { readTasks } from "./run-rows.ts";

export interface FinishedLocalRun {
  readonly runId: string;
  /** Of the run, for programs: what a workflow is called on a cluster. */
  readonly runName: string;
  readonly displayName: string;
  readonly tasks: readonly PipelineTask[];
  readonly pipelineRoot: string;
}

const TIMEOUT_MS = 300_000;

export async function runLocally(options: {
  readonly folder: string;
  /** Pipeline spec and platform spec. */
  readonly pipeline: string;
  readonly pipelineName: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** Secrets and config maps. */
  readonly objects: readonly (readonly [string, KubeObjectInput])[];
  readonly runs: number;
  /** Where `s3://` leads. */
  readonly store: Pick<S3Server, "endpoint" | "accessKeyId" | "secretAccessKey">;
}): Promise<FinishedLocalRun> {
  const { folder, pipeline, pipelineName, parameters, objects, runs, store } = options;
  await mkdir(folder, { recursive: true });
  const home = path.join(folder, "home");
  await mkdir(path.join(home, "launcher-config"), { recursive: true });
  await writeFile(path.join(home, "launcher-config/providers"), storeProviders(store, { fromEnv: true }));
  const env = { AWS_ACCESS_KEY_ID: store.accessKeyId, AWS_SECRET_ACCESS_KEY: store.secretAccessKey };
  const files = { "pipeline.yaml": pipeline, "parameters.json": JSON.stringify(parameters) };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const kinds: Readonly<Record<string, string>> = { secrets: "Secret", configmaps: "ConfigMap" };
  const documents = objects.flatMap(([plural, object]) =>
    kinds[plural] === undefined ? [] : [JSON.stringify({ apiVersion: "v1", kind: kinds[plural], ...object })],
  );
  await writeFile(path.join(folder, "objects.yaml"), documents.join("\n---\n"));
  const args = [
    ...["run", path.join(folder, "pipeline.yaml"), "--home", home, "--output", "json", "--parallelism", "2"],
    ...["--params", path.join(folder, "parameters.json")],
    ...(documents.length === 0 ? [] : ["--secrets", path.join(folder, "objects.yaml")]),
  ];
  let stdout = "";
  for (let run = 0; run < runs; run += 1) stdout = await runProgram(args, folder, env);
  const { runId } = parseResult(stdout);
  const { database, artifacts } = homeAt(home);
  const server = await startApiServer({ database });
  try {
    const { displayName } = server.runs.requireRun(runId).run;
    const runName = `${pipelineName}-${runId.slice(0, 5)}`;
    return { runId, runName, displayName, tasks: await readTasks(server, runId), pipelineRoot: artifacts };
  } finally {
    await server.close();
  }
}

async function runProgram(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(path.join(root, "dist/bin/kfp-runtime"), args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-2000)));
  await new Promise((resolve) => {
    child.once("error", resolve);
    child.once("close", resolve);
  });
  if (stdout === "") throw new Error(`the local run gave no result: ${stderr}`);
  return stdout;
}
