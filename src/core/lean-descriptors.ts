/**
 * Message descriptors that cost nothing until they are used: what the build puts in the place of protobuf-es' file descriptors.
 *
 * protobuf-es decodes a FileDescriptorProto for every file of messages when the program starts, and builds every field of every
 * message from it: a quarter of a driver's start-up, for a few messages that are then used. The build does that work once
 * (scripts/lib/lean-descriptors.mjs) and writes the result down in rows; the fields of a message are made from its row when somebody
 * asks for them. The objects have the shape of protobuf-es' own descriptors; only `proto` is cut down to the name and, for services and
 * methods, to options that are extensions, such as google.api.http: `getOption` of protobuf-es reads them.
 * Sources and tests outside a build use protobuf-es' descriptors.
 *
 * @module
 */
import { base64Decode } from "@bufbuild/protobuf/wire";

/** JSON array of name, number, local name, JSON name, field kind, presence, then per kind, see `describeField`. */
export type FieldRow = readonly [
  name: string,
  number: number,
  localName: string,
  jsonName: string,
  fieldKind: "scalar" | "enum" | "message" | "list" | "map",
  presence: number,
  /** What an element of a list or a value of a map is. */
  elementKind: "" | "scalar" | "enum" | "message",
  scalar: number,
  /** Full name of the message or the enum. */
  typeName: string,
  mapKey: number,
  /** Bits: 1 UTF-8 validation, 2 packed, 4 delimited, 8 deprecated, 16 long as string. */
  flags: number,
  /** Index into the names of oneofs, -1 for none. */
  oneof: number,
];

export type MessageRow = readonly [
  name: string,
  deprecated: boolean,
  /** JSON of FieldRow[]. */
  fields: string,
  oneofs: readonly (readonly [name: string, localName: string])[],
  messages: readonly MessageRow[],
  enums: readonly EnumRow[],
];

export type EnumRow = readonly [
  name: string,
  deprecated: boolean,
  open: boolean,
  sharedPrefix: string | null,
  /** JSON of [name, local name, number, deprecated, JSON name][]. */
  values: string,
];

export type ServiceRow = readonly [
  name: string,
  deprecated: boolean,
  /** JSON of [name, local name, method kind, input, output, idempotency, deprecated, options][]. */
  methods: string,
  options: OptionRows,
];

/** Extensions among the options, as protobuf-es keeps fields it does not know; the data in Base64. */
export type OptionRows = readonly (readonly [no: number, wireType: number, data: string])[];

export type FileRow = readonly [
  /** With `.proto`. */
  path: string,
  packageName: string,
  edition: number,
  deprecated: boolean,
  messages: readonly MessageRow[],
  enums: readonly EnumRow[],
  services: readonly ServiceRow[],
];

type Property = Record<string, unknown>;
type EnumValueRow = readonly [name: string, localName: string, number: number, deprecated: boolean, jsonName: string];
type MethodRow = readonly [
  name: string,
  localName: string,
  methodKind: string,
  input: string,
  output: string,
  idempotency: number,
  deprecated: boolean,
  options: OptionRows,
];

/** Every message and enum made here, by full name. */
const types = new Map<string, LeanMessage | LeanEnum>();

/**
 * Makes the descriptor of a file.
 *
 * @param dependencies Descriptors of the files whose types this one uses; named so that they exist before.
 */
export function leanFile(row: FileRow, dependencies: readonly unknown[]): LeanFile {
  return new LeanFile(row, dependencies);
}

class LeanFile {
  readonly kind = "file";
  readonly proto: { readonly name: string; readonly package: string };
  readonly deprecated: boolean;
  readonly edition: number;
  readonly name: string;
  readonly dependencies: readonly unknown[];
  readonly enums: readonly LeanEnum[];
  readonly messages: readonly LeanMessage[];
  readonly extensions: readonly never[] = [];
  readonly services: readonly LeanService[];

  constructor([path, packageName, edition, deprecated, messages, enums, services]: FileRow, dependencies: readonly unknown[]) {
    this.proto = { name: path, package: packageName };
    this.deprecated = deprecated;
    this.edition = edition;
    this.name = path.replace(/\.proto$/, "");
    this.dependencies = dependencies;
    this.enums = enums.map((row) => new LeanEnum(row, this, undefined));
    this.messages = messages.map((row) => new LeanMessage(row, this, undefined));
    this.services = services.map((row) => new LeanService(row, this));
  }

  toString(): string {
    return `file ${this.proto.name}`;
  }
}

class LeanMessage {
  readonly kind = "message";
  readonly proto: { readonly name: string };
  readonly deprecated: boolean;
  readonly file: LeanFile;
  readonly parent: LeanMessage | undefined;
  readonly name: string;
  readonly typeName: string;
  readonly nestedEnums: readonly LeanEnum[];
  readonly nestedMessages: readonly LeanMessage[];
  readonly nestedExtensions: readonly never[] = [];
  readonly #row: MessageRow;
  #parts: MessageParts | undefined;

  constructor(row: MessageRow, file: LeanFile, parent: LeanMessage | undefined) {
    const [name, deprecated, , , messages, enums] = row;
    this.#row = row;
    this.proto = { name };
    this.deprecated = deprecated;
    this.file = file;
    this.parent = parent;
    this.name = name;
    this.typeName = typeNameOf(name, file, parent);
    types.set(this.typeName, this);
    this.nestedEnums = enums.map((nested) => new LeanEnum(nested, file, this));
    this.nestedMessages = messages.map((nested) => new LeanMessage(nested, file, this));
  }

  get fields(): readonly Property[] {
    return this.#use().fields;
  }

  get field(): Readonly<Record<string, Property>> {
    return this.#use().field;
  }

  get oneofs(): readonly Property[] {
    return this.#use().oneofs;
  }

  get members(): readonly Property[] {
    return this.#use().members;
  }

  toString(): string {
    return `message ${this.typeName}`;
  }

  #use(): MessageParts {
    this.#parts ??= describeParts(this, this.#row);
    return this.#parts;
  }
}

interface MessageParts {
  readonly fields: readonly Property[];
  readonly field: Readonly<Record<string, Property>>;
  readonly oneofs: readonly Property[];
  /** Fields outside oneofs and oneofs, in the order of the source. */
  readonly members: readonly Property[];
}

function describeParts(message: LeanMessage, [, , text, oneofRows]: MessageRow): MessageParts {
  const oneofs = oneofRows.map(([name, localName]) => ({
    kind: "oneof",
    proto: { name },
    deprecated: false,
    parent: message,
    fields: [] as Property[],
    name,
    localName,
    toString: () => `oneof ${message.typeName}.${name}`,
  }));
  const fields: Property[] = [];
  const field: Record<string, Property> = {};
  const members: Property[] = [];
  for (const row of JSON.parse(text) as FieldRow[]) {
    const oneof = oneofs[row[11]];
    const made = describeField(row, message, oneof);
    fields.push(made);
    field[row[2]] = made;
    if (oneof === undefined) members.push(made);
    else {
      if (oneof.fields.length === 0) members.push(oneof);
      oneof.fields.push(made);
    }
  }
  return { fields, field, oneofs, members };
}

function describeField(row: FieldRow, parent: LeanMessage, oneof: Property | undefined): Property {
  const [name, number, localName, jsonName, fieldKind, presence, elementKind, scalar, typeName, mapKey, flags] = row;
  const isList = fieldKind === "list";
  const isMap = fieldKind === "map";
  const type = typeName === "" ? undefined : types.get(typeName);
  // The order is that of protobuf-es, so that the engine sees one shape.
  return {
    kind: "field",
    proto: { name },
    deprecated: (flags & 8) !== 0,
    name,
    number,
    scalar: scalar === 0 ? undefined : scalar,
    message: type?.kind === "message" ? type : undefined,
    enum: type?.kind === "enum" ? type : undefined,
    presence,
    utf8Validation: (flags & 1) !== 0,
    listKind: isList ? elementKind : undefined,
    mapKind: isMap ? elementKind : undefined,
    mapKey: isMap ? mapKey : undefined,
    delimitedEncoding: fieldKind === "message" || elementKind === "message" || isMap ? (flags & 4) !== 0 : undefined,
    packed: isList ? (flags & 2) !== 0 : undefined,
    longAsString: (flags & 16) !== 0,
    getDefaultValue: isList || isMap ? undefined : noDefault,
    parent,
    oneof,
    localName,
    jsonName,
    toString: () => `field ${parent.typeName}.${name}`,
    fieldKind,
  };
}

/** Files with defaults of their own are not made lean. */
function noDefault(): undefined {
  return undefined;
}

class LeanEnum {
  readonly kind = "enum";
  readonly proto: { readonly name: string };
  readonly deprecated: boolean;
  readonly file: LeanFile;
  readonly parent: LeanMessage | undefined;
  readonly open: boolean;
  readonly name: string;
  readonly typeName: string;
  readonly sharedPrefix: string | undefined;
  readonly #row: EnumRow;
  #values: readonly Property[] | undefined;
  #value: Record<number, Property> | undefined;

  constructor(row: EnumRow, file: LeanFile, parent: LeanMessage | undefined) {
    const [name, deprecated, open, sharedPrefix] = row;
    this.#row = row;
    this.proto = { name };
    this.deprecated = deprecated;
    this.file = file;
    this.parent = parent;
    this.open = open;
    this.name = name;
    this.typeName = typeNameOf(name, file, parent);
    this.sharedPrefix = sharedPrefix ?? undefined;
    types.set(this.typeName, this);
  }

  get values(): readonly Property[] {
    this.#values ??= (JSON.parse(this.#row[4]) as EnumValueRow[]).map(([name, localName, number, deprecated, jsonName]) => ({
      kind: "enum_value",
      proto: { name, number },
      deprecated,
      parent: this,
      name,
      localName,
      number,
      jsonName,
      toString: () => `enum value ${this.typeName}.${name}`,
    }));
    return this.#values;
  }

  /** By number; the first of those that share one. */
  get value(): Readonly<Record<number, Property>> {
    if (this.#value === undefined) {
      this.#value = {};
      for (const value of this.values) this.#value[value["number"] as number] ??= value;
    }
    return this.#value;
  }

  toString(): string {
    return `enum ${this.typeName}`;
  }
}

class LeanService {
  readonly kind = "service";
  readonly proto: ProtoWithOptions;
  readonly deprecated: boolean;
  readonly file: LeanFile;
  readonly name: string;
  readonly typeName: string;
  readonly #row: ServiceRow;
  #methods: readonly Property[] | undefined;

  constructor(row: ServiceRow, file: LeanFile) {
    const [name, deprecated, , options] = row;
    this.#row = row;
    this.proto = protoOf(name, "google.protobuf.ServiceOptions", options);
    this.deprecated = deprecated;
    this.file = file;
    this.name = name;
    this.typeName = typeNameOf(name, file, undefined);
  }

  get methods(): readonly Property[] {
    this.#methods ??= (JSON.parse(this.#row[2]) as MethodRow[]).map(
      ([name, localName, methodKind, input, output, idempotency, deprecated, options]) => ({
        kind: "rpc",
        proto: protoOf(name, "google.protobuf.MethodOptions", options),
        deprecated,
        parent: this,
        name,
        localName,
        methodKind,
        input: types.get(input),
        output: types.get(output),
        idempotency,
        toString: () => `rpc ${this.typeName}.${name}`,
      }),
    );
    return this.#methods;
  }

  /** By local name. */
  get method(): Readonly<Record<string, Property>> {
    return Object.fromEntries(this.methods.map((method) => [method["localName"], method]));
  }

  toString(): string {
    return `service ${this.typeName}`;
  }
}

interface ProtoWithOptions {
  readonly name: string;
  readonly options?: { readonly $typeName: string; readonly $unknown: readonly Property[] };
}

function protoOf(name: string, $typeName: string, options: OptionRows): ProtoWithOptions {
  if (options.length === 0) return { name };
  let decoded: ProtoWithOptions["options"];
  return {
    name,
    // A client asks for all methods of a service, and for the options of none.
    get options() {
      decoded ??= { $typeName, $unknown: options.map(([no, wireType, data]) => ({ no, wireType, data: base64Decode(data) })) };
      return decoded;
    },
  };
}

function typeNameOf(name: string, file: LeanFile, parent: LeanMessage | undefined): string {
  if (parent !== undefined) return `${parent.typeName}.${name}`;
  return file.proto.package === "" ? name : `${file.proto.package}.${name}`;
}
