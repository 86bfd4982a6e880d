/**
 * The KFP API server as driver and launcher see it.
 *
 * Implementations hide transport, package name (v2beta1 or v2), the two layouts of `Run`, tokens, deadlines and retries. Every
 * method throws ApiError: API_UNAVAILABLE when retries are used up, API_REJECTED with `details.status` for any other status,
 * API_UNSUPPORTED when the server has no task API.
 *
 * Source: docs/spec/connections.md#operations, docs/spec/api-versions.md#choosing-the-package.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ArtifactTaskSchema,
  CreateArtifactRequestSchema,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import type { PipelineVersion } from "../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { Artifact, ArtifactTask, PipelineTask, Run, TaskInit, TaskState } from "../core/kfp-types.ts";

/** A link between an artifact and a task, as it is created. */
export type ArtifactTaskInit = MessageInitShape<typeof ArtifactTaskSchema>;
/** A request for an artifact and its first link. */
export type CreateArtifactInit = MessageInitShape<typeof CreateArtifactRequestSchema>;

/** Conditions that all have to hold; an absent one does not restrict. */
export interface TaskFilter {
  /** The task's name is one of these. */
  readonly names?: readonly string[];
  /** The task is in one of these states. */
  readonly states?: readonly TaskState[];
}

/**
 * What the caller needs of rows of sub-pipelines, loops, branches and the root, which hold something of every iteration: their own fields,
 * the inputs named here, and the outputs of a loop inside a loop. A server may leave out the other inputs and outputs, and all children;
 * most do not. Rows of steps are whole.
 */
export interface LeanRows {
  /** Absent: none. */
  readonly inputs?: LeanInputs | undefined;
}

/** Inputs that are needed. */
export interface LeanInputs {
  readonly keys: readonly string[];
  /** The one item of a loop that is needed; absent: all. */
  readonly iteration?: number | undefined;
}

/** Which tasks of a run, and which page of them. */
export interface ListTasksOptions extends TaskFilter {
  /** Absent: whole rows. */
  readonly lean?: LeanRows;
  /** Rows of other iterations are not needed: a server may leave them out, most do not. */
  readonly iteration?: number;
  /** Only direct children of this task. */
  readonly parentId?: string;
  /** `field` or `field desc`. */
  readonly orderBy?: string;
  /** Rows per page, 1 to 200; default 200. */
  readonly pageSize?: number;
  readonly pageToken?: string;
}

/** A page of tasks. */
export interface TaskPage {
  readonly tasks: PipelineTask[];
  readonly nextPageToken: string;
  /** Rows matching parent and filter, all pages together. */
  readonly totalSize: number;
}

/** Which earlier task would do. */
export interface FindCachedTaskOptions {
  readonly namespace: string;
  readonly fingerprint: string;
  /** Sent as metadata `x-kfp-bound-run-id`, so that a run-scoped token may look beyond its run. */
  readonly boundRunId: string;
}

/** The calls in use; see above for what they throw. */
export interface KfpApi {
  /** The DEFAULT view may lack the values of the run's parameters: they are the root's inputs. */
  getRun(runId: string, view: "DEFAULT" | "FULL"): Promise<Run>;
  getPipelineVersion(pipelineId: string, versionId: string): Promise<PipelineVersion>;
  /** @param lean Absent: the whole row. */
  getTask(runId: string, taskId: string, lean?: LeanRows): Promise<PipelineTask>;
  /** One page. `listAllTasks` in tasks/read-tasks.ts follows the tokens. */
  listTasks(runId: string, options?: ListTasksOptions): Promise<TaskPage>;
  /** Idempotent by logical identity: an existing row comes back unchanged (docs/spec/api-server.md#logical-identity). */
  createTask(runId: string, task: TaskInit): Promise<PipelineTask>;
  updateTask(runId: string, taskId: string, task: TaskInit): Promise<PipelineTask>;
  /** Applied in ascending id order, not atomic. Keys are task ids. The rows of the answer are {@link LeanRows} without inputs. */
  updateTasks(runId: string, tasks: ReadonlyMap<string, TaskInit>): Promise<Map<string, PipelineTask>>;
  findCachedTask(options: FindCachedTaskOptions): Promise<PipelineTask | undefined>;
  createArtifact(request: CreateArtifactInit): Promise<Artifact>;
  /** All or nothing; answers in request order. Not retried after an ambiguous failure: the caller re-reads. */
  createArtifacts(requests: readonly CreateArtifactInit[]): Promise<Artifact[]>;
  /** All or nothing; a duplicate link fails the whole call on the reference server. Not retried after an ambiguous failure. */
  createArtifactTasks(links: readonly ArtifactTaskInit[]): Promise<ArtifactTask[]>;
  /** All pages. The only read that carries `producer.iteration` on servers of the branch. */
  listArtifactTasks(taskIds: readonly string[]): Promise<ArtifactTask[]>;
}
