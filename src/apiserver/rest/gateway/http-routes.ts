/**
 * The HTTP side of the RPCs, read from the `google.api.http` options of the protos.
 *
 * @module
 */
import { getOption, hasOption, type DescMethod } from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.js";
import type { CallTarget } from "../../calls/call-invoker.ts";
import type { ServedService } from "../../services/served-service.ts";
import type { RestEndpoint } from "../http/endpoint.ts";
import { parsePathTemplate, type PathTemplate } from "../http/path-template.ts";

/** How one RPC is called over HTTP. */
export interface HttpRoute {
  readonly httpMethod: RestEndpoint["method"];
  /** Under /apis/v2beta1. */
  readonly path: PathTemplate;
  /** The field that the body is; `*` for the whole request; empty for none. */
  readonly body: string;
  readonly method: DescMethod;
  readonly target: CallTarget;
}

const HTTP_METHODS = { get: "GET", put: "PUT", post: "POST", patch: "PATCH", delete: "DELETE" } as const;

/** Routes of all methods that have one, in the order of the protos; methods without a handler included, they answer 501. */
export function httpRoutes(services: readonly ServedService[]): HttpRoute[] {
  return services.flatMap(({ service, handlers }) =>
    service.methods.flatMap((method): HttpRoute[] => {
      if (!hasOption(method, http)) return [];
      const { pattern, body } = getOption(method, http);
      if (pattern.case === undefined) return [];
      return [
        {
          httpMethod: HTTP_METHODS[pattern.case],
          path: parsePathTemplate(pattern.value),
          body,
          method,
          target: { service, method, handler: handlers[method.localName] },
        },
      ];
    }),
  );
}
