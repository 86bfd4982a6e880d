/**
 * `GET /apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log` of the API, and `GET /k8s/pod/logs`, where the UI looks for the log of a pod.
 *
 * Source: docs/spec/api-server.md#http-endpoints-outside-the-protos, #decision-logs, docs/spec/pipelines-and-python-client.md#api-28.
 *
 * @module
 */
import type { Authorizer } from "../../calls/authorizer.ts";
import { invalidArgument, notFound, ServiceError } from "../../service-error.ts";
import { writeAll } from "../artifacts/file-answer.ts";
import { queryParameters } from "../gateway/query-json.ts";
import type { RestAnswer, RestEndpoint, RestRequest } from "../http/endpoint.ts";
import { parsePathTemplate } from "../http/path-template.ts";
import { content, queryParameter, type ApiOperation } from "../openapi/operation.ts";
import { findTask, followLog, logUris, readLog, type TaskLogDeps } from "./task-log.ts";

/** Logs followed at a time; each holds a connection. */
const MAX_FOLLOWED = 200;

/** The endpoints. */
export function logEndpoints({ authorizer, ...deps }: TaskLogDeps & { readonly authorizer: Authorizer }): RestEndpoint[] {
  let followed = 0;
  const answer = async (request: RestRequest, runId: string, node: string): Promise<RestAnswer> => {
    const isFollowed = new Map(queryParameters(request.query)).get("follow") === "true";
    const taskId = findTask(deps.store, runId, node);
    if (taskId === undefined) throw notFound("Task", node);
    if (isFollowed && followed >= MAX_FOLLOWED) {
      throw new ServiceError("RESOURCE_EXHAUSTED", `${MAX_FOLLOWED} logs are followed already; close one and try again`);
    }
    const { signal } = request;
    const pieces = isFollowed ? followLog({ runId, taskId }, deps, signal) : readLog({ runId, taskId }, deps);
    // Whether there is anything at all is known before the status goes out.
    const first = isFollowed ? undefined : await pieces.next();
    if (first?.done === true && logUris(deps.store, taskId).length === 0) throw notFound("Log of task", node);
    followed += isFollowed ? 1 : 0;
    return {
      status: 200,
      headers: { "content-type": "text/plain; charset=utf-8" },
      close: async () => {
        followed -= isFollowed ? 1 : 0;
        await pieces.return(undefined);
      },
      async write(response) {
        response.flushHeaders();
        if (first?.done === false) await writeAll(response, [first.value], signal);
        await writeAll(response, pieces, signal);
        response.end();
      },
    };
  };
  return [
    {
      method: "GET",
      path: parsePathTemplate("/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"),
      handle: async (request, { run_id: runId = "", node_id: node = "" }) => {
        authorizer.authorize(request.headers.authorization, { operation: "read a log" });
        return await answer(request, runId, node);
      },
      describe: () => described("Runs_Log", []),
    },
    {
      method: "GET",
      path: parsePathTemplate("/k8s/pod/logs"),
      handle: async (request) => {
        authorizer.authorize(request.headers.authorization, { operation: "read a log" });
        const query = new Map(queryParameters(request.query));
        const [runId = "", pod = ""] = [query.get("runid"), query.get("podname")];
        if (runId === "" || pod === "") throw invalidArgument("runid and podname are required");
        return await answer(request, runId, pod);
      },
      describe: () => described("Pods_Log", ["runid", "podname"]),
    },
  ];
}

function described(operationId: string, required: readonly string[]): ApiOperation {
  return {
    operationId,
    summary: "read the log of a task",
    tags: ["RunService"],
    parameters: [
      ...required.map((name) => queryParameter(name, { type: "string" }, true)),
      queryParameter("follow", { type: "boolean" }),
    ],
    responses: { "200": content("text/plain", { type: "string" }, "The log; with follow=true until the task has ended") },
  };
}
