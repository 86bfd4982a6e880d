/**
 * `GET /apis/v2beta1/runs/{run_id}/events`: a page or a terminal follows a run without asking again and again.
 *
 * Source: docs/spec/api-server.md#decision-events.
 *
 * @module
 */
import type { ChangeFeed } from "../../changes/change-feed.ts";
import type { Authorizer } from "../../calls/authorizer.ts";
import { notFound, ServiceError } from "../../service-error.ts";
import { writeAll } from "../artifacts/file-answer.ts";
import type { RestEndpoint } from "../http/endpoint.ts";
import { parsePathTemplate } from "../http/path-template.ts";
import { content } from "../openapi/operation.ts";
import { runEvents } from "./run-events.ts";
import type { RunReader } from "./run-reader.ts";

/** What streams take. */
export interface RunEventsOptions {
  readonly feed: ChangeFeed;
  readonly reader: RunReader;
  readonly authorizer: Authorizer;
  readonly heartbeatMs?: number;
}

/** Streams at a time; each holds a connection. */
const MAX_STREAMS = 200;

/** The endpoint. */
export function eventsEndpoint({ authorizer, reader, ...deps }: RunEventsOptions): RestEndpoint {
  let open = 0;
  return {
    method: "GET",
    path: parsePathTemplate("/apis/v2beta1/runs/{run_id}/events"),
    async handle(request, { run_id: runId = "" }) {
      authorizer.authorize(request.headers.authorization, { operation: "follow a run" });
      if ((await reader.run(runId)) === undefined) throw notFound("Run", runId);
      if (open >= MAX_STREAMS) {
        throw new ServiceError("RESOURCE_EXHAUSTED", `${MAX_STREAMS} streams are open already; close one and try again`);
      }
      open += 1;
      const [lastEventId = ""] = [request.headers["last-event-id"] ?? ""].flat();
      return {
        status: 200,
        headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" },
        close: async () => {
          open -= 1;
          await Promise.resolve();
        },
        async write(response, signal) {
          response.flushHeaders();
          const id = lastEventId === "" ? undefined : lastEventId;
          await writeAll(response, runEvents(runId, id, { reader, ...deps }, signal), signal);
          response.end();
        },
      };
    },
    describe: () => ({
      operationId: "Runs_Events",
      summary: "follow a run",
      tags: ["RunService"],
      responses: { "200": content("text/event-stream", { type: "string" }, "Server-sent events, without end") },
    }),
  };
}
