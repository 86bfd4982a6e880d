/**
 * `GET /apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log`, where the UI looks for the log of a pod.
 *
 * Source: docs/spec/api-server.md#http-endpoints-outside-the-protos, #decision-logs, docs/spec/pipelines-and-python-client.md#api-28.
 *
 * @module
 */
import type { Authorizer } from "../../calls/authorizer.ts";
import { notFound, ServiceError } from "../../service-error.ts";
import { writeAll } from "../artifacts/file-answer.ts";
import { queryParameters } from "../gateway/query-json.ts";
import type { RestEndpoint } from "../http/endpoint.ts";
import { parsePathTemplate } from "../http/path-template.ts";
import { content, queryParameter } from "../openapi/operation.ts";
import { findTask, followLog, logUris, readLog, type TaskLogDeps } from "./task-log.ts";

/** Logs followed at a time; each holds a connection. */
const MAX_FOLLOWED = 200;

/** The endpoint. */
export function logEndpoint({ authorizer, ...deps }: TaskLogDeps & { readonly authorizer: Authorizer }): RestEndpoint {
  let followed = 0;
  return {
    method: "GET",
    path: parsePathTemplate("/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"),
    handle(request, { run_id: runId = "", node_id: node = "" }) {
      authorizer.authorize(request.headers.authorization, { operation: "read a log" });
      const isFollowed = new Map(queryParameters(request.query)).get("follow") === "true";
      const taskId = findTask(deps.store, runId, node);
      if (taskId === undefined) throw notFound("Task", node);
      if (!isFollowed && logUris(deps.store, taskId).length === 0) throw notFound("Log of task", node);
      if (isFollowed && followed >= MAX_FOLLOWED) {
        throw new ServiceError("RESOURCE_EXHAUSTED", `${MAX_FOLLOWED} logs are followed already; close one and try again`);
      }
      followed += isFollowed ? 1 : 0;
      return {
        status: 200,
        headers: { "content-type": "text/plain; charset=utf-8" },
        close: async () => {
          followed -= isFollowed ? 1 : 0;
          await Promise.resolve();
        },
        async write(response, signal) {
          response.flushHeaders();
          await writeAll(response, isFollowed ? followLog({ runId, taskId }, deps, signal) : readLog(taskId, deps), signal);
          response.end();
        },
      };
    },
    describe: () => ({
      operationId: "Runs_Log",
      summary: "read the log of a task",
      tags: ["RunService"],
      parameters: [queryParameter("follow", { type: "boolean" })],
      responses: { "200": content("text/plain", { type: "string" }, "The log; with follow=true until the task has ended") },
    }),
  };
}
