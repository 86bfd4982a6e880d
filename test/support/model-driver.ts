/** Drivers in a model (store-model.ts): the real ones, each in a pod of its own, on the API of the exploration. @module */
import type { DriverDeps } from "../../src/driver/deps.ts";
import { drive } from "../../src/driver/drive.ts";
import type { ContainerOptions, DagOptions, DriverOptions } from "../../src/driver/options.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

/** What tells one execution of a driver from another. */
export interface ModelDriver {
  readonly pod: string;
  readonly runId: string;
  readonly parentTaskId: string;
  readonly taskName: string;
  readonly iterationIndex?: number;
  /** Default: one of its own. */
  readonly runDisplayName?: string;
  readonly deps?: Partial<DriverDeps>;
}

const never = (): never => {
  throw new Error("not asked for");
};

function depsOf(api: KfpApi, changes: Partial<DriverDeps>): DriverDeps {
  return {
    api,
    clock: new FakeClock(),
    logger: new RecordingLogger(),
    // No call of it may leave the turn: an exploration takes a process that does not wait at a step for one that has ended.
    files: { ...nodeFileSystem, stat: () => Promise.resolve(undefined) },
    kube: () =>
      Promise.resolve({
        getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
        createVolumeClaim: never,
        findVolumeClaim: never,
        deleteVolumeClaim: never,
      }),
    randomUuid: () => "salt",
    settings: { fingerprintsEnvironment: true },
    ...changes,
  };
}

const COMMON = { pipelineName: "demo", runName: "wf", namespace: "ns", conditionPath: "/unused" };

/** @throws What the driver throws. */
export function driveStep(api: KfpApi, { pod, deps = {}, ...place }: ModelDriver): Promise<DriverResult> {
  const options: ContainerOptions = {
    ...{ type: "CONTAINER", ...COMMON, runDisplayName: `as ${pod} sees it`, ...place, pod: { name: pod, uid: `uid-${pod}` } },
    ...{ kubernetesConfig: "", cachedDecisionPath: "/unused", podSpecPatchPath: "/unused", cacheDisabled: false },
    ...{ publishLogs: "true", logLevel: "1", proxy: { httpProxy: "", httpsProxy: "", noProxy: "" }, defaults: {} },
    apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
  };
  return drive(depsOf(api, deps), options satisfies DriverOptions);
}

/** @throws What the driver throws. */
export function driveDag(api: KfpApi, { pod, deps = {}, ...place }: ModelDriver): Promise<DriverResult> {
  const options: DagOptions = {
    ...{ type: "DAG", ...COMMON, runDisplayName: `as ${pod} sees it`, ...place, pod: { name: pod, uid: `uid-${pod}` } },
    ...{ parentTaskIdPath: "/unused", iterationCountPath: "/unused" },
  };
  return drive(depsOf(api, deps), options satisfies DriverOptions);
}
