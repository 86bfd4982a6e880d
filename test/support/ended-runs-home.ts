/**
 * A home with runs that have ended some days ago, each with an artifact, for tests of what looks after homes.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { startApiServer } from "../../src/apiserver/server.ts";
import { ArtifactType, RuntimeState, TaskState } from "../../src/core/kfp-types.ts";
import { prepareHome } from "../../src/local/home/home.ts";
import { connectRawClient } from "../fakes/api-server.ts";

export const DAY_MS = 86_400_000;
export const NOW = new Date(1_700_000_000_000);
export const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };

/** Removed when the running test ends. */
export async function setUpEndedRuns() {
  const folder = await mkdtemp(join(tmpdir(), "kfp-home-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const home = await prepareHome(join(folder, "home"));
  let now = NOW;
  const server = await startApiServer({ database: home.database, now: () => now });
  onTestFinished(async () => await server.close());
  const api = connectRawClient(server.address);
  const path = (runId: string, name: string) => join(home.artifacts, "p", runId, "step", "1", name);
  const write = async (uri: string) => {
    await mkdir(dirname(uri), { recursive: true });
    await writeFile(uri, "x".repeat(1000));
  };
  /** A run that ended so many days ago, with one artifact and one file that is none, and what else it has registered. */
  const addRun = async (runId: string, daysAgo: number | undefined, others: readonly string[] = []) => {
    now = new Date(NOW.getTime() - (daysAgo ?? 0) * DAY_MS);
    await api.createRun({ run: { runId, displayName: runId, pipelineSource: { case: "pipelineSpec", value: SPEC } } });
    const { taskId } = await api.createTask({ runId, task: { name: "step", state: TaskState.SUCCEEDED } });
    const uri = path(runId, "model");
    await write(uri);
    await write(path(runId, "output_metadata.json"));
    await write(join(home.runs, runId, "log"));
    const artifact = await api.createArtifact({
      ...{ runId, taskId, producerKey: "model" },
      artifact: { name: "model", type: ArtifactType.Model, uri },
    });
    for (const other of others) {
      const of = { runId, taskId, producerKey: other };
      await api.createArtifact({ ...of, artifact: { name: "other", type: ArtifactType.Dataset, uri: other } });
    }
    if (daysAgo !== undefined) server.runs.finishRun(runId, RuntimeState.SUCCEEDED);
    now = NOW;
    return { taskId, artifactId: artifact.artifactId, uri };
  };
  return { folder, home, server, api, addRun, path, write };
}
