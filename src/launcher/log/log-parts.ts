/**
 * The log while the command still writes it: uploaded and registered again and again, so that a pod that is evicted leaves what it said.
 *
 * An upload carries the log as far as it has come, to where the whole log will be. It is best effort like the log itself, never holds the
 * command back, and rests four times as long as it took, so that a long log does not keep the network busy.
 *
 * Source: docs/spec/inputs-and-user-command.md#decision-log-parts.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { errorMessage } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { InputOutputsSchema } from "../../core/kfp-types.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import type { Attempt } from "../attempt.ts";
import type { LauncherDeps } from "../deps.ts";
import type { ContainerOptions } from "../options.ts";
import { artifactEntry, artifactRequest } from "../outputs/register-outputs.ts";
import type { LogPartSettings } from "../settings.ts";
import type { Stores } from "../stores.ts";
import { logArtifact, uploadLog, type ExecutorLog, type LogParts } from "./executor-logs.ts";

/** How often the size of the log is looked at. */
const LOOK_MS = 1000;
/** Rest after an upload, in times of its duration. */
const REST_FACTOR = 4;

type PartDeps = LauncherDeps & { readonly stores: Stores };

/** Begins to publish, where the settings ask for it; the caller stops it when the command has ended. */
export function startLogParts(
  deps: PartDeps,
  attempt: Attempt,
  options: ContainerOptions,
  log: ExecutorLog,
): (LogParts & { readonly stop: () => void }) | undefined {
  const { logParts } = deps.settings;
  if (logParts === undefined) return undefined;
  const stopped = new AbortController();
  const state = { isRegistered: false };
  const publish = async (): Promise<void> => {
    if (!(await uploadLog(deps, log)) || state.isRegistered) return;
    state.isRegistered = await register(deps, attempt, options, log);
  };
  return {
    stop: () => stopped.abort(new Error("the command has ended")),
    ended: publishUntil(deps, { log, logParts, publish, stopped: stopped.signal }),
    isRegistered: () => state.isRegistered,
  };
}

async function publishUntil(
  { clock, fileSystem }: Pick<LauncherDeps, "clock" | "fileSystem">,
  {
    log,
    logParts,
    publish,
    stopped,
  }: {
    readonly log: ExecutorLog;
    readonly logParts: LogPartSettings;
    readonly publish: () => Promise<void>;
    readonly stopped: AbortSignal;
  },
): Promise<void> {
  const last = { sizeBytes: 0, endedAtMs: clock.monotonicMs(), tookMs: 0 };
  while (!stopped.aborted) {
    await clock.sleep(LOOK_MS, stopped).catch(() => undefined);
    const found = await fileSystem.stat(log.path).catch(() => undefined);
    const sizeBytes = found?.kind === "file" ? found.sizeBytes : 0;
    const nowMs = clock.monotonicMs();
    if (stopped.aborted) return;
    if (!isPartDue(logParts, { ...last, grownBytes: sizeBytes - last.sizeBytes, sinceMs: nowMs - last.endedAtMs })) continue;
    await publish();
    last.sizeBytes = sizeBytes;
    last.endedAtMs = clock.monotonicMs();
    last.tookMs = last.endedAtMs - nowMs;
  }
}

/** Whether it is time for an upload: something new, and enough of it or long enough ago. */
export function isPartDue(
  { intervalMs = Infinity, growthBytes = Infinity }: LogPartSettings,
  { grownBytes, sinceMs, tookMs }: { readonly grownBytes: number; readonly sinceMs: number; readonly tookMs: number },
): boolean {
  return grownBytes > 0 && sinceMs >= tookMs * REST_FACTOR && (sinceMs >= intervalMs || grownBytes >= growthBytes);
}

/** The batch of the attempt then knows of the log, and does not store it again with the other outputs. */
async function register(deps: PartDeps, { batch, task }: Attempt, options: ContainerOptions, log: ExecutorLog): Promise<boolean> {
  try {
    const request = artifactRequest(deps, options, { key: EXECUTOR_LOGS_KEY, artifact: logArtifact(log) });
    const own = new BatchUpdater(deps, options.runId);
    own.noteTask(task);
    own.queueArtifact(request);
    const {
      artifacts: [artifact],
    } = await own.flush();
    if (artifact === undefined) return false;
    const { parameters = [], artifacts = [] } = task.outputs ?? {};
    const entry = artifactEntry(EXECUTOR_LOGS_KEY, artifact, options);
    batch.noteTask({ ...task, outputs: create(InputOutputsSchema, { parameters, artifacts: [...artifacts, entry] }) });
    return true;
  } catch (error) {
    deps.logger.warn("The log of the step is not registered yet", { uri: log.uri, reason: errorMessage(error) });
    return false;
  }
}
