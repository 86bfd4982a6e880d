/** A launcher in a model (store-model.ts): everything it says to the API about a step that ends well; no command is run. @module */
import { ArtifactSchema, ArtifactType } from "../../src/core/kfp-types.ts";
import { jsonToValue, type JsonValue } from "../../src/core/values/value.ts";
import { beginAttempt } from "../../src/launcher/container/begin-attempt.ts";
import { finalizeAttempt } from "../../src/launcher/container/finalize.ts";
import type { LauncherDeps, LaunchResult } from "../../src/launcher/deps.ts";
import type { ContainerOptions } from "../../src/launcher/options.ts";
import { queueParameters, queuePropagation, storeArtifacts } from "../../src/launcher/outputs/register-outputs.ts";
import type { OutputArtifactPlan } from "../../src/core/executor/output-artifacts.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { create } from "@bufbuild/protobuf";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

export interface ModelLauncher {
  readonly pod: string;
  readonly runId: string;
  readonly parentTaskId: string;
  readonly taskName: string;
  readonly taskId: string;
  readonly iterationIndex?: number;
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  /** Keys of artifacts. */
  readonly artifacts?: readonly string[];
}

/** @returns How it ended; a failure of its calls is part of that. */
export async function runLauncher(
  api: KfpApi,
  { pod, parameters = {}, artifacts = [], ...place }: ModelLauncher,
): Promise<LaunchResult> {
  const deps = { api, clock: new FakeClock(), logger: new RecordingLogger() };
  const options: ContainerOptions = {
    ...{ ...place, pipelineName: "demo", namespace: "ns", pod: { name: pod, uid: `uid-${pod}` } },
    ...{ executorInput: "{}", command: [], publishLogs: false, caCertPath: "" },
  };
  // Nothing else of them is asked for without a command.
  const attempt = await beginAttempt(deps as unknown as LauncherDeps, options);
  const plans = artifacts.map((key): OutputArtifactPlan => {
    const artifact = create(ArtifactSchema, { name: key, type: ArtifactType.Dataset, uri: `s3://b/${place.taskId}/${key}` });
    return { key, artifact };
  });
  const stored = await storeArtifacts(deps, attempt, options, plans);
  const values = new Map(Object.entries(parameters).map(([key, value]) => [key, jsonToValue(value)]));
  await queuePropagation(deps, attempt, { parameters: queueParameters(attempt, options, values), artifacts: stored });
  return finalizeAttempt(deps, attempt, undefined);
}
