/** Some recordings with the built driver as a process of its own, as a container starts it: flags, files, environment, exit code. */
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { startFakeCluster, type FakeCluster } from "./fake-cluster.ts";
import { describeDifference, RECORDINGS, replayFile } from "./replay-folder.ts";

/** Sub-pipelines, loops, values of the Kubernetes config, claims, a failure, the cache. */
const SAMPLE = [
  ...["artifact_cache", "driver-nested_k8s_pvc_outputs", "fail_v2", "nested_parallel_for_secret", "pipeline_with_volume"],
];

describe("the built driver does what the reference was recorded doing", () => {
  let cluster: FakeCluster;
  let driver = "";
  beforeAll(async () => {
    cluster = await startFakeCluster();
    driver = path.join((await builtPrograms()).bin, "driver");
  }, 120_000);
  afterAll(() => cluster.close());

  test.for(SAMPLE)("%s", { timeout: 60_000 }, async (name, { expect }) => {
    const differences = await replayFile(cluster, RECORDINGS, `${name}.json.gz`, { driver });
    const faults = differences.filter(({ deviations }) => deviations.length === 0).map(describeDifference);
    expect(faults).toEqual([]);
  });
});
