/**
 * ArtifactService: artifacts, and the links that tie them to tasks.
 *
 * An artifact and its output link are made together or not at all; so are all entries of a bulk call. A link that exists already is
 * answered as stored, so that a driver which runs twice succeeds twice.
 *
 * Source: docs/spec/api-server.md#artifacts-and-links, #api-2, #api-18, #api-21, #api-30, #later-upstream.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { clone, create, fromBinary } from "@bufbuild/protobuf";
import { ArtifactSchema, ArtifactTaskSchema, IoType, type Artifact, type ArtifactTask } from "../../core/kfp-types.ts";
import {
  CreateArtifactTasksBulkResponseSchema,
  CreateArtifactsBulkResponseSchema,
  ListArtifactResponseSchema,
  ListArtifactTasksResponseSchema,
  type CreateArtifactRequest,
  type CreateArtifactTaskRequest,
  type CreateArtifactTasksBulkRequest,
  type CreateArtifactTasksBulkResponse,
  type CreateArtifactsBulkRequest,
  type CreateArtifactsBulkResponse,
  type GetArtifactRequest,
  type ListArtifactRequest,
  type ListArtifactTasksRequest,
  type ListArtifactTasksResponse,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { checkCreateArtifact, checkLink } from "./artifact-checks.ts";
import { reuseMark } from "./artifact-reuse.ts";
import { EncodedMessage, encodeWithParts } from "./encoded-message.ts";
import { pageTokenFrom, parseListRequest } from "../lists/list-query.ts";
import type { RunLifecycle, SecondsClock } from "./run-lifecycle.ts";
import { invalidArgument, notFound, withContext } from "../service-error.ts";
import type { Store, StoredArtifact, StoredTask } from "../store.ts";
import { checkStoredDepth, fillMissingKinds } from "./stored-value.ts";
import { timestampOfSeconds } from "../timestamps.ts";

/** What the artifact calls work on. */
export interface ArtifactServiceDeps {
  readonly store: Store;
  /** Says which runs take no links any more. */
  readonly lifecycle: Pick<RunLifecycle, "assertOpen">;
  readonly now: SecondsClock;
  /** `typed`: links made with an iteration index are ITERATOR_OUTPUT; `branch`: OUTPUT always, as on the mlmd-removal branch. */
  readonly outputLinkTypes: "typed" | "branch";
}

/** The calls of ArtifactService. Each is one transaction; errors are ServiceErrors. */
export class ArtifactCalls {
  readonly #store: Store;
  readonly #lifecycle: Pick<RunLifecycle, "assertOpen">;
  readonly #now: SecondsClock;
  readonly #typedLinks: boolean;

  constructor(deps: ArtifactServiceDeps) {
    this.#store = deps.store;
    this.#lifecycle = deps.lifecycle;
    this.#now = deps.now;
    this.#typedLinks = deps.outputLinkTypes === "typed";
  }

  createArtifact(request: CreateArtifactRequest): Artifact {
    checkCreateArtifact(request);
    return this.#store.transaction(() => this.#create(request));
  }

  createArtifactsBulk(request: CreateArtifactsBulkRequest): CreateArtifactsBulkResponse {
    if (request.artifacts.length === 0) throw invalidArgument("At least one artifact is required");
    for (const [index, entry] of request.artifacts.entries()) {
      inEntry(index, () => {
        checkCreateArtifact(entry);
        if (entry.reuseIfExists) throw invalidArgument("reuse_if_exists is not possible in a bulk call");
      });
    }
    const artifacts = this.#store.transaction(() =>
      request.artifacts.map((entry, index) => inEntry(index, () => this.#create(entry))),
    );
    return create(CreateArtifactsBulkResponseSchema, { artifacts });
  }

  getArtifact(request: GetArtifactRequest): EncodedMessage<typeof ArtifactSchema> {
    if (request.artifactId === "") throw invalidArgument("Artifact ID is required");
    return new EncodedMessage(ArtifactSchema, this.#requireArtifact(request.artifactId).body);
  }

  listArtifacts(request: ListArtifactRequest): EncodedMessage<typeof ListArtifactResponseSchema> {
    const query = parseListRequest("artifacts", request);
    const [only, ...others] = query.predicates;
    const uri = only?.key === "uri" && only.operation === "=" && others.length === 0 ? only.values[0] : undefined;
    if (typeof uri === "string" && request.pageSize === 0 && request.pageToken === "") {
      const found = this.#store.artifacts.findByUri(uri);
      return encodeArtifacts(found, { totalSize: found.length, nextPageToken: "" });
    }
    const page = this.#store.artifacts.list(query);
    const nextPageToken = page.next === undefined ? "" : pageTokenFrom(query, page.next);
    return encodeArtifacts(page.rows, { totalSize: page.totalSize, nextPageToken });
  }

  createArtifactTask(request: CreateArtifactTaskRequest): ArtifactTask {
    return this.#store.transaction(() => this.#store.links.insertOrFind(this.#checkedLink(request.artifactTask)));
  }

  createArtifactTasksBulk(request: CreateArtifactTasksBulkRequest): CreateArtifactTasksBulkResponse {
    const [first] = request.artifactTasks;
    if (first === undefined) throw invalidArgument("At least one artifact task is required");
    const artifactTasks = this.#store.transaction(() => {
      const links = request.artifactTasks.map((entry, index) =>
        inEntry(index, () => {
          const link = this.#checkedLink(entry);
          if (link.runId !== first.runId) throw invalidArgument("All artifact tasks of a bulk call must be of one run");
          return link;
        }),
      );
      return links.map((link) => this.#store.links.insertOrFind(link));
    });
    return create(CreateArtifactTasksBulkResponseSchema, { artifactTasks });
  }

  listArtifactTasks(request: ListArtifactTasksRequest): ListArtifactTasksResponse {
    const { taskIds, runIds, artifactIds, type } = request;
    const ids = [...taskIds, ...runIds, ...artifactIds];
    if (ids.length === 0) throw invalidArgument("At least one of task_ids, run_ids, artifact_ids is required");
    if (ids.includes("")) throw invalidArgument("task_ids, run_ids and artifact_ids must not hold empty strings");
    const query = parseListRequest("links", request);
    for (const taskId of taskIds) this.#requireTask(taskId);
    for (const artifactId of artifactIds) this.#requireArtifact(artifactId);
    const page = this.#store.links.list({ taskIds, runIds, artifactIds, type }, query);
    return create(ListArtifactTasksResponseSchema, {
      artifactTasks: [...page.rows],
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
  }

  /** Inside a transaction: artifact (new, or an equal one where that is allowed) and output link. */
  #create(request: CreateArtifactRequest): Artifact {
    const task = this.#requireTask(request.taskId);
    if (task.runId !== request.runId) throw foreignTask(task, request.runId);
    this.#lifecycle.assertOpen(request.runId);
    const sent = clone(ArtifactSchema, checkCreateArtifact(request));
    for (const [key, value] of Object.entries(sent.metadata)) {
      checkStoredDepth(value, `metadata "${key}" of artifact "${sent.name}"`);
      fillMissingKinds(value);
    }
    const artifact = request.reuseIfExists ? this.#reuseOrInsert(sent) : this.#insert(sent, undefined);
    const { iterationIndex } = request;
    const iterates = iterationIndex !== undefined && this.#typedLinks;
    const link = create(ArtifactTaskSchema, {
      id: randomUUID(),
      artifactId: artifact.artifactId,
      runId: request.runId,
      taskId: request.taskId,
      type: iterates ? IoType.ITERATOR_OUTPUT : IoType.OUTPUT,
      producer: { taskName: task.name, ...(iterationIndex === undefined ? {} : { iteration: iterationIndex }) },
      key: request.producerKey,
    });
    this.#store.links.insertOrFind(link);
    return artifact;
  }

  #reuseOrInsert(artifact: Artifact): Artifact {
    const mark = reuseMark(artifact);
    const marked = this.#store.artifacts.findByReuseMark(mark);
    if (marked !== undefined) return fromBinary(ArtifactSchema, marked.body);
    const candidates = (artifact.uri ?? "") === "" ? [] : this.#store.artifacts.findByUri(artifact.uri ?? "");
    for (const candidate of candidates) {
      const stored = fromBinary(ArtifactSchema, candidate.body);
      if (reuseMark(stored) === mark) return stored;
    }
    return this.#insert(artifact, mark);
  }

  #insert(artifact: Artifact, mark: string | undefined): Artifact {
    artifact.artifactId = randomUUID();
    artifact.createdAt = timestampOfSeconds(this.#now());
    artifact.namespace = "";
    this.#store.artifacts.insert(artifact, mark);
    return artifact;
  }

  #checkedLink(sent: ArtifactTask | undefined): ArtifactTask {
    const link = clone(ArtifactTaskSchema, checkLink(sent));
    const task = this.#requireTask(link.taskId);
    this.#requireArtifact(link.artifactId);
    if (task.runId !== link.runId) throw foreignTask(task, link.runId);
    this.#lifecycle.assertOpen(link.runId);
    link.id = randomUUID();
    return link;
  }

  #requireTask(taskId: string): StoredTask {
    const task = this.#store.tasks.find(taskId);
    if (task === undefined) throw notFound("Task", taskId);
    return task;
  }

  #requireArtifact(artifactId: string): StoredArtifact {
    const artifact = this.#store.artifacts.find(artifactId);
    if (artifact === undefined) throw notFound("Artifact", artifactId);
    return artifact;
  }
}

function encodeArtifacts(
  rows: readonly StoredArtifact[],
  rest: { readonly totalSize: number; readonly nextPageToken: string },
): EncodedMessage<typeof ListArtifactResponseSchema> {
  const messages = rows.map((row) => row.body);
  return encodeWithParts(ListArtifactResponseSchema, create(ListArtifactResponseSchema, rest), [
    { fieldNumber: ListArtifactResponseSchema.field.artifacts.number, messages },
  ]);
}

function foreignTask(task: StoredTask, runId: string) {
  return invalidArgument(`Task ${task.taskId} does not belong to run ${runId}`);
}

function inEntry<T>(index: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withContext(error, `Entry ${index}`);
  }
}
