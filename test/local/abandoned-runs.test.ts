import { describe, test } from "vitest";
import { startApiServer } from "../../src/apiserver/server.ts";
import { RuntimeState } from "../../src/core/kfp-types.ts";
import { ABANDONED_MESSAGE, finishAbandonedRuns } from "../../src/local/abandoned-runs.ts";
import { pipelineOf } from "../support/specs.ts";

describe("finishAbandonedRuns()", () => {
  test("ends what nobody else will, and nothing that has ended", async ({ expect, onTestFinished }) => {
    const server = await startApiServer({ database: ":memory:" });
    onTestFinished(() => server.close());
    const create = (runId: string): void => {
      const pipelineSource = { case: "pipelineSpec" as const, value: pipelineOf({ root: { tasks: {} } }) };
      server.runs.createRun({ runId, displayName: runId, pipelineSource });
    };
    const stateOf = (runId: string): RuntimeState => server.runs.requireRun(runId).run.state;
    for (let index = 0; index < 60; index += 1) create(`running-${index}`);
    server.runs.setRunState("running-1", RuntimeState.RUNNING);
    create("done");
    server.runs.finishRun("done", RuntimeState.SUCCEEDED);

    finishAbandonedRuns(server);
    for (let index = 0; index < 60; index += 1) expect(stateOf(`running-${index}`)).toBe(RuntimeState.FAILED);
    expect(stateOf("done")).toBe(RuntimeState.SUCCEEDED);
    expect(ABANDONED_MESSAGE).not.toBe("");
    finishAbandonedRuns(server);
  });
});
