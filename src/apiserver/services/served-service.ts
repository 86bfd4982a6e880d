/**
 * A service and who answers its methods, for every transport: gRPC and HTTP serve the same list.
 *
 * @module
 */
import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import type { ServiceDescriptor } from "../../wire/grpc-definition.ts";
import type { LeanAnswer } from "../../wire/lean-answer.ts";
import type { EncodedMessage } from "./encoded-message.ts";

type ShapeOf<Desc> = Desc extends DescMessage ? MessageShape<Desc> : never;
type ReplyOf<Desc> = Desc extends DescMessage ? MessageShape<Desc> | EncodedMessage<Desc> : never;

/** What came with a call besides its message. */
export interface CallContext {
  /** The value of `authorization`, as it was sent. */
  readonly authorization?: string;
  /** The run a gRPC call says it belongs to (`x-kfp-bound-run-id`); never set over REST (docs/spec/json-and-rest.md#rest-gateway). */
  readonly boundRunId?: string;
  /** What a client that knows of lean answers needs; absent: everything. */
  readonly lean?: LeanAnswer | undefined;
  /** Of a list of tasks the client needs those of this iteration, and those of none. */
  readonly listIteration?: number | undefined;
  /** An update with an explicitly empty `tags`, which no message can tell from an absent one. */
  readonly clearTags: boolean;
}

/** One handler, and the words its errors begin with: "Failed to create a run". */
export interface Handler<Input, Output> {
  readonly purpose: string;
  readonly handle: (request: Input, context: CallContext) => Output | Promise<Output>;
}

/** Handlers by local method name; a missing one answers UNIMPLEMENTED. */
export type Handlers<Service extends ServiceDescriptor> = {
  readonly [Name in keyof Service["method"]]?: Handler<
    ShapeOf<Service["method"][Name]["input"]>,
    ReplyOf<Service["method"][Name]["output"]>
  >;
};

/** A service and who answers its methods; methods without a handler answer UNIMPLEMENTED. */
export interface ServedService {
  readonly service: Pick<DescService, "name" | "methods"> & ServiceDescriptor;
  readonly handlers: Readonly<Record<string, Handler<never, unknown> | undefined>>;
}

/** Pairs a service with its handlers, types checked. */
export function served<Service extends ServiceDescriptor>(service: Service, handlers: Handlers<Service>): ServedService {
  return { service, handlers };
}
