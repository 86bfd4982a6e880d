/**
 * An agent in the test's process, between the small Kubernetes API and the embedded API server.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { parse } from "yaml";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { TaskType, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { connectFromEnvironment } from "../../../src/apiclient/connect.ts";
import { createKubeObjects } from "../../../src/kube/kube-objects.ts";
import { createKubeRest } from "../../../src/kube/kube-rest.ts";
import { systemClock } from "../../../src/node/system-clock.ts";
import { startStatusServer } from "../../../src/node/status-server.ts";
import type { KubeObjects } from "../../../src/ports/kube-objects.ts";
import { runAgent, type AgentHost } from "../../../src/resident/agent/run-agent.ts";
import { resourceOf } from "../../cluster/kube-api/resources.ts";
import { connectRawClient, startFakeApiServer, type RawApiClient } from "../../fakes/api-server.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";
import type { WatchedServer } from "../../fakes/watched-server.ts";
import { root } from "../../support/probe.ts";
import { startSmallKube, type SmallKube } from "../../support/small-kube.ts";
import { WorkflowPlayer, type PlayedWorkflow } from "../../support/workflow-player.ts";

export interface RunningAgent {
  readonly logger: RecordingLogger;
  /** Resolves with the exit code. */
  stop(): Promise<number>;
  page(path: string): Promise<{ readonly status: number; readonly text: string }>;
}

export interface AgentSettings {
  readonly argv?: readonly string[];
  readonly pod?: string;
  /** Stands between the agent and Kubernetes. */
  readonly around?: (kube: KubeObjects) => KubeObjects;
  readonly host?: Partial<AgentHost>;
}

export class AgentWorld {
  readonly kube: SmallKube;
  readonly server: WatchedServer;
  readonly raw: RawApiClient;
  readonly folder: string;

  private constructor(kube: SmallKube, server: WatchedServer, folder: string) {
    this.kube = kube;
    this.server = server;
    this.raw = connectRawClient(server.address);
    this.folder = folder;
  }

  static async open(options: { keptChanges?: number } = {}): Promise<AgentWorld> {
    const folder = mkdtempSync(path.join(tmpdir(), "kfp-agent-test-"));
    const kube = await startSmallKube(folder, options);
    onTestFinished(async () => {
      await kube.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const world = new AgentWorld(kube, await startFakeApiServer(), folder);
    for (const namespace of ["team-a", "team-b"]) world.addNamespace(namespace);
    return world;
  }

  addNamespace(namespace: string): void {
    for (const name of ["pipeline-runner", "default-editor", "nobody"])
      this.kube.store.create({ resource: resourceOf("serviceaccounts"), namespace }, { metadata: { name } });
    const data = { defaultPipelineRoot: "s3://bucket/root" };
    this.kube.store.create(
      { resource: resourceOf("configmaps"), namespace },
      {
        metadata: { name: "kfp-launcher" },
        data,
      },
    );
  }

  async createRun(): Promise<string> {
    const spec = parse(readFileSync(path.join(root, "test/fixtures/pipelines/wide_loop.yaml"), "utf8")) as JsonObject;
    const run = await this.raw.createRun({
      run: { displayName: "Wide loop", pipelineSource: { case: "pipelineSpec", value: spec } },
    });
    return run.runId;
  }

  /** A workflow of a new run; its first driver is not asked for yet. */
  async play(options: Partial<PlayedWorkflow> = {}): Promise<WorkflowPlayer & { readonly runId: string }> {
    const runId = options.runId ?? (await this.createRun());
    const name = `wf-${randomUUID().slice(0, 8)}`;
    const player = new WorkflowPlayer({ store: this.kube.store, namespace: "team-a", name, ...options, runId });
    onTestFinished(() => player.stop());
    return Object.assign(player, { runId });
  }

  agent({ argv = [], pod = "agent-0", around = (kube) => kube, host = {} }: AgentSettings = {}): RunningAgent {
    const logger = new RecordingLogger();
    const controller = new AbortController();
    const environment = {
      KUBECONFIG: this.kube.kubeconfig,
      KFP_POD_NAME: pod,
      KFP_POD_UID: `uid-of-${pod}`,
      NAMESPACE: "kubeflow",
    };
    const flags = {
      "--ml_pipeline_server_address": this.server.host,
      "--ml_pipeline_server_port": String(this.server.port),
      "--status_address": "127.0.0.1:0",
    };
    const clock = systemClock;
    let port = 0;
    const ended = runAgent([...Object.entries(flags).flat(), ...argv], {
      environment,
      ...{ clock, stdout: { write: () => true }, stderr: { write: (text: string) => logger.error(text) } },
      randomUuid: randomUUID,
      signal: controller.signal,
      createLogger: () => logger,
      openKube: () => {
        const kube = createKubeObjects({ clock, random: Math.random }, { environment });
        const seen = around(kube);
        return { ...seen, close: () => kube.close() };
      },
      connect: async ({ connection }, log) => {
        const deps = { clock, logger: log, fileSystem: { readText: () => Promise.resolve(undefined) } };
        const api = await connectFromEnvironment(deps, connection, { KFP_TOKEN_PATH: "" });
        return {
          api,
          apiAs: (tokens) => api.as(tokens),
          openKube: (token) => createKubeRest({ clock }, { environment, ...(token === undefined ? {} : { token }) }),
          openStore: () => () => Promise.reject(new Error("not asked for")),
          close: () => api.close(),
        };
      },
      startStatus: async ({ host: address, port: wanted }, pages) => {
        const status = await startStatusServer({ host: address, port: wanted, pages });
        port = status.port;
        return status;
      },
      usage: () => ({ cpuSeconds: 1.5, residentBytes: 1000 }),
      limits: { lostAfterMs: 300 },
      // Longer than a busy machine keeps an agent from renewing its lease.
      leaseTimes: { durationMs: 60_000, renewWithinMs: 50_000, retryMs: 100 },
      ...host,
    });
    const stop = async (): Promise<number> => {
      controller.abort("SIGTERM");
      return await ended;
    };
    onTestFinished(async () => void (await stop()));
    return {
      logger,
      stop,
      async page(name) {
        const answer = await fetch(`http://127.0.0.1:${String(port)}${name}`);
        return { status: answer.status, text: await answer.text() };
      },
    };
  }

  async rows(runId: string): Promise<PipelineTask[]> {
    const rows: PipelineTask[] = [];
    for (let pageToken = ""; ;) {
      const page = await this.raw.listTasks({ runId, pageSize: 200, pageToken, orderBy: "create_time" });
      rows.push(...page.tasks);
      if (page.nextPageToken === "") return rows;
      pageToken = page.nextPageToken;
    }
  }

  /** Rows of the steps of the loop. */
  async steps(runId: string): Promise<PipelineTask[]> {
    return (await this.rows(runId)).filter(({ type }) => type === TaskType.RUNTIME);
  }
}
