/**
 * The OpenAPI document of all endpoints, and the endpoint that serves it.
 *
 * Source: docs/spec/api-server.md#decision-openapi.
 *
 * @module
 */
import { StatusSchema } from "../../../gen/google/rpc/status_pb.js";
import type { ApiPackage } from "../../../wire/grpc-definition.ts";
import type { RestEndpoint } from "../http/endpoint.ts";
import { jsonAnswer } from "../http/error-answer.ts";
import { parsePathTemplate } from "../http/path-template.ts";
import { MessageSchemas, type JsonSchema } from "./message-schemas.ts";
import { jsonContent, type ApiOperation } from "./operation.ts";

/** What the document says of the server. */
export interface DocumentOptions {
  /** Of the program. */
  readonly version: string;
  /** Paths are those of v2beta1 where it is served, else of v2. */
  readonly packages: readonly ApiPackage[];
}

/** `GET /openapi.json`: the endpoints that describe themselves. Made when it is first asked for; needs no token. */
export function openApiEndpoint(endpoints: readonly RestEndpoint[], options: DocumentOptions): RestEndpoint {
  let text: string | undefined;
  return {
    method: "GET",
    path: parsePathTemplate("/openapi.json"),
    handle: () => jsonAnswer(200, (text ??= JSON.stringify(openApiDocument(endpoints, options)))),
  };
}

/** OpenAPI 3.1. Of endpoints with the same path and method the first one is described, as it is the one that answers. */
export function openApiDocument(endpoints: readonly RestEndpoint[], { version, packages }: DocumentOptions): JsonSchema {
  const schemas = new MessageSchemas();
  const error = schemas.refTo(StatusSchema);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, describe } of endpoints) {
    if (describe === undefined) continue;
    const text = packages.includes("v2beta1") ? path.text : path.text.replace(/^\/apis\/v2beta1\//, "/apis/v2/");
    const name = text.replaceAll(/\{([^}]+)\}/g, (_, variable: string) => `{${shortName(variable)}}`);
    const operations = (paths[name] ??= {});
    operations[method.toLowerCase()] ??= withCommonParts(describe(schemas), path.segments, error);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Kubeflow Pipelines API of kfp-runtime",
      version,
      description: "The API of Kubeflow Pipelines v2 as one machine serves it. The paths under /apis/v2 are the same.",
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: schemas.all(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Only where the server was started with tokens." },
      },
    },
  };
}

/** Without the message it leads into: methods of one path name its variables differently, and tools stumble over the dot. */
function shortName(variable: string): string {
  return variable.slice(variable.lastIndexOf(".") + 1);
}

function withCommonParts(
  operation: ApiOperation,
  segments: RestEndpoint["path"]["segments"],
  error: JsonSchema,
): Readonly<Record<string, unknown>> {
  const variables = segments.flatMap((segment) =>
    "variable" in segment
      ? [{ name: shortName(segment.variable), in: "path", required: true, schema: { type: "string", minLength: 1 } }]
      : [],
  );
  return {
    ...operation,
    parameters: [...variables, ...(operation.parameters ?? [])],
    responses: { default: jsonContent(error, "An error"), ...operation.responses },
  };
}
