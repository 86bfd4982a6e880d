/**
 * A service and who answers its methods, for every transport: gRPC and HTTP serve the same list.
 *
 * @module
 */
import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import type { ServiceDescriptor } from "../../wire/grpc-definition.ts";
import type { EncodedMessage } from "./encoded-message.ts";

type ShapeOf<Desc> = Desc extends DescMessage ? MessageShape<Desc> : never;
type ReplyOf<Desc> = Desc extends DescMessage ? MessageShape<Desc> | EncodedMessage<Desc> : never;

/** One handler, and the words its errors begin with: "Failed to create a run". */
export interface Handler<Input, Output> {
  readonly purpose: string;
  readonly handle: (request: Input) => Output | Promise<Output>;
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
