/**
 * What an endpoint says about itself in the OpenAPI document.
 *
 * @module
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { CallTarget } from "../../calls/call-invoker.ts";
import type { PathTemplate } from "../http/path-template.ts";
import type { JsonSchema, MessageSchemas } from "./message-schemas.ts";

/** An operation as OpenAPI has it, without what every operation has: variables of the path, and the answer to errors. */
export interface ApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: JsonSchema;
  /** By status; `default` is added where it is missing. */
  readonly responses: Readonly<Record<string, JsonSchema>>;
}

/** Describes itself, given where schemas of messages are collected. */
export type DescribeOperation = (schemas: MessageSchemas) => ApiOperation;

/** A parameter of the query. */
export function queryParameter(name: string, schema: JsonSchema, required = false): JsonSchema {
  return { name, in: "query", required, schema };
}

/** An answer or a body of one media type. */
export function content(mediaType: string, schema: JsonSchema, description: string): JsonSchema {
  return { description, content: { [mediaType]: { schema } } };
}

/** JSON. */
export function jsonContent(schema: JsonSchema, description: string): JsonSchema {
  return content("application/json", schema, description);
}

/** The operation of an RPC. */
export function rpcOperation(
  { service, handler }: CallTarget,
  method: DescMethod,
  { body, path }: { readonly body: string; readonly path: PathTemplate },
): DescribeOperation {
  return (schemas) => {
    const bound = new Set(path.segments.flatMap((segment) => ("variable" in segment ? [segment.variable] : [])));
    const inQuery = body === "*" ? [] : method.input.fields.filter(({ name }) => name !== body && !bound.has(name));
    const bodyField = method.input.fields.find(({ name }) => name === body);
    const bodySchema = bodyField === undefined ? schemas.refTo(method.input) : schemas.field(bodyField);
    return {
      operationId: `${service.name}_${method.name}`,
      summary: handler?.purpose ?? method.name,
      tags: [service.name],
      parameters: inQuery
        .filter(({ fieldKind }) => fieldKind !== "map" && fieldKind !== "message")
        .map((field) => queryParameter(field.name, schemas.field(field))),
      ...(body === "" ? {} : { requestBody: { required: true, ...jsonContent(bodySchema, method.input.name) } }),
      responses: { "200": jsonContent(schemas.refTo(method.output), "The answer") },
    };
  };
}
