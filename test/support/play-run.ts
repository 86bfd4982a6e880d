/**
 * A small pipeline whose steps write and read an artifact in an S3 store, show their environment, and fail, and one run of it.
 *
 * @module
 */
import { fromBinary, toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import { PipelineTaskSchema } from "../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { runPipeline } from "../../src/local/engine/engine.ts";
import { rootParameters } from "../../src/local/executors/root-parameters.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { startFakeS3Server, type FakeS3Server } from "../fakes/fake-s3-server.ts";
import type { ContainerEnd } from "./containers.ts";
import { createPodExecutor, type PodExecutorOptions } from "./pod-executor.ts";
import { root } from "./probe.ts";
import { startMoto, startVersityGateway } from "./s3-server.ts";

export interface Peers {
  readonly server: ApiServer;
  /** Port of the same server behind TLS, on the name localhost. */
  readonly tlsPort: string;
  readonly ca: string;
  readonly pipelineRoot: string;
  readonly launcherConfig: Readonly<Record<string, string>>;
  /** Credentials of the store. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts what the programs of a run talk to: the embedded API server, TLS in front of it, an S3 server. */
export async function startPeers(): Promise<Peers> {
  const server = await startApiServer({ database: ":memory:" });
  const ca = readFileSync(path.join(root, "test/fixtures/tls/server-cert.pem"), "utf8");
  const key = readFileSync(path.join(root, "test/fixtures/tls/server-key.pem"), "utf8");
  const sockets = new Set<TLSSocket>();
  const front = createServer({ cert: ca, key, ALPNProtocols: ["h2"] }, (outside) => {
    const inside = connect(server.port, server.host);
    sockets.add(outside);
    outside.on("close", () => sockets.delete(outside));
    for (const [from, to] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const store = await startStore();
  const address = front.address();
  return {
    server,
    tlsPort: String(typeof address === "object" && address !== null ? address.port : 0),
    ca,
    pipelineRoot: "s3://artifacts/kfp",
    launcherConfig: {
      defaultPipelineRoot: "s3://artifacts/kfp",
      providers: `s3:\n  default:\n    endpoint: ${store.endpoint}\n    region: us-east-1\n    disableSSL: true\n    forcePathStyle: true\n    credentials:\n      fromEnv: true\n`,
    },
    env: { AWS_ACCESS_KEY_ID: store.accessKeyId, AWS_SECRET_ACCESS_KEY: store.secretAccessKey },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => front.close(resolve));
      await store.stop();
      await server.close();
    },
  };
}

/** A real S3 server where one can be had, else ours. */
async function startStore(): Promise<{
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  stop(): Promise<void>;
}> {
  for (const start of [startVersityGateway, startMoto]) {
    const server = await start();
    if ("missing" in server) continue;
    await server.createBucket("artifacts");
    return server;
  }
  const fake: FakeS3Server = await startFakeS3Server();
  fake.buckets.set("artifacts", new Map());
  return { endpoint: fake.endpoint, accessKeyId: "test-key", secretAccessKey: "test-secret", stop: () => fake.close() };
}

export interface PlayedRun {
  readonly outcome: "succeeded" | "failed";
  /** By task: how it ended, and with which exit code. */
  readonly tasks: Readonly<Record<string, { readonly outcome: string; readonly exitCode?: number; readonly error?: string }>>;
  /** By task: what its main container wrote. */
  readonly mains: Readonly<Record<string, ContainerEnd>>;
  readonly runId: string;
}

export type PlayOptions = Omit<PodExecutorOptions, "server" | "launcherConfig" | "ca" | "onMainEnd">;

/** Runs the pipeline; the API server is reached by the name localhost over TLS wherever a workflow could say so. */
export async function playRun(
  peers: Peers,
  options: PlayOptions,
  source: JsonObject = pipeline(String(Math.random())),
): Promise<PlayedRun> {
  const { server } = peers;
  const parsed = parsePipelineSpec(source);
  const name = parsed.spec.pipelineInfo?.name ?? "";
  const { run } = server.runs.createRun({
    displayName: name,
    pipelineSource: { case: "pipelineSpec", value: source },
    runtimeConfig: { parameters: {}, pipelineRoot: peers.pipelineRoot },
  });
  const mains: Record<string, ContainerEnd> = {};
  const tasks: Record<string, { outcome: string; exitCode?: number; error?: string }> = {};
  let count = 0;
  const outcome = await runPipeline(
    {
      executor: createPodExecutor({
        ...options,
        env: { ...options.env, ...peers.env },
        server: { address: "127.0.0.1", port: String(server.port) },
        launcherConfig: peers.launcherConfig,
        ca: peers.ca,
        onMainEnd: (task, ended) => (mains[task] = ended),
      }),
      clock: systemClock,
      driverFolder: () => "/tmp/outputs",
      newPod: () => ({ name: `${name}-${String((count += 1))}`, uid: `uid-${String(count)}`, namespace: "tests" }),
      onEvent: (event) => {
        if (event.kind !== "ended") return;
        const { outcome: how, exitCode, error } = event;
        tasks[event.place.scopePath] = {
          outcome: how,
          ...(exitCode === undefined ? {} : { exitCode }),
          ...(error === undefined ? {} : { error }),
        };
      },
      signal: AbortSignal.timeout(240_000),
    },
    {
      pipeline: parsed,
      pipelineName: name,
      runId: run.runId,
      runName: name,
      runDisplayName: name,
      namespace: "tests",
      runtimeConfig: JSON.stringify({ parameterValues: rootParameters(parsed.spec, {}) }),
      cacheDisabled: false,
      publishLogs: true,
      logLevel: "1",
      apiServer: { address: "localhost", port: peers.tlsPort, tlsEnabled: true, caCertPath: "/kfp/certs/ca.crt" },
      kubernetesConfigs: new Map(),
      parallelism: 2,
    },
  );
  return { outcome, tasks, mains, runId: run.runId };
}

/** write -> read, and beside them a step that shows its environment, one that fails with 7, one that is not there. */
export function pipeline(text: string): JsonObject {
  const artifact = { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } };
  const step = (...command: string[]) => ({ container: { image: "foreign", command: ["/t/step", ...command] } });
  const task = (name: string, more: JsonObject = {}): JsonObject => ({
    componentRef: { name: `comp-${name}` },
    taskInfo: { name },
    ...more,
  });
  return {
    pipelineInfo: { name: "pods" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: {
      dag: {
        tasks: {
          write: task("write"),
          read: task("read", {
            dependentTasks: ["write"],
            inputs: {
              artifacts: { text: { taskOutputArtifact: { producerTask: "write", outputArtifactKey: "text" } } },
              parameters: { size: { taskOutputParameter: { producerTask: "write", outputParameterKey: "size" } } },
            },
          }),
          environment: task("environment"),
          fail: task("fail"),
          absent: task("absent"),
        },
      },
    },
    components: {
      "comp-write": {
        executorLabel: "exec-write",
        outputDefinitions: { artifacts: { text: artifact }, parameters: { size: { parameterType: "NUMBER_INTEGER" } } },
      },
      "comp-read": {
        executorLabel: "exec-read",
        inputDefinitions: { artifacts: { text: artifact }, parameters: { size: { parameterType: "NUMBER_INTEGER" } } },
        outputDefinitions: { parameters: { text: { parameterType: "STRING" } } },
      },
      "comp-environment": { executorLabel: "exec-environment" },
      "comp-fail": { executorLabel: "exec-fail" },
      "comp-absent": { executorLabel: "exec-absent" },
    },
    deploymentSpec: {
      executors: {
        "exec-write": step("write", "{{$.outputs.artifacts['text'].path}}", text, "{{$.outputs.parameters['size'].output_file}}"),
        "exec-read": step("read", "{{$.inputs.artifacts['text'].path}}", "{{$.outputs.parameters['text'].output_file}}"),
        "exec-environment": step("environment"),
        "exec-fail": step("exit", "7"),
        "exec-absent": { container: { image: "foreign", command: ["/t/absent"] } },
      },
    },
  };
}

/** Value of an output parameter of a run's task. */
export function outputParameter({ server }: Peers, runId: string, task: string, key: string): JsonValue | undefined {
  const found = server.store.tasks.ofRun(runId).find(({ name }) => name === task);
  const row = found === undefined ? undefined : fromBinary(PipelineTaskSchema, found.body);
  const value = row?.outputs?.parameters.find(({ parameterKey }) => parameterKey === key)?.value;
  return value === undefined ? undefined : toJson(ValueSchema, value);
}
