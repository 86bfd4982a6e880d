/** Our driver and launcher do what the reference was recorded doing, apart from the deviations that are listed. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { startFakeCluster, type FakeCluster } from "./fake-cluster.ts";
import { listRecordings } from "./recording.ts";
import { describeDifference, RECORDINGS, replayFile } from "./replay-folder.ts";

describe("the recordings of the reference", () => {
  let cluster: FakeCluster;
  beforeAll(async () => {
    cluster = await startFakeCluster();
  });
  afterAll(() => cluster.close());

  test.for(listRecordings(RECORDINGS))("%s", async (name, { expect }) => {
    const differences = await replayFile(cluster, RECORDINGS, name);
    const faults = differences.filter(({ deviations }) => deviations.length === 0).map(describeDifference);
    expect(faults).toEqual([]);
  });
});
