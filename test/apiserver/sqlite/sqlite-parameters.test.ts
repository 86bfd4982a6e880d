import { statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, onTestFinished, test } from "vitest";
import { create } from "@bufbuild/protobuf";
import { IoParameterSchema, IoType, TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import { mergeParameters } from "../../../src/apiserver/services/parameter-merge.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { pipelineOf } from "../../support/specs.ts";
import { startFakeApi } from "../../fakes/kfp-api.ts";

const RUNNING = { name: "t", scopePath: "root.t", state: TaskState.RUNNING };

const parameter = (parameterKey: string, type: IoType, value: number, iteration?: number) =>
  create(IoParameterSchema, {
    ...{ parameterKey, type, value: jsonToValue(value) },
    producer: { taskName: "p", ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) },
  });

/** Few keys, so that entries meet. */
const parameters = fc.array(
  fc
    .tuple(
      fc.constantFrom("a", "b"),
      fc.constantFrom(IoType.ITERATOR_INPUT, IoType.ITERATOR_OUTPUT, IoType.OUTPUT),
      fc.integer({ min: 0, max: 3 }),
      fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    )
    .map((members) => parameter(...members)),
  { maxLength: 5 },
);

describe("parameters of a task", () => {
  test.for([TaskType.LOOP, TaskType.RUNTIME])(
    "are merged as a list of their own would be, type %s",
    { timeout: 60_000 },
    async (type, { expect }) => {
      const { api, createRun } = await startFakeApi();
      const runId = await createRun(pipelineOf({}));
      let name = 0;
      await fc.assert(
        fc.asyncProperty(parameters, parameters, fc.array(parameters, { maxLength: 3 }), async (inputs, outputs, updates) => {
          const task = { ...RUNNING, type, name: `t${String(name++)}` };
          const sides = { inputs: { parameters: inputs }, outputs: { parameters: outputs } };
          const made = await api.createTask(runId, { ...task, ...sides });
          expect(made.inputs?.parameters).toEqual(inputs);
          expect(made.outputs?.parameters).toEqual(outputs);
          let expected = { inputs, outputs };
          for (const update of updates) {
            const side = { parameters: update };
            await api.updateTask(runId, made.taskId, { runId, taskId: made.taskId, inputs: side, outputs: side });
            // An empty list changes nothing, not even what is the same twice.
            const merged = (list: typeof update) => mergeParameters(list, update);
            expected = { inputs: merged(expected.inputs), outputs: merged(expected.outputs) };
          }
          const row = await api.getTask(runId, made.taskId);
          expect(row.inputs?.parameters).toEqual(expected.inputs);
          expect(row.outputs?.parameters).toEqual(expected.outputs);
        }),
        { numRuns: 60 },
      );
    },
  );

  test("cost as much to add to thousands of them as to none", async ({ expect }) => {
    const folder = await mkdtemp(join(tmpdir(), "kfp-parameters-"));
    onTestFinished(async () => {
      await rm(folder, { recursive: true, force: true });
    });
    const writtenFor = async (count: number): Promise<number> => {
      const database = join(folder, `${String(count)}.db`);
      const first = await startFakeApi({ database });
      const runId = await first.createRun(pipelineOf({}));
      const outputs = Array.from({ length: count }, (_, index) => parameter("made", IoType.ITERATOR_OUTPUT, index, index));
      const { taskId } = await first.api.createTask(runId, { ...RUNNING, type: TaskType.LOOP, outputs: { parameters: outputs } });
      await first.server.close();
      // What was written before is in the file itself by now, and the log of writes is empty.
      const { api, server } = await startFakeApi({ database });
      const before = statSync(`${database}-wal`).size;
      for (let index = 0; index < 10; index += 1) {
        const added = [parameter("made", IoType.ITERATOR_OUTPUT, index, count + index)];
        await api.updateTasks(runId, new Map([[taskId, { taskId, runId, outputs: { parameters: added } }]]));
      }
      const written = statSync(`${database}-wal`).size - before;
      expect((await api.getTask(runId, taskId)).outputs?.parameters).toHaveLength(count + 10);
      await server.close();
      return written;
    };
    expect(await writtenFor(3000)).toBeLessThan((await writtenFor(10)) * 1.5);
  });
});
