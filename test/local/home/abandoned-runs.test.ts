import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import { describe, test } from "vitest";
import { startApiServer } from "../../../src/apiserver/server.ts";
import { PipelineTaskSchema, RunSchema, RuntimeState, TaskState } from "../../../src/core/kfp-types.ts";
import { ABANDONED_MESSAGE, finishAbandonedRuns } from "../../../src/local/home/abandoned-runs.ts";
import { pipelineOf } from "../../support/specs.ts";

/** A list in a list in a list. */
function nested(levels: number): Value {
  const values = levels === 0 ? [] : [nested(levels - 1)];
  return create(ValueSchema, { kind: { case: "listValue", value: create(ListValueSchema, { values }) } });
}

describe("finishAbandonedRuns()", () => {
  test("ends what nobody else will, and nothing that has ended", async ({ expect, onTestFinished }) => {
    const server = await startApiServer({ database: ":memory:" });
    onTestFinished(() => server.close());
    const create = (runId: string): void => {
      const pipelineSource = { case: "pipelineSpec" as const, value: pipelineOf({ root: { tasks: {} } }) };
      server.runs.createRun({ runId, displayName: runId, pipelineSource });
    };
    const stateOf = (runId: string): RuntimeState => server.runs.requireRun(runId).run.state;
    for (let index = 0; index < 60; index += 1) {
      create(`running-${index}`);
      server.runs.setRunState(`running-${index}`, index === 1 ? RuntimeState.CANCELING : RuntimeState.RUNNING);
    }
    create("queued");
    create("served");
    server.runs.setRunState("served", RuntimeState.RUNNING);
    create("done");
    server.runs.finishRun("done", RuntimeState.SUCCEEDED);

    finishAbandonedRuns(server, (runId) => runId === "served");
    for (let index = 0; index < 60; index += 1) expect(stateOf(`running-${index}`)).toBe(RuntimeState.FAILED);
    expect(stateOf("done")).toBe(RuntimeState.SUCCEEDED);
    expect(stateOf("queued")).toBe(RuntimeState.PENDING);
    expect(stateOf("served")).toBe(RuntimeState.RUNNING);
    expect(ABANDONED_MESSAGE).not.toBe("");
    expect(finishAbandonedRuns(server)).toEqual([]);
  });

  test("sets aside and names a run that cannot be read, and ends all the same", async ({ expect, onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "kfp-aside-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const database = join(folder, "state.db");
    const first = await startApiServer({ database });
    const pipelineSource = { case: "pipelineSpec" as const, value: pipelineOf({ root: { tasks: {} } }) };
    for (const runId of ["before", "broken", "behind"]) {
      first.runs.createRun({ runId, displayName: `name of ${runId}`, pipelineSource });
      first.runs.setRunState(runId, RuntimeState.RUNNING);
    }
    const insertTask = (taskId: string): void =>
      first.store.tasks.insert(
        create(PipelineTaskSchema, { taskId, runId: "broken", name: taskId, state: TaskState.RUNNING }),
        undefined,
      );
    insertTask("sound");
    insertTask("torn");
    await first.close();
    const db = new DatabaseSync(database);
    const deep = toBinary(RunSchema, create(RunSchema, { runId: "broken", runtimeConfig: { parameters: { x: nested(60) } } }));
    db.prepare("UPDATE runs SET body = ? WHERE run_id = 'broken'").run(deep);
    db.prepare("UPDATE tasks SET body = x'ff' WHERE task_id = 'torn'").run();
    db.close();

    const server = await startApiServer({ database });
    onTestFinished(() => server.close());
    const lines = finishAbandonedRuns(server);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^run broken \("name of broken", made .*Z\) cannot be read and was set aside in the home's database: .*recursion depth/,
    );
    for (const runId of ["before", "broken", "behind"]) expect(server.runs.requireRun(runId).run.state).toBe(RuntimeState.FAILED);
    expect(server.runs.requireRun("broken").run).toMatchObject({
      displayName: "name of broken",
      description: expect.stringContaining("set aside") as string,
    });
    const tasks = server.store.tasks.ofRun("broken").map(({ body }) => fromBinary(PipelineTaskSchema, body));
    expect(Object.fromEntries(tasks.map(({ name, state }) => [name, TaskState[state]]))).toEqual({
      sound: "FAILED",
      torn: "FAILED",
    });
    // Nothing is lost: what was there is there.
    const kept = new DatabaseSync(database, { readOnly: true });
    const rows = kept.prepare("SELECT kind, id, length(body) AS bytes FROM set_aside ORDER BY kind").all();
    kept.close();
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { kind: "run", id: "broken", bytes: deep.length },
      { kind: "task", id: "torn", bytes: 1 },
    ]);
    expect(finishAbandonedRuns(server)).toEqual([]);
    expect(server.store.checkIntegrity()).toEqual([]);
  });
});
