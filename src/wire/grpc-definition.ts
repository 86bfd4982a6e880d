/**
 * gRPC method tables from protobuf-es descriptors, for server and client alike.
 *
 * The same messages travel under two packages (`...api.v2beta1` and `...api.v2`), so the package is an argument and only the path
 * differs. The tables are plain objects in the form that grpc-js and nice-grpc take; neither is loaded here.
 *
 * Source: docs/spec/run-and-artifact-messages.md#transport, docs/spec/api-versions.md#names.
 *
 * @module
 */
import { fromBinary, toBinary, type DescMessage, type DescMethod, type DescService, type MessageShape } from "@bufbuild/protobuf";

/** The two wire packages, by the last word of their name. */
export type ApiPackage = "v2beta1" | "v2";

/** `kubeflow.pipelines.backend.api.v2` and so on. */
export function apiPackageName(apiPackage: ApiPackage): string {
  return `kubeflow.pipelines.backend.api.${apiPackage}`;
}

/** One unary method. `Input` and `Output` are message shapes. */
export interface GrpcMethod<Input, Output> {
  /** `/<package>.<Service>/<Rpc>`. */
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly originalName: string;
  requestSerialize(this: void, message: Input): Buffer;
  requestDeserialize(this: void, bytes: Buffer): Input;
  /** Also takes `{ bytes }`, an answer that is encoded already. */
  responseSerialize(this: void, message: Output): Buffer;
  responseDeserialize(this: void, bytes: Buffer): Output;
}

/** What the function needs of a generated service descriptor. */
export type ServiceDescriptor = Pick<DescService, "name" | "methods"> & {
  readonly method: Readonly<Record<string, Pick<DescMethod, "methodKind"> & { input: unknown; output: unknown }>>;
};

type ShapeOf<Desc> = Desc extends DescMessage ? MessageShape<Desc> : never;

/** Methods under their local names: `getRun`, `updateTasksBulk`. */
export type GrpcServiceDefinition<Service extends ServiceDescriptor> = {
  readonly [Name in keyof Service["method"]]: GrpcMethod<
    ShapeOf<Service["method"][Name]["input"]>,
    ShapeOf<Service["method"][Name]["output"]>
  >;
};

/** Looks at, or replaces, the bytes of one message. `typeName` is the message's full name in the v2beta1 package. */
export type BytesHook = (typeName: string, bytes: Uint8Array, methodName: string) => Uint8Array;

/** Sees messages in their encoded form. */
export interface ServiceDefinitionOptions {
  /** Applied to every received message before it is decoded. */
  readonly received?: BytesHook;
  /** Applied to every message after it has been encoded. */
  readonly sent?: BytesHook;
}

/**
 * Builds the method table of a service under a package.
 *
 * @param service Generated descriptor, e.g. `RunService`. Streaming methods are left out: the API has none.
 * @param packageName Full package name, see `apiPackageName`.
 */
export function serviceDefinition<Service extends ServiceDescriptor>(
  service: Service,
  packageName: string,
  options: ServiceDefinitionOptions = {},
): GrpcServiceDefinition<Service> {
  const table: Record<string, GrpcMethod<unknown, unknown>> = {};
  for (const method of service.methods) {
    if (method.methodKind !== "unary") continue;
    const encode = (desc: DescMessage) => (message: unknown) => {
      const bytes = isEncoded(message) ? message.bytes : toBinary(desc, message as MessageShape<DescMessage>);
      return asBuffer(options.sent === undefined ? bytes : options.sent(desc.typeName, bytes, method.name));
    };
    const decode = (desc: DescMessage) => (bytes: Buffer) =>
      fromBinary(desc, options.received === undefined ? bytes : options.received(desc.typeName, bytes, method.name));
    table[method.localName] = {
      path: `/${packageName}.${service.name}/${method.name}`,
      requestStream: false,
      responseStream: false,
      originalName: method.localName,
      requestSerialize: encode(method.input),
      requestDeserialize: decode(method.input),
      responseSerialize: encode(method.output),
      responseDeserialize: decode(method.output),
    };
  }
  return table as GrpcServiceDefinition<Service>;
}

/** Generated messages carry `$typeName`, so nothing else is mistaken for one. */
function isEncoded(message: unknown): message is { readonly bytes: Uint8Array } {
  return (
    typeof message === "object" &&
    message !== null &&
    !("$typeName" in message) &&
    "bytes" in message &&
    message.bytes instanceof Uint8Array
  );
}

/** grpc-js frames messages with Buffer methods; the memory is shared, not copied. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
