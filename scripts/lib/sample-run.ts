/**
 * A run of one small step on an embedded server, for whoever starts the programs as a workflow would: the build, which warms up their
 * code caches, and the benches.
 *
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { startApiServer } from "../../src/apiserver/server.ts";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import { RunSchema } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

/** One program to start: arguments without program name, and the variables a pod would have. */
export interface ProgramStart {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** One run: its programs, to be started in this order. */
export interface SampleRun {
  readonly rootDriver: ProgramStart;
  /** Known once the root driver has ended. @param kubernetesConfig Of the step, as JSON; default none. */
  readonly containerDriver: (kubernetesConfig?: string) => Promise<ProgramStart>;
  /** Known once the container driver has ended; the user's command is `true`. */
  readonly launcher: () => Promise<ProgramStart>;
}

export interface SampleServer {
  readonly newRun: () => Promise<SampleRun>;
  /** Calls back whenever a call has arrived, with the RPC's name. */
  onCall: (method: string) => void;
  readonly close: () => Promise<void>;
}

/** A Kubernetes config of ten members, four of them dynamic: what a step with many settings has. */
export const SAMPLE_KUBERNETES_CONFIG = JSON.stringify({
  secretAsEnv: [{ secretNameParameter: { runtimeValue: { constant: "s" } }, keyToEnv: [{ secretKey: "k", envVar: "E" }] }],
  configMapAsVolume: [{ configMapNameParameter: { componentInputParameter: "message" }, mountPath: "/config" }],
  pvcMount: [{ mountPath: "/data", pvcNameParameter: { runtimeValue: { constant: "claim" } } }],
  genericEphemeralVolume: [{ volumeName: "e", mountPath: "/e", accessModes: ["ReadWriteOnce"], size: "5Gi" }],
  nodeSelector: { labels: { disk: "ssd" } },
  tolerations: [{ tolerationJson: { runtimeValue: { constant: { key: "gpu", operator: "Exists" } } } }],
  nodeAffinity: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a", "b"] }] }],
  imagePullSecret: [{ secretName: "p" }],
  fieldPathAsEnv: [{ name: "NODE", fieldPath: "spec.nodeName" }],
  securityContext: { runAsUser: "1000" },
});

/**
 * Starts a server in memory.
 *
 * @param options.runLayout As other programs than ours read runs; default: as ours do.
 */
export async function startSampleServer(options: { readonly runLayout?: "merged" | "branch" } = {}): Promise<SampleServer> {
  const around = (method: string, work: () => unknown): unknown => {
    sample.onCall(method);
    return work();
  };
  const server = await startApiServer({ database: ":memory:", interceptor: { around }, ...options });
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-sample-"));
  const sample: SampleServer = {
    onCall: () => undefined,
    async newRun() {
      const { runId } = server.runs.createRun(sampleRun(folder)).run;
      return programsOf(await mkdtemp(path.join(folder, "run-")), runId, server);
    },
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return sample;
}

function programsOf(folder: string, runId: string, server: { host: string; port: number }): SampleRun {
  const environment = { KFP_POD_NAME: "sample-pod", KFP_POD_UID: "sample-uid", KFP_OUTPUTS_DIR: path.join(folder, "outputs") };
  const address = { address: server.host, port: String(server.port) };
  const common = {
    pipelineName: "sample",
    runId,
    runName: "sample",
    runDisplayName: "sample",
    namespace: "default",
    conditionPath: path.join(folder, "condition"),
    pod: { name: environment.KFP_POD_NAME, uid: environment.KFP_POD_UID },
  };
  const start = (options: DriverOptions): ProgramStart => ({ argv: driverArguments(options, address), environment });
  const rootTaskPath = path.join(folder, "root-task-id");
  const podSpecPatchPath = path.join(folder, "pod-spec-patch");
  return {
    rootDriver: start({
      ...common,
      type: "ROOT_DAG",
      // Another value in every run: nothing is found in the cache.
      runtimeConfig: JSON.stringify({ parameterValues: { message: runId } }),
      parentTaskIdPath: rootTaskPath,
      iterationCountPath: path.join(folder, "iteration-count"),
    }),
    containerDriver: async (kubernetesConfig = "") =>
      start({
        ...common,
        type: "CONTAINER",
        taskName: "say",
        parentTaskId: await readFile(rootTaskPath, "utf8"),
        kubernetesConfig,
        cachedDecisionPath: path.join(folder, "cached-decision"),
        podSpecPatchPath,
        cacheDisabled: false,
        publishLogs: "false",
        logLevel: "1",
        apiServer: { ...address, tlsEnabled: false, caCertPath: "" },
        proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
        defaults: {},
      }),
    launcher: async () => {
      const patch = JSON.parse(await readFile(podSpecPatchPath, "utf8")) as PodSpecPatch;
      const main = patch.containers.find(({ name }) => name === "main");
      if (main === undefined) throw new Error("the pod spec patch has no container main");
      const variables = Object.fromEntries(main.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
      const expand = (text: string) =>
        text.replace(/^\$\(KFP_POD_(NAME|UID)\)$/, (_, what) => `sample-${String(what).toLowerCase()}`);
      // The first word is the path of the launcher in a pod.
      const argv = [...main.command, ...(main.args ?? [])].slice(1).map(expand);
      return { argv, environment: { ...variables, ...environment } };
    },
  };
}

interface PodSpecPatch {
  readonly containers: readonly {
    readonly name: string;
    readonly command: readonly string[];
    readonly args?: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
  }[];
}

/** One step with an input parameter that comes from the pipeline's. */
function sampleRun(folder: string) {
  const parameters = { message: { parameterType: "STRING" } };
  const pipelineSpec: JsonObject = {
    pipelineInfo: { name: "sample" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    defaultPipelineRoot: path.join(folder, "root"),
    root: {
      inputDefinitions: { parameters },
      dag: {
        tasks: {
          say: {
            componentRef: { name: "comp-say" },
            taskInfo: { name: "say" },
            cachingOptions: { enableCache: true },
            inputs: { parameters: { message: { componentInputParameter: "message" } } },
          },
        },
      },
    },
    components: { "comp-say": { executorLabel: "exec-say", inputDefinitions: { parameters } } },
    deploymentSpec: {
      executors: {
        "exec-say": { container: { image: "sample", command: ["true"], args: ["{{$.inputs.parameters['message']}}"] } },
      },
    },
  };
  return create(RunSchema, { displayName: "sample", pipelineSource: { case: "pipelineSpec", value: pipelineSpec } });
}
