/**
 * A run whose leaves end in every order: the rows, the API in front of them, and the processes that write leaves and roll up.
 *
 * Roll-ups are the real `propagateStatus`; each of its calls is a step of the exploration (interleavings.ts), and so is each write to a
 * leaf. A bulk write is one step per row, since servers need not apply it at once.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  PipelineTaskSchema,
  TaskState,
  TaskType,
  type PipelineSpec,
  type PipelineTask,
  type Run,
} from "../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import { propagateStatus } from "../../src/tasks/status-propagation.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import type { Take, World } from "./interleavings.ts";
import { pipelineOf, type DagOutline } from "./specs.ts";

const { CACHED, FAILED, RUNNING, SKIPPED, SUCCEEDED } = TaskState;

/**
 * What happens to a leaf. The row of the first five runs at the start: a launcher ends well or badly; a step fails and its second
 * attempt takes the row over, after the first has left or while it still rolls up; a launcher finds after its roll-up that it failed.
 * The others have no row yet: a driver creates it, ended or running.
 */
export type Leaf = "succeeds" | "fails" | "retried" | "retried early" | "fails late" | "cached" | "skipped" | "created";

/** A list is a DAG with a task for each member; `loop` is a loop with one task and an iteration for each member. */
export type Tree = Leaf | readonly Tree[] | { readonly loop: readonly Leaf[] };

export interface ModelOptions {
  /** How large runs are read: level by level, by counting. */
  readonly isLargeRun: boolean;
  /** Rows of a bulk write become visible together. Default: one by one. */
  readonly hasAtomicWrites?: boolean;
  /** The counts of a level are of as many moments, and the level may change between them. Default: of one moment. */
  readonly hasTornCounts?: boolean;
  /** Leave after the first write, as the roll-up did before it read again. */
  readonly stopsAfterWrite?: boolean;
  /** Gets the reads of each roll-up at its end. */
  readonly onRollUp?: (reads: number) => void;
}

interface Node {
  readonly id: string;
  readonly parent: Node | undefined;
  readonly children: Node[];
  readonly leaf: Leaf | undefined;
  readonly row: Omit<PipelineTask, "state">;
}

/** Every leaf's last state; what its ancestors must have in the end follows from these alone. */
const LAST_STATES: Record<Leaf, TaskState> = {
  succeeds: SUCCEEDED,
  fails: FAILED,
  retried: SUCCEEDED,
  "retried early": SUCCEEDED,
  "fails late": FAILED,
  cached: CACHED,
  skipped: SKIPPED,
  created: SUCCEEDED,
};

const START_STATES: Partial<Record<Leaf, undefined>> = { cached: undefined, skipped: undefined, created: undefined };

export function statusWorld(tree: Exclude<Tree, Leaf>): (options: ModelOptions) => () => World {
  const dags: Record<string, DagOutline> = {};
  const nodes: Node[] = [];
  buildNode(tree, { name: "root", parent: undefined, iteration: undefined }, { dags, nodes });
  const { spec } = parsePipelineSpec(pipelineOf(dags));
  return (options) => () => new StatusWorld(nodes, spec, options);
}

interface Place {
  readonly name: string;
  readonly parent: Node | undefined;
  readonly iteration: number | undefined;
}

function buildNode(
  tree: Tree,
  { name, parent, iteration }: Place,
  into: { dags: Record<string, DagOutline>; nodes: Node[] },
): void {
  const id = parent === undefined ? "r" : `${parent.id}${parent.children.length}`;
  const isLoop = typeof tree === "object" && "loop" in tree;
  const members = typeof tree === "string" ? [] : isLoop ? tree.loop : tree;
  const row = create(PipelineTaskSchema, {
    taskId: id,
    runId: "run",
    name: parent === undefined ? "ROOT" : name,
    scopePath: parent === undefined ? "root" : `${parent.row.scopePath}.${name}`,
    type: typeof tree === "string" ? TaskType.RUNTIME : isLoop ? TaskType.LOOP : TaskType.DAG,
    ...(parent === undefined ? {} : { parentTaskId: parent.id }),
    typeAttributes: {
      ...(iteration === undefined ? {} : { iterationIndex: BigInt(iteration) }),
      ...(isLoop ? { iterationCount: BigInt(members.length) } : {}),
    },
  });
  const node: Node = { id, parent, children: [], leaf: typeof tree === "string" ? tree : undefined, row };
  into.nodes.push(node);
  parent?.children.push(node);
  if (typeof tree === "string") return;
  const component = parent === undefined ? "root" : `comp-${id}`;
  const keys = isLoop ? ["p"] : members.map((_, index) => `t${index}`);
  into.dags[component] = { tasks: Object.fromEntries(keys.map((key, index) => [key, `comp-${id}${index}`])) };
  for (const [index, member] of members.entries()) {
    buildNode(member, { name: isLoop ? "p" : `t${index}`, parent: node, iteration: isLoop ? index : undefined }, into);
  }
}

/** One process: which leaf it writes, how often still, and whether it has left. */
interface Actor {
  readonly leaf: Node;
  writesLeft: number;
  hasLeft: boolean;
}

class StatusWorld implements World {
  readonly processes: World["processes"];
  readonly #nodes: readonly Node[];
  readonly #spec: PipelineSpec;
  readonly #options: ModelOptions;
  readonly #states = new Map<string, TaskState>();
  readonly #ended = new Set<string>();
  readonly #actors: Actor[] = [];
  readonly #logger = new RecordingLogger();

  constructor(nodes: readonly Node[], spec: PipelineSpec, options: ModelOptions) {
    this.#nodes = nodes;
    this.#spec = spec;
    this.#options = options;
    for (const { id, leaf } of nodes) if (leaf === undefined || !(leaf in START_STATES)) this.#states.set(id, RUNNING);
    this.processes = nodes.flatMap((node) => (node.leaf === undefined ? [] : this.#processesOf(node, node.leaf)));
  }

  state(): string {
    return [...this.#states]
      .map(([id, state]) => `${id}=${state}${this.#ended.has(id) ? "." : ""}`)
      .toSorted()
      .join(" ");
  }

  check(): void {
    const wrong = this.#nodes.filter((node) => this.#states.get(node.id) !== lastStateOf(node));
    if (wrong.length > 0) {
      const found = wrong.map((node) => `${node.id} is ${name(this.#states.get(node.id))}, not ${name(lastStateOf(node))}`);
      throw new Error(`Wrong in the end: ${found.join("; ")}`);
    }
    const open = this.#nodes.filter(({ id, leaf }) => leaf === undefined && !this.#ended.has(id));
    if (open.length > 0) throw new Error(`Without end time: ${open.map(({ id }) => id).join(", ")}`);
    if (this.#logger.lines.length > 0) throw new Error(this.#logger.lines.map(({ message }) => message).join("; "));
  }

  /** The writes of a leaf's life, with a roll-up after each that ends it. */
  #processesOf(leaf: Node, kind: Leaf): ((take: Take) => Promise<void>)[] {
    const process = (states: readonly TaskState[], ready?: Promise<void>): ((take: Take) => Promise<void>) => {
      const actor: Actor = { leaf, writesLeft: states.length, hasLeft: false };
      this.#actors.push(actor);
      return async (take) => {
        await ready;
        for (const state of states) {
          await take({
            name: `${leaf.id} := ${name(state)}`,
            knows: `leaf ${actor.writesLeft}`,
            isShared: () => this.#isReadByOthers(actor, leaf),
            act: () => {
              this.#states.set(leaf.id, state);
              actor.writesLeft -= 1;
              failed?.resolve();
            },
          });
          if (state !== RUNNING) await this.#rollUp(actor, state, take);
        }
        actor.hasLeft = true;
      };
    };
    const failed = kind === "retried early" ? Promise.withResolvers<void>() : undefined;
    if (kind === "retried early") return [process([FAILED]), process([RUNNING, SUCCEEDED], failed?.promise)];
    if (kind === "retried") return [process([FAILED, RUNNING, SUCCEEDED])];
    if (kind === "fails late") return [process([SUCCEEDED, FAILED])];
    if (kind === "created") return [process([RUNNING, SUCCEEDED])];
    return [process([LAST_STATES[kind]])];
  }

  async #rollUp(actor: Actor, state: TaskState, take: Take): Promise<void> {
    let reads = 0;
    const api = this.#apiOf(actor, take, () => (reads += 1));
    const clock = { now: () => new Date(1000) };
    const task = { ...actor.leaf.row, state };
    // As in every driver and launcher: the parent's row as it was at the start.
    const parents = this.#nodes.filter(({ leaf }) => leaf === undefined).map(({ row }) => ({ ...row, state: RUNNING }));
    const tasks = new TaskIndex(parents, { completeParents: [] });
    const options = { runId: "run", spec: this.#spec, isLargeRun: this.#options.isLargeRun, tasks };
    try {
      await propagateStatus({ api, clock, logger: this.#logger }, task, options);
    } catch (error) {
      if (error !== LEFT) throw error;
    }
    this.#options.onRollUp?.(reads);
  }

  #apiOf(actor: Actor, take: Take, onRead: () => void): KfpApi {
    const { stopsAfterWrite = false, hasAtomicWrites = false, hasTornCounts = false } = this.#options;
    let hasWritten = false;
    let startsRound = true;
    const read = <Result>(what: string, isShared: () => boolean, act: () => Result): Promise<Result> => {
      if (hasWritten && stopsAfterWrite) throw LEFT;
      const knows = startsRound ? { knows: `rolls up, ${actor.writesLeft} ${hasWritten}` } : {};
      startsRound = false;
      return take({ name: what, isShared, act, ...knows, isTogether: !hasTornCounts });
    };
    const api: Partial<KfpApi> = {
      getRun: async () => {
        onRead();
        const states = await read(
          "read all",
          () => this.#othersOf(actor).length > 0,
          () => [...this.#states],
        );
        return { tasks: states.map(([id, state]) => this.#row(id, state)) } as Run;
      },
      getTask: async (_runId, id) => {
        const node = this.#node(id);
        const state = await read(
          `read ${id}`,
          () => this.#isWrittenByOthers(actor, node),
          () => this.#states.get(id),
        );
        return this.#row(id, state as TaskState);
      },
      listTasks: async (_runId, { parentId = "", states: wanted } = {}) => {
        const parent = this.#node(parentId);
        const isShared = () => parent.children.some((child) => this.#isWrittenByOthers(actor, child));
        const found = await read(`count ${parentId} ${wanted?.join(",") ?? "all"}`, isShared, () =>
          parent.children.flatMap(({ id }) => {
            const state = this.#states.get(id);
            return state === undefined || wanted?.includes(state) === false ? [] : [[id, state] as const];
          }),
        );
        const highest = found.toSorted(([, a], [, b]) => b - a).slice(0, 1);
        return { tasks: highest.map(([id, state]) => this.#row(id, state)), nextPageToken: "", totalSize: found.length };
      },
      updateTasks: async (_runId, tasks) => {
        const updates = [...tasks].toSorted(([a], [b]) => (a < b ? -1 : 1));
        const groups = hasAtomicWrites ? [updates] : updates.map((update) => [update]);
        const textOf = (group: typeof updates): string => group.map(([id, { state }]) => `${id} := ${name(state)}`).join(", ");
        for (const [index, group] of groups.entries()) {
          await take({
            name: textOf(group),
            knows: `writes, ${actor.writesLeft} ${groups.slice(index).map(textOf).join("; ")}`,
            isShared: () => group.some(([id]) => this.#isReadByOthers(actor, this.#node(id))),
            act: () => {
              for (const [id, update] of group) {
                this.#states.set(id, update.state ?? TaskState.RUNTIME_STATE_UNSPECIFIED);
                if (update.endTime !== undefined) this.#ended.add(id);
              }
            },
          });
        }
        hasWritten = true;
        startsRound = true;
        return new Map();
      },
    };
    return api as KfpApi;
  }

  #othersOf(actor: Actor): Actor[] {
    return this.#actors.filter((other) => other !== actor && !other.hasLeft);
  }

  #isWrittenByOthers(actor: Actor, node: Node): boolean {
    return this.#othersOf(actor).some(({ leaf, writesLeft }) => (leaf === node ? writesLeft > 0 : isBelow(leaf, node)));
  }

  /** Or written. */
  #isReadByOthers(actor: Actor, node: Node): boolean {
    const readers = this.#othersOf(actor);
    if (!this.#options.isLargeRun) return readers.length > 0;
    return readers.some(({ leaf }) => isBelow(leaf, node) || (node.parent !== undefined && isBelow(leaf, node.parent)));
  }

  #node(id: string): Node {
    return this.#nodes.find((node) => node.id === id) as Node;
  }

  #row(id: string, state: TaskState): PipelineTask {
    return { ...this.#node(id).row, state, ...(this.#ended.has(id) ? { endTime: timestampFromMs(1000) } : {}) };
  }
}

const LEFT = new Error("left after the first write");

/** By the rules of roll-up, from the leaves' last states only. */
function lastStateOf({ leaf, children }: Node): TaskState {
  if (leaf !== undefined) return LAST_STATES[leaf];
  const states = children.map(lastStateOf);
  if (states.includes(FAILED)) return FAILED;
  return [CACHED, SKIPPED].find((state) => states.every((other) => other === state)) ?? SUCCEEDED;
}

function isBelow(node: Node, ancestor: Node): boolean {
  for (let at = node.parent; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}

function name(state: TaskState | undefined): string {
  return state === undefined ? "absent" : TaskState[state];
}
