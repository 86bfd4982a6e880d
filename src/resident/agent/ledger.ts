/**
 * What is to be done for which node: the agent's whole memory, without input or output.
 *
 * The task sets are the truth, this is what was made of them. A node waits, is driven by one drive at a time, and has a result until the
 * controller takes the node out of its task set. One that is offered again later is new work: its result got lost on the way into the
 * Workflow, and nothing has used it. A result that is seen in the task set and then is not, while the node is still asked for, is
 * delivered again.
 *
 * Fair: namespaces take turns, and so do the workflows of a namespace.
 *
 * Source: docs/spec/resident-driver.md#result-lost-between-taskset-and-workflow-both-ways-stock-bug-derived, #poisoned-taskset-derived,
 * #duplicates, #sketch-of-way-c.
 *
 * @module
 */
import type { JsonValue } from "../../core/values/value.ts";
import { HandOver } from "../../driver/interruption.ts";
import type { ObjectName } from "../../ports/kube-objects.ts";
import { nodeResultJson, type NodeResult } from "./node-result.ts";
import type { TaskSet } from "./task-set.ts";

/** One drive under way. */
export interface Drive {
  /** Namespace, workflow and node: two of the same never run at the same time. */
  readonly key: string;
  readonly nodeId: string;
  readonly template: JsonValue;
  /** As it was when the drive was taken. */
  readonly taskSet: TaskSet;
  /** How often the node was postponed before. */
  readonly tries: number;
  /** When the node was seen to be asked for. */
  readonly seenAtMs: number;
  /** Aborted when nobody wants the result any more; the reason says why. */
  readonly abort: AbortController;
}

/** A result on its way. */
export interface PendingResult {
  readonly nodeId: string;
  readonly result: NodeResult;
  /** What it adds to the task set. */
  readonly sizeBytes: number;
  /** When its node was seen to be asked for, or the result to be lost. */
  readonly seenAtMs: number;
}

/** How much is done at a time, and how long is waited. */
export interface LedgerLimits {
  /** Drives of one workflow at a time. */
  readonly perWorkflow: number;
  /** Results of one workflow that the controller has not taken: beyond, nothing more of it is driven. */
  readonly undeliveredBytes: number;
  /** What is not in the task set this long after it was put there, or after it vanished, is lost. */
  readonly lostAfterMs: number;
}

/** For metrics. */
export interface LedgerCounts {
  readonly workflows: number;
  readonly waiting: number;
  readonly driving: number;
  readonly undelivered: number;
  /** Nodes of other plugins and of HTTP templates. */
  readonly foreignTasks: number;
}

type NodeState =
  | { readonly state: "waiting"; readonly notBeforeMs: number; readonly tries: number; readonly seenAtMs: number }
  | { readonly state: "driving"; readonly drive: Drive }
  /** Nothing is reported of it: its workflow is over. */
  | { readonly state: "settled" }
  /** Somebody else has reported it. */
  | { readonly state: "reported"; readonly atMs: number; readonly vanishedAtMs?: number }
  | { readonly state: "done"; readonly pending: PendingResult; readonly sentAtMs?: number; readonly seen: boolean };

interface Entry {
  taskSet: TaskSet;
  readonly nodes: Map<string, NodeState>;
  /** Ids that may be driven, in the order they came. */
  readonly waiting: Set<string>;
  resultBytes: number;
}

/** Quotes, colon and comma around a member. */
const MEMBER_BYTES = 4;

/** See above. */
export class Ledger {
  readonly #limits: LedgerLimits;
  /** By namespace, then by workflow; who is first has waited longest. */
  readonly #namespaces = new Map<string, Map<string, Entry>>();
  readonly #drives = new Map<string, Drive>();
  /** Drives under way by workflow, aborted ones included. */
  readonly #running = new Map<string, number>();

  constructor(limits: LedgerLimits) {
    this.#limits = limits;
  }

  /** Takes a version of a task set in. One that is older than what is known changes nothing. */
  observe(taskSet: TaskSet, nowMs: number): void {
    let entry = this.#entry(taskSet);
    if (entry !== undefined && entry.taskSet.workflowUid !== taskSet.workflowUid) {
      this.forget(taskSet, "another workflow has taken its name");
      entry = undefined;
    }
    if (entry !== undefined && isOlder(taskSet, entry.taskSet)) return;
    entry ??= this.#open(taskSet);
    entry.taskSet = taskSet;
    for (const nodeId of [...entry.nodes.keys()]) {
      if (!taskSet.tasks.has(nodeId)) this.#drop(entry, nodeId, "the workflow does not ask for the node any more");
    }
    for (const nodeId of taskSet.tasks.keys()) observeNode(entry, nodeId, nowMs);
  }

  /** Takes the answer to a patch in: of a workflow that was forgotten meanwhile nobody would tell that it has ended. */
  refresh(taskSet: TaskSet, nowMs: number): void {
    if (this.#entry(taskSet)?.taskSet.workflowUid === taskSet.workflowUid) this.observe(taskSet, nowMs);
  }

  /** The task set is gone or complete. */
  forget({ namespace, name }: ObjectName, why: string): void {
    const workflows = this.#namespaces.get(namespace);
    const entry = workflows?.get(name);
    if (entry === undefined) return;
    for (const nodeId of [...entry.nodes.keys()]) this.#drop(entry, nodeId, why);
    workflows?.delete(name);
    if (workflows?.size === 0) this.#namespaces.delete(namespace);
  }

  /** The next node to drive, taken. @returns `undefined` when there is none right now. */
  take(nowMs: number): Drive | undefined {
    for (const [namespace, workflows] of this.#namespaces) {
      for (const [name, entry] of workflows) {
        const drive = this.#takeOf(entry, nowMs);
        if (drive === undefined) continue;
        // To the end of the line.
        workflows.delete(name);
        workflows.set(name, entry);
        this.#namespaces.delete(namespace);
        this.#namespaces.set(namespace, workflows);
        return drive;
      }
    }
    return undefined;
  }

  /** A drive has ended with a result. @returns Whether anybody waits for it. */
  complete(drive: Drive, result: NodeResult): boolean {
    const entry = this.#end(drive);
    if (entry === undefined) return false;
    const pending = pendingResult(drive.nodeId, result, drive.seenAtMs);
    entry.nodes.set(drive.nodeId, { state: "done", pending, seen: false });
    entry.resultBytes += pending.sizeBytes;
    return true;
  }

  /** A drive has ended, and there is nothing to report: its workflow is over. */
  settle(drive: Drive): void {
    this.#end(drive)?.nodes.set(drive.nodeId, { state: "settled" });
  }

  /** A drive could not be made yet: its node waits until then. */
  postpone(drive: Drive, notBeforeMs: number): void {
    const entry = this.#end(drive);
    if (entry !== undefined) wait(entry, drive.nodeId, { notBeforeMs, tries: drive.tries + 1, seenAtMs: drive.seenAtMs });
  }

  /** Results of a workflow that are to be put into its task set, oldest first. */
  undelivered(place: ObjectName): readonly PendingResult[] {
    const states = [...(this.#entry(place)?.nodes.values() ?? [])];
    return states.flatMap((state) => (state.state === "done" && state.sentAtMs === undefined ? [state.pending] : []));
  }

  /** Results are in the task set, as far as the server says. */
  sent(place: ObjectName, nodeIds: readonly string[], nowMs: number): void {
    for (const nodeId of nodeIds) {
      const entry = this.#entry(place);
      const state = entry?.nodes.get(nodeId);
      if (state?.state === "done") entry?.nodes.set(nodeId, { sentAtMs: nowMs, ...state });
    }
  }

  /** Another result takes the place of one that cannot be delivered. */
  replace(place: ObjectName, nodeId: string, result: NodeResult): void {
    const entry = this.#entry(place);
    const state = entry?.nodes.get(nodeId);
    if (entry === undefined || state?.state !== "done") return;
    const pending = pendingResult(nodeId, result, state.pending.seenAtMs);
    entry.resultBytes += pending.sizeBytes - state.pending.sizeBytes;
    entry.nodes.set(nodeId, { state: "done", pending, seen: false });
  }

  /** Results of a workflow that is over are not delivered: the controller has ended their nodes already. */
  discard(place: ObjectName): void {
    const entry = this.#entry(place);
    if (entry === undefined) return;
    for (const { nodeId, sizeBytes } of this.undelivered(place)) {
      entry.nodes.set(nodeId, { state: "settled" });
      entry.resultBytes -= sizeBytes;
    }
  }

  /** Finds what got lost in task sets: results are to be delivered again, nodes that somebody else had reported are to be driven. */
  findLost(nowMs: number): { readonly places: readonly ObjectName[]; readonly results: number } {
    const places: ObjectName[] = [];
    let results = 0;
    for (const entry of this.#entries()) {
      const before = results;
      for (const [nodeId, state] of entry.nodes) {
        const sinceMs = lostSinceMs(state);
        if (sinceMs === undefined || nowMs - sinceMs < this.#limits.lostAfterMs) continue;
        if (state.state === "done") {
          const pending = { ...state.pending, seenAtMs: nowMs };
          entry.nodes.set(nodeId, { state: "done", pending, seen: false });
        } else wait(entry, nodeId, { notBeforeMs: nowMs, tries: 0, seenAtMs: nowMs });
        results += 1;
      }
      if (results > before) places.push(entry.taskSet);
    }
    return { places, results };
  }

  /**
   * Results that have been in task sets for so long: the controller takes them within seconds. Of the workflow with the oldest one,
   * `place` tells; absent where there are none.
   */
  untaken(nowMs: number, afterMs: number): { readonly results: number; readonly place?: ObjectName } {
    let results = 0;
    let oldest: { readonly atMs: number; readonly place: ObjectName } | undefined;
    for (const { nodes, taskSet } of this.#entries()) {
      for (const state of nodes.values()) {
        const atMs = inTaskSetSinceMs(state);
        if (atMs === undefined || nowMs - atMs < afterMs) continue;
        results += 1;
        if (oldest === undefined || atMs < oldest.atMs) oldest = { atMs, place: taskSet };
      }
    }
    return oldest === undefined ? { results } : { results, place: oldest.place };
  }

  /** As last observed. */
  taskSet(place: ObjectName): TaskSet | undefined {
    return this.#entry(place)?.taskSet;
  }

  /** Whether drives of that workflow are under way, whose results may go along with others. */
  isDriving(place: ObjectName): boolean {
    const entry = this.#entry(place);
    return entry !== undefined && this.#running.has(workflowKey(entry.taskSet));
  }

  /** Drives under way, those that nobody waits for any more included. */
  drives(): readonly Drive[] {
    return [...this.#drives.values()];
  }

  counts(): LedgerCounts {
    const entries = [...this.#entries()];
    const sum = (of: (entry: Entry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
    return {
      workflows: entries.length,
      waiting: sum(({ waiting }) => waiting.size),
      driving: this.#drives.size,
      undelivered: sum(({ taskSet }) => this.undelivered(taskSet).length),
      foreignTasks: sum(({ taskSet }) => taskSet.foreignTasks),
    };
  }

  *#entries(): Generator<Entry> {
    for (const workflows of this.#namespaces.values()) yield* workflows.values();
  }

  #entry({ namespace, name }: ObjectName): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  #open(taskSet: TaskSet): Entry {
    const entry: Entry = { taskSet, nodes: new Map(), waiting: new Set(), resultBytes: 0 };
    const { namespace, name } = taskSet;
    const workflows = this.#namespaces.get(namespace) ?? new Map<string, Entry>();
    this.#namespaces.set(namespace, workflows.set(name, entry));
    return entry;
  }

  #takeOf(entry: Entry, nowMs: number): Drive | undefined {
    const { taskSet } = entry;
    const workflow = workflowKey(taskSet);
    const running = this.#running.get(workflow) ?? 0;
    if (running >= this.#limits.perWorkflow || entry.resultBytes > this.#limits.undeliveredBytes) return undefined;
    for (const nodeId of entry.waiting) {
      const state = entry.nodes.get(nodeId);
      const key = `${workflow}/${nodeId}`;
      // An aborted drive of the same node may not have ended yet.
      if (state?.state !== "waiting" || state.notBeforeMs > nowMs || this.#drives.has(key)) continue;
      const template = taskSet.tasks.get(nodeId) ?? null;
      const { tries, seenAtMs } = state;
      const drive = { key, nodeId, template, taskSet, tries, seenAtMs, abort: new AbortController() };
      entry.waiting.delete(nodeId);
      entry.nodes.set(nodeId, { state: "driving", drive });
      this.#drives.set(key, drive);
      this.#running.set(workflow, running + 1);
      return drive;
    }
    return undefined;
  }

  /** @returns The entry that waits for the drive; `undefined` when nobody does. */
  #end(drive: Drive): Entry | undefined {
    if (!this.#drives.delete(drive.key)) return undefined;
    const workflow = workflowKey(drive.taskSet);
    const running = (this.#running.get(workflow) ?? 1) - 1;
    if (running === 0) this.#running.delete(workflow);
    else this.#running.set(workflow, running);
    const entry = this.#entry(drive.taskSet);
    const state = entry?.nodes.get(drive.nodeId);
    return state?.state === "driving" && state.drive === drive ? entry : undefined;
  }

  #drop(entry: Entry, nodeId: string, why: string): void {
    const state = entry.nodes.get(nodeId);
    entry.nodes.delete(nodeId);
    entry.waiting.delete(nodeId);
    if (state?.state === "driving") state.drive.abort.abort(new Error(why));
    if (state?.state === "done") entry.resultBytes -= state.pending.sizeBytes;
  }
}

function observeNode(entry: Entry, nodeId: string, nowMs: number): void {
  const { nodes, taskSet, waiting } = entry;
  const isDelivered = taskSet.delivered.has(nodeId);
  const state = nodes.get(nodeId);
  switch (state?.state) {
    case undefined:
      if (isDelivered) nodes.set(nodeId, { state: "reported", atMs: nowMs });
      else wait(entry, nodeId, { notBeforeMs: nowMs, tries: 0, seenAtMs: nowMs });
      return;
    case "waiting":
      if (!isDelivered) return;
      waiting.delete(nodeId);
      nodes.set(nodeId, { state: "reported", atMs: nowMs });
      return;
    case "driving":
      if (!isDelivered) return;
      nodes.set(nodeId, { state: "reported", atMs: nowMs });
      state.drive.abort.abort(new HandOver("another agent has reported the node"));
      return;
    case "reported":
      if (isDelivered) nodes.set(nodeId, { state: "reported", atMs: state.atMs });
      else if (state.vanishedAtMs === undefined) nodes.set(nodeId, { ...state, vanishedAtMs: nowMs });
      return;
    case "done":
      if (isDelivered) nodes.set(nodeId, { ...state, sentAtMs: state.sentAtMs ?? nowMs, seen: true });
      // The controller takes the result out first and the node afterwards: that alone is no loss.
      else if (state.seen) nodes.set(nodeId, { ...state, sentAtMs: nowMs, seen: false });
      return;
    case "settled":
  }
}

function wait(entry: Entry, nodeId: string, when: Pick<Drive, "tries" | "seenAtMs"> & { readonly notBeforeMs: number }): void {
  entry.nodes.set(nodeId, { state: "waiting", ...when });
  entry.waiting.add(nodeId);
}

/** Since when a result is not where it should be. */
function lostSinceMs(state: NodeState): number | undefined {
  if (state.state === "reported") return state.vanishedAtMs;
  return state.state === "done" && !state.seen ? state.sentAtMs : undefined;
}

function inTaskSetSinceMs(state: NodeState): number | undefined {
  if (state.state === "reported") return state.vanishedAtMs === undefined ? state.atMs : undefined;
  return state.state === "done" && state.seen ? state.sentAtMs : undefined;
}

function pendingResult(nodeId: string, result: NodeResult, seenAtMs: number): PendingResult {
  const sizeBytes = Buffer.byteLength(JSON.stringify(nodeResultJson(result))) + nodeId.length + MEMBER_BYTES;
  return { nodeId, result, sizeBytes, seenAtMs };
}

function isOlder({ version }: TaskSet, { version: known }: TaskSet): boolean {
  return version !== undefined && known !== undefined && version < known;
}

function workflowKey({ namespace, workflowUid }: TaskSet): string {
  return `${namespace}/${workflowUid}`;
}
