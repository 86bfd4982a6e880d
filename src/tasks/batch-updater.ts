/**
 * Collects what a step wants to store and sends it in three calls: artifacts, then links, then tasks.
 *
 * The order is a contract: a task's final state becomes visible only after its outputs exist. A stage that was sent is forgotten, a
 * stage that failed stays queued, so a second flush resumes where the first one stopped.
 *
 * Two rules keep repeated attempts from doubling what is stored. Artifacts and links that the server is known to have are not sent:
 * callers say what they know with `noteTask` and `noteFreshTask`, and only targets nobody described are asked for. And a bulk create
 * whose answer was lost is never simply repeated: the tasks are read again, and what is missing is sent.
 *
 * Source: docs/spec/output-propagation.md#batched-writes, #lau-13, #lau-37, #link-reconciliation, docs/spec/connections.md#lau-7,
 * docs/spec/driver-flows.md#budget, #drv-18.
 *
 * @module
 */
import { clone, create, equals } from "@bufbuild/protobuf";
import { ApiError, InternalError } from "../core/errors.ts";
import {
  ArtifactTaskSchema,
  PipelineTaskSchema,
  TaskState,
  TaskType,
  type Artifact,
  type ArtifactTask,
  type PipelineTask,
  type TaskInit,
} from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";
import type { ArtifactTaskInit, CreateArtifactInit, KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { linkIdentity, linkStateOn } from "../resolver/run/io-entries.ts";
import { ArtifactMatcher } from "./artifact-matcher.ts";

/** What writing in batches takes. */
export interface BatchUpdaterDeps {
  readonly api: KfpApi;
  readonly clock: Pick<Clock, "sleep">;
  readonly logger: Logger;
}

/** Counts since the updater was made; they survive flushes. */
export interface BatchCounters {
  readonly queuedTaskUpdates: number;
  readonly queuedArtifacts: number;
  readonly queuedLinks: number;
  /** Task updates equal to the one queued before them. */
  readonly deduplicatedTaskUpdates: number;
  /** Artifacts the task already had, from an earlier attempt. */
  readonly reusedArtifacts: number;
  /** Links dropped because they were queued twice or exist already. */
  readonly omittedLinks: number;
  readonly artifactCalls: number;
  readonly linkCalls: number;
  readonly taskCalls: number;
}

/** What a flush has stored. */
export interface FlushResult {
  /** In the order they were queued, created or reused. */
  readonly artifacts: readonly Artifact[];
  /** Tasks as stored after the update. */
  readonly tasks: ReadonlyMap<string, PipelineTask>;
}

interface QueuedTask {
  merged: PipelineTask;
  /** As last queued, to recognise the same message queued twice. */
  last: PipelineTask;
}

/** Waits before a bulk create with unknown outcome is looked into and completed. */
const RESEND_DELAYS_MS = [500, 1000, 2000, 4000];

/** Statuses of servers that refuse a duplicate link; the text differs from database to database. */
const MAY_BE_DUPLICATE = new Set(["INTERNAL", "UNKNOWN", "ALREADY_EXISTS"]);

/**
 * Writes of one run that wait for each other: artifacts first, then links, then task rows. What was not stored stays queued.
 */
export class BatchUpdater {
  readonly #deps: BatchUpdaterDeps;
  readonly #runId: string;
  readonly #tasks = new Map<string, QueuedTask>();
  #artifacts: CreateArtifactInit[] = [];
  #links: ArtifactTask[] = [];
  readonly #known = new Map<string, PipelineTask | "fresh">();
  readonly #sentLinks = new Set<string>();
  readonly #counters = {
    queuedTaskUpdates: 0,
    queuedArtifacts: 0,
    queuedLinks: 0,
    deduplicatedTaskUpdates: 0,
    reusedArtifacts: 0,
    omittedLinks: 0,
    artifactCalls: 0,
    linkCalls: 0,
    taskCalls: 0,
  };

  constructor(deps: BatchUpdaterDeps, runId: string) {
    this.#deps = deps;
    this.#runId = runId;
  }

  get counters(): BatchCounters {
    return { ...this.#counters };
  }

  /** Tells that a task was created by this attempt: it has no artifacts and no links yet. */
  noteFreshTask(taskId: string): void {
    this.#known.set(taskId, "fresh");
  }

  /** Tells what a task has, from a hydrated read. A later note replaces an earlier one. */
  noteTask(task: PipelineTask): void {
    this.#known.set(task.taskId, task);
  }

  /**
   * Queues a task update; only fields that are set are sent. A second update of the same task adds its parameters to the first one's
   * and replaces state, times, metadata, fingerprint, type and pods where it sets them.
   */
  queueTaskUpdate(taskId: string, update: TaskInit): void {
    if (taskId === "") {
      this.#deps.logger.warn("A task update without task id is dropped");
      return;
    }
    this.#counters.queuedTaskUpdates += 1;
    const incoming = clone(PipelineTaskSchema, create(PipelineTaskSchema, { ...update, taskId, runId: this.#runId }));
    // Present but empty would cut the task off its parent.
    if (incoming.parentTaskId === "") delete incoming.parentTaskId;
    const queued = this.#tasks.get(taskId);
    if (queued === undefined) {
      this.#tasks.set(taskId, { merged: incoming, last: clone(PipelineTaskSchema, incoming) });
      return;
    }
    if (equals(PipelineTaskSchema, queued.last, incoming)) {
      this.#counters.deduplicatedTaskUpdates += 1;
      return;
    }
    queued.last = clone(PipelineTaskSchema, incoming);
    mergeUpdate(queued.merged, incoming);
  }

  queueArtifact(request: CreateArtifactInit): void {
    this.#counters.queuedArtifacts += 1;
    this.#artifacts.push(request);
  }

  /** Queues a link. Without an artifact id it waits for the artifact queued at the same place among those without one. */
  queueLink(link: ArtifactTaskInit): void {
    this.#counters.queuedLinks += 1;
    this.#links.push(clone(ArtifactTaskSchema, create(ArtifactTaskSchema, { ...link, runId: this.#runId })));
  }

  /**
   * Sends what is queued.
   *
   * @throws {ApiError} Of the call that failed; its stage and the later ones stay queued.
   * @throws {InternalError} INVARIANT_BROKEN when links without artifact id do not pair with the queued artifacts.
   */
  async flush(): Promise<FlushResult> {
    const artifacts = await this.#flushArtifacts();
    await this.#flushLinks();
    return { artifacts, tasks: await this.#flushTasks() };
  }

  async #flushArtifacts(): Promise<Artifact[]> {
    const waiting = this.#links.filter((link) => link.artifactId === "");
    if (waiting.length > 0 && waiting.length !== this.#artifacts.length) {
      const counts = `${waiting.length} links wait for ${this.#artifacts.length} artifacts`;
      throw new InternalError("INVARIANT_BROKEN", `Cannot flush batch updates: ${counts}`);
    }
    if (this.#artifacts.length === 0) return [];
    const artifacts = await this.#createArtifacts(this.#artifacts);
    this.#artifacts = [];
    for (const [index, link] of waiting.entries()) link.artifactId = artifacts[index]?.artifactId ?? "";
    return artifacts;
  }

  async #createArtifacts(requests: readonly CreateArtifactInit[]): Promise<Artifact[]> {
    const { api, clock, logger } = this.#deps;
    const matcher = new ArtifactMatcher();
    for (const row of this.#known.values()) if (row !== "fresh") matcher.addTask(row);
    const found = requests.map((request) => matcher.take(request));
    this.#counters.reusedArtifacts += found.filter((artifact) => artifact !== undefined).length;
    for (let attempt = 0; ; attempt += 1) {
      const missing = requests.filter((_, index) => found[index] === undefined);
      if (missing.length === 0) return found.filter((artifact) => artifact !== undefined);
      try {
        this.#counters.artifactCalls += 1;
        const created = (await api.createArtifacts(missing)).values();
        return found.map((artifact) => artifact ?? (created.next().value as Artifact));
      } catch (error) {
        if (error instanceof ApiError && error.code === "API_RESPONSE_INVALID") this.#artifacts = [];
        const delayMs = RESEND_DELAYS_MS[attempt];
        if (!isAmbiguous(error) || delayMs === undefined) throw error;
        logger.warn("The outcome of storing artifacts is unknown, the tasks are read again", { reason: error.message });
        await clock.sleep(delayMs);
        for (const taskId of new Set(missing.map((request) => request.taskId ?? ""))) {
          matcher.addTask(await api.getTask(this.#runId, taskId));
        }
        for (const [index, request] of requests.entries()) found[index] ??= matcher.take(request);
      }
    }
  }

  async #flushLinks(): Promise<void> {
    if (this.#links.length === 0) return;
    const distinct = new Map<string, ArtifactTask>();
    for (const link of this.#links) {
      const identity = linkIdentity(link);
      if (!this.#sentLinks.has(identity) && !distinct.has(identity)) distinct.set(identity, link);
    }
    const missing = await this.#withoutKnownLinks([...distinct.values()]);
    this.#counters.omittedLinks += this.#links.length - missing.length;
    await this.#createLinks(missing);
    for (const identity of distinct.keys()) this.#sentLinks.add(identity);
    this.#links = [];
  }

  async #withoutKnownLinks(links: readonly ArtifactTask[]): Promise<ArtifactTask[]> {
    const states = links.map((link) => {
      const row = this.#known.get(link.taskId);
      if (row === "fresh") return "absent";
      return row === undefined ? "unknown" : linkStateOn(row, link);
    });
    const unknown = links.filter((_, index) => states[index] === "unknown");
    const absentOfUnknown = new Set(await this.#absentOnServer(unknown));
    return links.filter((link, index) => states[index] === "absent" || absentOfUnknown.has(link));
  }

  async #absentOnServer(links: readonly ArtifactTask[]): Promise<ArtifactTask[]> {
    if (links.length === 0) return [];
    const stored = await this.#deps.api.listArtifactTasks([...new Set(links.map((link) => link.taskId))]);
    const identities = new Set(stored.map(linkIdentity));
    return links.filter((link) => !identities.has(linkIdentity(link)));
  }

  async #createLinks(links: readonly ArtifactTask[]): Promise<void> {
    const { api, clock, logger } = this.#deps;
    let missing = links;
    let afterDuplicate = false;
    for (let attempt = 0; missing.length > 0; attempt += 1) {
      try {
        this.#counters.linkCalls += 1;
        await api.createArtifactTasks(missing);
        return;
      } catch (error) {
        const ambiguous = isAmbiguous(error);
        const duplicate = !afterDuplicate && error instanceof ApiError && MAY_BE_DUPLICATE.has(error.details.status ?? "");
        const delayMs = RESEND_DELAYS_MS[attempt];
        if ((!ambiguous && !duplicate) || delayMs === undefined) throw error;
        if (ambiguous) {
          logger.warn("The outcome of storing links is unknown, they are read again", { reason: error.message });
          await clock.sleep(delayMs);
        }
        const rest = await this.#absentOnServer(missing);
        // Nothing of ours is there: it was another failure than a duplicate, and will be again.
        if (!ambiguous && rest.length === missing.length) throw error;
        afterDuplicate ||= !ambiguous;
        missing = rest;
      }
    }
  }

  async #flushTasks(): Promise<ReadonlyMap<string, PipelineTask>> {
    if (this.#tasks.size === 0) return new Map();
    this.#counters.taskCalls += 1;
    const updates = new Map([...this.#tasks].map(([taskId, { merged }]) => [taskId, merged as TaskInit]));
    const tasks = await this.#deps.api.updateTasks(this.#runId, updates);
    this.#tasks.clear();
    return tasks;
  }
}

function mergeUpdate(merged: PipelineTask, incoming: PipelineTask): void {
  for (const side of ["inputs", "outputs"] as const) {
    const added = incoming[side];
    if (added === undefined) continue;
    const kept = merged[side];
    if (kept === undefined) {
      merged[side] = added;
      continue;
    }
    kept.parameters.push(...added.parameters);
    kept.artifacts.push(...added.artifacts);
  }
  if (incoming.state !== TaskState.RUNTIME_STATE_UNSPECIFIED) merged.state = incoming.state;
  if (incoming.type !== TaskType.TASK_TYPE_UNSPECIFIED) merged.type = incoming.type;
  if (incoming.endTime !== undefined) merged.endTime = incoming.endTime;
  if (incoming.statusMetadata !== undefined) merged.statusMetadata = incoming.statusMetadata;
  if (incoming.typeAttributes !== undefined) merged.typeAttributes = incoming.typeAttributes;
  if (incoming.cacheFingerprint !== "") merged.cacheFingerprint = incoming.cacheFingerprint;
  if (incoming.pods.length > 0) merged.pods = incoming.pods;
}

function isAmbiguous(error: unknown): error is ApiError {
  return error instanceof ApiError && error.details.ambiguous === true;
}
