/** Iterations of loops inside loops that publish at the same time, in every order of their calls. */
import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { IoType, PipelineTaskSchema, TaskType, type IoParameter, type PipelineTask } from "../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { jsonToValue, valueToJson } from "../../src/core/values/value.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { ioParameter, parameterMergeKey } from "../../src/resolver/run/io-entries.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import { BatchUpdater } from "../../src/tasks/batch-updater.ts";
import { propagateOutputs } from "../../src/tasks/output-propagation.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { explore, type Take, type World } from "../support/interleavings.ts";
import { pipelineOf } from "../support/specs.ts";

const list = (task: string, key: string) => ({ list: { from: [[task, key]] as const, type: "LIST" } });
const { spec } = parsePipelineSpec(
  pipelineOf({
    root: { tasks: { outer: "comp-outer" }, parameters: list("outer", "list") },
    "comp-outer": { tasks: { middle: "comp-middle" }, parameters: list("middle", "list") },
    "comp-middle": { tasks: { inner: "comp-inner" }, parameters: list("inner", "list") },
    "comp-inner": { tasks: { cell: "comp-cell" }, parameters: list("cell", "out") },
  }),
);

/** `[middle iteration, inner iteration]`: the cells that publish; all below iteration 0 of the outer loop. */
type Cell = readonly [number, number];

interface PublishOptions {
  /** Leave after the first write, without a look at what others wrote meanwhile. */
  readonly leavesAtOnce?: boolean;
}

class OutputWorld implements World {
  readonly processes: World["processes"];
  readonly #cells: readonly Cell[];
  readonly #rows = new Map<string, PipelineTask>();
  readonly #outputs = new Map<string, Map<string, IoParameter>>();
  readonly #logger = new RecordingLogger();

  constructor(cells: readonly Cell[], { leavesAtOnce = false }: PublishOptions) {
    this.#cells = cells;
    const root = this.#add("root", undefined, undefined, TaskType.ROOT);
    const outer = this.#add("outer", root, undefined, TaskType.LOOP);
    const middle = this.#add("middle", outer, 0, TaskType.LOOP);
    for (const iteration of new Set(cells.map(([i]) => i))) this.#add("inner", middle, iteration, TaskType.LOOP);
    this.processes = cells.map((cell) => (take) => this.#publish(cell, take, leavesAtOnce));
  }

  state(): string {
    return JSON.stringify([...this.#outputs].map(([id, entries]) => [id, shown(entries)]));
  }

  check(): void {
    const lists = [...new Set(this.#cells.map(([i]) => i))]
      .toSorted((a, b) => a - b)
      .map((i) =>
        this.#cells
          .filter(([other]) => other === i)
          .map(([, j]) => `${i}${j}`)
          .toSorted(),
      );
    const wanted = JSON.stringify({ outer: [lists], middle: lists });
    const found = JSON.stringify({ outer: this.#listsOf("root/outer"), middle: this.#listsOf("root/outer/middle0") });
    if (found !== wanted) throw new Error(`Wrong in the end: ${found}, not ${wanted}`);
    if (this.#logger.lines.length > 0) throw new Error(this.#logger.lines.map(({ message }) => message).join("; "));
  }

  /** Values of the row's entries in iteration order. */
  #listsOf(id: string): unknown[] {
    return [...(this.#outputs.get(id)?.values() ?? [])]
      .toSorted((a, b) => Number((a.producer?.iteration ?? 0n) - (b.producer?.iteration ?? 0n)))
      .map(({ value }) => (value === undefined ? undefined : valueToJson(value)));
  }

  #add(name: string, parent: PipelineTask | undefined, iteration: number | undefined, type: TaskType): PipelineTask {
    const taskId = parent === undefined ? name : `${parent.taskId}/${name}${iteration ?? ""}`;
    const row = create(PipelineTaskSchema, {
      ...{ taskId, runId: "run", name, type },
      scopePath: parent === undefined ? "root" : `${parent.scopePath}.${name}`,
      ...(parent === undefined ? {} : { parentTaskId: parent.taskId }),
      typeAttributes: {
        ...(iteration === undefined ? {} : { iterationIndex: BigInt(iteration) }),
        ...(type === TaskType.LOOP ? { iterationCount: 2n } : {}),
      },
    });
    this.#rows.set(taskId, row);
    this.#outputs.set(taskId, new Map());
    return row;
  }

  async #publish([i, j]: Cell, take: Take, leavesAtOnce: boolean): Promise<void> {
    const inner = this.#rows.get(`root/outer/middle0/inner${i}`) as PipelineTask;
    const output = ioParameter("out", jsonToValue(`${i}${j}`), IoType.ITERATOR_OUTPUT, { taskName: "cell", iteration: j });
    const cell = create(PipelineTaskSchema, {
      ...{ taskId: `${inner.taskId}/cell${j}`, runId: "run", name: "cell", scopePath: `${inner.scopePath}.cell` },
      ...{ type: TaskType.RUNTIME, parentTaskId: inner.taskId, typeAttributes: { iterationIndex: BigInt(j) } },
      outputs: { parameters: [output] },
    });
    const api = this.#apiOf(take, leavesAtOnce);
    const deps = { api, clock: new FakeClock(), logger: this.#logger };
    const batch = new BatchUpdater(deps, "run");
    const tasks = new TaskIndex([...this.#rows.values()]);
    try {
      await propagateOutputs({ ...deps, batch }, cell, { runId: "run", spec, tasks });
    } catch (error) {
      if (error !== LEFT) throw error;
    }
  }

  #apiOf(take: Take, leavesAtOnce: boolean): KfpApi {
    let hasWritten = false;
    let startsRound = true;
    const api: Partial<KfpApi> = {
      getTask: async (_runId, id) => {
        if (hasWritten && leavesAtOnce) throw LEFT;
        const knows = startsRound ? { knows: `has written: ${hasWritten}` } : {};
        startsRound = false;
        const act = (): IoParameter[] => [...(this.#outputs.get(id)?.values() ?? [])];
        const entries = await take({ name: `read ${id}`, act, ...knows, isTogether: true });
        return {
          ...(this.#rows.get(id) as PipelineTask),
          outputs: { parameters: entries, artifacts: [] },
        } as unknown as PipelineTask;
      },
      updateTasks: async (_runId, tasks) => {
        const writes = [...tasks]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([id, { outputs }]) => {
            const entries = (outputs?.parameters ?? []) as IoParameter[];
            return { id, entries, text: `write ${id} ${entries.map((entry) => JSON.stringify(shownEntry(entry))).join(" ")}` };
          });
        for (const [index, { id, entries, text }] of writes.entries()) {
          await take({
            name: text,
            knows: writes
              .slice(index)
              .map((write) => write.text)
              .join("; "),
            act: () => {
              for (const entry of entries) this.#outputs.get(id)?.set(parameterMergeKey(entry), entry);
            },
          });
        }
        startsRound = true;
        hasWritten = true;
        return new Map();
      },
    };
    return api as KfpApi;
  }
}

const LEFT = new Error("left after the first write");

function shownEntry({ parameterKey, producer, value }: IoParameter): unknown {
  return [parameterKey, String(producer?.iteration), value === undefined ? null : valueToJson(value)];
}

function shown(entries: ReadonlyMap<string, IoParameter>): string[] {
  return [...entries.values()].map((entry) => JSON.stringify(shownEntry(entry))).toSorted();
}

async function badEnd(cells: readonly Cell[], options: PublishOptions = {}): Promise<string> {
  const { failure } = await explore(() => new OutputWorld(cells, options));

  return failure === undefined ? "" : [failure.error.message, ...failure.trace].join("\n");
}

describe("every order of calls ends with whole lists", () => {
  test.for<{ name: string; cells: Cell[] }>([
    {
      name: "two iterations of one inner loop",
      cells: [
        [0, 0],
        [0, 1],
      ],
    },
    {
      name: "one iteration of each of two inner loops",
      cells: [
        [0, 0],
        [1, 0],
      ],
    },
  ])("$name", async ({ cells }, { expect }) => {
    expect(await badEnd(cells)).toBe("");
  });

  test("and would not, if nobody looked again", async ({ expect }) => {
    expect(
      await badEnd(
        [
          [0, 0],
          [0, 1],
        ],
        { leavesAtOnce: true },
      ),
    ).toContain("Wrong in the end");
  });
});
