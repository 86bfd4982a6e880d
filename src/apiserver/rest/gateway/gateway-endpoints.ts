/**
 * The endpoints of the RPCs: JSON in, a call, JSON out.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway.
 *
 * @module
 */
import type { DescMessage, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { printJson } from "../../../core/protojson/protojson.ts";
import { isJsonObject } from "../../../core/values/json-object.ts";
import type { CallInvoker } from "../../calls/call-invoker.ts";
import { EncodedMessage } from "../../services/encoded-message.ts";
import type { CallContext, ServedService } from "../../services/served-service.ts";
import type { RestEndpoint, RestRequest } from "../http/endpoint.ts";
import { jsonAnswer } from "../http/error-answer.ts";
import { readBody, utf8Text } from "../http/read-body.ts";
import { rpcOperation } from "../openapi/operation.ts";
import { httpRoutes } from "./http-routes.ts";
import { readRequest } from "./request-message.ts";

/** Makes an endpoint of every method that the protos give a path. */
export function gatewayEndpoints(
  services: readonly ServedService[],
  invoker: CallInvoker,
  { maxBodyBytes }: { readonly maxBodyBytes: number },
): RestEndpoint[] {
  return httpRoutes(services).map(({ httpMethod, path, body: bodyField, method, target }) => ({
    method: httpMethod,
    path,
    // A method without a handler answers 501, which is nothing to tell.
    ...(target.handler === undefined ? {} : { describe: rpcOperation(target, method, { body: bodyField, path }) }),
    async handle(request, variables) {
      const bytes = bodyField === "" ? Buffer.alloc(0) : await readBody(request.body, maxBodyBytes);
      invoker.interceptor.received?.(method.name, bytes.length);
      const binding = { input: method.input, body: bodyField };
      const { message, body } = readRequest(binding, { variables, query: request.query, body: utf8Text(bytes) });
      const reply = await invoker.invoke(target, message, callContextOf(request, body));
      const json = printReply(method.output, reply);
      invoker.interceptor.sent?.(method.name, Buffer.byteLength(json));
      return jsonAnswer(200, json);
    },
  }));
}

/** What a handler answered, as REST shows it: names of the protos, unset fields left out. */
export function printReply(schema: DescMessage, reply: unknown): string {
  const message = reply instanceof EncodedMessage ? reply.decode() : (reply as MessageShape<DescMessage>);
  return printJson(schema, message, { protoNames: true });
}

/** Only `authorization` is passed on from the headers. */
export function callContextOf({ headers, method }: Pick<RestRequest, "headers" | "method">, body?: JsonValue): CallContext {
  const { authorization } = headers;
  const tags = method === "PATCH" && body !== undefined && isJsonObject(body) ? body["tags"] : undefined;
  const clearTags = tags !== undefined && isJsonObject(tags) && Object.keys(tags).length === 0;
  return { ...(authorization === undefined ? {} : { authorization }), clearTags };
}
