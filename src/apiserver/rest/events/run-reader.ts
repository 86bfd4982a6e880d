/**
 * Rows of a run as events show them: what the calls of the API would answer.
 *
 * @module
 */
import { create, fromBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { ArtifactSchema, ArtifactTaskSchema, PipelineTaskSchema, RunSchema, type ArtifactTask } from "../../../core/kfp-types.ts";
import { printJson } from "../../../core/protojson/protojson.ts";
import {
  ListArtifactTasksRequestSchema,
  type ListArtifactTasksResponse,
} from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import {
  GetRunRequestSchema,
  GetTaskRequestSchema,
  ListTasksRequestSchema,
  type ListTasksResponse,
} from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { EncodedMessage } from "../../services/encoded-message.ts";
import type { ServedService } from "../../services/served-service.ts";
import { ServiceError } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { printReply } from "../gateway/gateway-endpoints.ts";

/** Reads a run, row by row. Texts are JSON; `undefined` for what is not there any more. */
export interface RunReader {
  run(runId: string): Promise<string | undefined>;
  task(runId: string, taskId: string): Promise<string | undefined>;
  /** `{"artifact_task": …, "artifact": …}`. */
  artifact(link: ArtifactTask): string | undefined;
  /** All tasks, in pages. */
  tasks(runId: string): AsyncIterable<string>;
  /** All artifacts of its tasks, in pages. */
  artifacts(runId: string): AsyncIterable<string>;
}

const PAGE_SIZE = 100;

/** Reads through the handlers of RunService and ArtifactService; access was looked at before. */
export function runReader(services: readonly ServedService[], store: Pick<Store, "artifacts">): RunReader {
  const call = async <Desc extends DescMessage>(name: string, input: Desc, request: MessageInitShape<Desc>): Promise<unknown> => {
    const handler = services.map(({ handlers }) => handlers[name]).find((each) => each !== undefined);
    try {
      return await handler?.handle(create(input, request) as never, { clearTags: false });
    } catch (error) {
      if (error instanceof ServiceError && error.status === "NOT_FOUND") return undefined;
      throw error;
    }
  };
  const text = (schema: DescMessage, reply: unknown): string | undefined =>
    reply === undefined ? undefined : printReply(schema, reply);
  async function* pages<Page extends { readonly nextPageToken: string }>(
    read: (pageToken: string) => Promise<unknown>,
  ): AsyncGenerator<Page> {
    let pageToken: string | undefined = "";
    while (pageToken !== undefined) {
      const reply = await read(pageToken);
      if (reply === undefined) return;
      const page = (reply instanceof EncodedMessage ? reply.decode() : reply) as Page;
      yield page;
      pageToken = page.nextPageToken === "" ? undefined : page.nextPageToken;
    }
  }
  const artifact = (link: ArtifactTask): string | undefined => {
    const stored = store.artifacts.find(link.artifactId);
    if (stored === undefined) return undefined;
    const body = printJson(ArtifactSchema, fromBinary(ArtifactSchema, stored.body), { protoNames: true });
    return `{"artifact_task":${printJson(ArtifactTaskSchema, link, { protoNames: true })},"artifact":${body}}`;
  };
  return {
    artifact,
    run: async (runId) => text(RunSchema, await call("getRun", GetRunRequestSchema, { runId })),
    task: async (runId, taskId) => text(PipelineTaskSchema, await call("getTask", GetTaskRequestSchema, { runId, taskId })),
    async *tasks(runId) {
      const read = async (pageToken: string) =>
        await call("listTasks", ListTasksRequestSchema, { runId, pageToken, pageSize: PAGE_SIZE });
      for await (const { tasks } of pages<ListTasksResponse>(read)) {
        for (const task of tasks) yield printJson(PipelineTaskSchema, task, { protoNames: true });
      }
    },
    async *artifacts(runId) {
      const read = async (pageToken: string) =>
        await call("listArtifactTasks", ListArtifactTasksRequestSchema, { runIds: [runId], pageToken, pageSize: PAGE_SIZE });
      for await (const { artifactTasks } of pages<ListArtifactTasksResponse>(read)) {
        for (const link of artifactTasks) {
          const json = artifact(link);
          if (json !== undefined) yield json;
        }
      }
    },
  };
}
