/**
 * HealthzService and AuthService, as a server of one user answers them.
 *
 * Source: docs/spec/service-messages.md#healthzproto, #authproto, docs/spec/api-server.md#modes.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { EmptySchema, type Empty } from "@bufbuild/protobuf/wkt";
import {
  GetHealthzResponseSchema,
  type GetHealthzResponse,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/healthz_pb.js";

/** The server answers, so it is well. */
export function getHealthz(): GetHealthzResponse {
  return create(GetHealthzResponseSchema, { multiUser: false, pipelineStore: "database" });
}

/** Whoever got here may do everything: tokens, where they are asked for, were looked at before. */
export function authorize(): Empty {
  return create(EmptySchema);
}
