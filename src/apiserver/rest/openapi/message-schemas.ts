/**
 * JSON Schemas of messages, as REST prints them. Pure.
 *
 * Source: docs/spec/json-and-rest.md#json-of-protobuf, #well-known-types.
 *
 * @module
 */
import { ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";

/** A JSON Schema of draft 2020-12, which OpenAPI 3.1 uses. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Where schemas of messages are found in the document. */
const COMPONENTS = "#/components/schemas/";

/** Collects the schemas of all messages that were asked for, with those they hold. */
export class MessageSchemas {
  readonly #schemas = new Map<string, JsonSchema>();

  /** A reference to the schema of a message; well-known types are described in place. */
  refTo(desc: DescMessage): JsonSchema {
    const wellKnown = wellKnownSchema(desc);
    if (wellKnown !== undefined) return wellKnown;
    const name = schemaName(desc);
    if (!this.#schemas.has(name)) {
      // Says "known" while this message is described, for messages that hold themselves.
      this.#schemas.set(name, {});
      const properties = Object.fromEntries(desc.fields.map((field) => [field.name, this.field(field)]));
      this.#schemas.set(name, { type: "object", properties, additionalProperties: false });
    }
    return { $ref: `${COMPONENTS}${name}` };
  }

  /** The schema of a field's value. */
  field(field: DescField): JsonSchema {
    const single = this.#single(field);
    if (field.fieldKind === "list") return { type: "array", items: single };
    if (field.fieldKind === "map") return { type: "object", additionalProperties: single };
    return field.deprecated ? { ...single, deprecated: true } : single;
  }

  /** By name, in the order of the alphabet. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#schemas].toSorted(([left], [right]) => (left < right ? -1 : 1)));
  }

  #single({ message, enum: type, scalar }: DescField): JsonSchema {
    if (message !== undefined) return this.refTo(message);
    if (type !== undefined) return enumSchema(type);
    return scalarSchema(scalar);
  }
}

/** Without the package: `PipelineTask.TaskPod`. */
function schemaName({ typeName, file }: DescMessage): string {
  return file.proto.package === "google.rpc" ? typeName : typeName.slice(file.proto.package.length + 1);
}

function enumSchema({ values }: DescEnum): JsonSchema {
  return { type: "string", enum: values.map(({ name }) => name) };
}

const NOT_FINITE = { type: "string", enum: ["NaN", "Infinity", "-Infinity"] };

function scalarSchema(type: ScalarType | undefined): JsonSchema {
  switch (type) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.BYTES:
      return { type: "string", format: "byte" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { anyOf: [{ type: "number" }, NOT_FINITE] };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: "string", format: "int64", pattern: "^-?[0-9]+$" };
    default:
      return { type: "integer", format: "int32", minimum: -2_147_483_648, maximum: 2_147_483_647 };
  }
}

function wellKnownSchema({ typeName }: DescMessage): JsonSchema | undefined {
  switch (typeName) {
    case "google.protobuf.Timestamp":
      return { type: "string", format: "date-time" };
    case "google.protobuf.Duration":
      return { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$" };
    case "google.protobuf.Struct":
    case "google.protobuf.Any":
      return { type: "object" };
    case "google.protobuf.Value":
      return {};
    case "google.protobuf.ListValue":
      return { type: "array" };
    case "google.protobuf.Empty":
      return { type: "object", additionalProperties: false };
    default:
      return undefined;
  }
}
