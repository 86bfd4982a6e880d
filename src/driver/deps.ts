/** What a driver needs from the outside. @module */
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { KubeApi, VolumeClaimApi } from "../ports/kube-api.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import type { DriverResult } from "./result.ts";

/** What the environment of the driver says, as values. */
export interface DriverSettings {
  /** `KFP_OUTPUTS_DIR`: where the files of output parameters go in a local run. */
  readonly outputsDir?: string | undefined;
  /** `KFP_LAUNCHER_CONFIG_DIR`: where the launcher configuration is, if not at its usual mount. */
  readonly launcherConfigFolder?: string | undefined;
  /** `ARTIFACT_LOCAL_PATH`. */
  readonly artifactLocalPath?: string | undefined;
  /** False with `KFP_FINGERPRINT_ENV=off`: the container's environment stays out of the fingerprint. */
  readonly fingerprintsEnvironment: boolean;
  /** `KFP_FINGERPRINT_SALT`: only tasks driven with the same text share cache entries. */
  readonly fingerprintSalt?: string | undefined;
  /** Bytes that one argument of the step's pod may have; absent where no pod is made of the patch. */
  readonly argumentLimitBytes?: number | undefined;
  /** `KFP_CACHE_CHECK_ARTIFACTS=on`: a cache hit counts only while its artifacts exist. */
  readonly checksCachedArtifacts?: boolean | undefined;
  /** How many tasks the run has, where the caller knows it (tasks/read-run.ts). */
  readonly taskCountHint?: number | undefined;
}

/** What a driver does in the cluster. */
export type DriverKube = Pick<KubeApi, "getConfigMap"> & VolumeClaimApi;

/** Everything a driver reaches for, handed in so that many drivers can work in one process. */
export interface DriverDeps {
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly files: FileSystem;
  /** Called only when the launcher's ConfigMap has to be read from the cluster, or a claim is to be created or deleted. */
  readonly kube: () => Promise<DriverKube>;
  readonly randomUuid: () => string;
  /** Called only when the artifacts of a cache hit are to be looked for. */
  readonly openStore?: ((request: RunStoreRequest) => Promise<ObjectStore>) | undefined;
  readonly settings: DriverSettings;
  /** Hands the result to whoever waits for it. Its failure is the task's: without the result nothing would follow. */
  readonly deliver?: ((result: DriverResult) => Promise<void>) | undefined;
  /** Aborted to stop: the reason is the name of a signal, as `SIGTERM`, or an Error that says why. */
  readonly signal?: AbortSignal | undefined;
}
