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

/** Which program answers. */
export interface ServerBuild {
  readonly commit: string;
  readonly version: string;
}

/** For probes and for the Python client; needs no token. v1beta1 is what old clients ask before they see that it is not served. */
export function healthzEndpoints({ commit, version }: ServerBuild): RestEndpoint[] {
  const facts = { commit_sha: commit, tag_name: version, multi_user: false };
  const answer = (path: string, json: object): RestEndpoint => ({
    method: "GET",
    path: parsePathTemplate(path),
    handle: () => jsonAnswer(200, JSON.stringify(json)),
  });
  return [answer("/apis/v2beta1/healthz", { ...facts, pipeline_store: "database" }), answer("/apis/v1beta1/healthz", facts)];
}
