/**
 * `healthz`, which clients ask first: keys in snake case, and `multi_user` also when it is false.
 *
 * Source: docs/spec/service-messages.md#healthzproto, docs/spec/api-server.md#http-endpoints-outside-the-protos.
 *
 * @module
 */
import type { RestEndpoint } from "./http/endpoint.ts";
import { jsonAnswer } from "./http/error-answer.ts";
import { parsePathTemplate } from "./http/path-template.ts";
import { jsonContent, type DescribeOperation } from "./openapi/operation.ts";

/** Which program answers. */
export interface ServerBuild {
  readonly commit: string;
  readonly version: string;
}

const describeHealthz: DescribeOperation = () => ({
  operationId: "HealthzService_GetHealthz",
  summary: "check the health",
  tags: ["HealthzService"],
  responses: {
    "200": jsonContent(
      {
        type: "object",
        properties: {
          commit_sha: { type: "string" },
          tag_name: { type: "string" },
          multi_user: { type: "boolean" },
          pipeline_store: { type: "string" },
        },
        required: ["commit_sha", "tag_name", "multi_user", "pipeline_store"],
      },
      "The server answers, so it is well",
    ),
  },
});

/** For probes and for the Python client; needs no token. v1beta1 is what old clients ask before they see that it is not served. */
export function healthzEndpoints({ commit, version }: ServerBuild): RestEndpoint[] {
  const facts = { commit_sha: commit, tag_name: version, multi_user: false };
  const answer = (path: string, json: object, describe?: DescribeOperation): RestEndpoint => ({
    method: "GET",
    path: parsePathTemplate(path),
    ...(describe === undefined ? {} : { describe }),
    handle: () => jsonAnswer(200, JSON.stringify(json)),
  });
  return [
    answer("/apis/v2beta1/healthz", { ...facts, pipeline_store: "database" }, describeHealthz),
    answer("/apis/v1beta1/healthz", facts),
  ];
}
