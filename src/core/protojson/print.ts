/**
 * Messages to protojson text, in one spelling.
 *
 * Go's own output has random white space, so consumers parse it; ours is compact and always the same: fields in declaration order,
 * map entries and struct members in UTF-8 byte order. Negative zero is kept, which JSON.stringify would lose.
 *
 * Source: docs/spec/json-and-rest.md#output, docs/spec/executor-input.md#json-form.
 *
 * @module
 */
import { ScalarType, toJson } from "@bufbuild/protobuf";
import type { DescEnum, DescField, DescMessage, JsonObject, Message, MessageShape } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import type { Any, Value } from "@bufbuild/protobuf/wkt";
import { errorMessage, ResolveError } from "../errors.ts";
import { jsonString, sortJson } from "../go/json.ts";
import { jsonNumber } from "../go/number.ts";
import { memberPath } from "../values/member-path.ts";
import { compareUtf8 } from "../go/unicode.ts";
import { valueToJson } from "../values/value.ts";

/** How a message is written. */
export interface PrintOptions {
  /** Field names as in the proto file (`parameter_values`) instead of camel case. */
  readonly protoNames?: boolean;
  /**
   * Writes `$` as `\u0024`, which neither the kubelet nor Argo expands and every JSON reader reads back
   * (docs/spec/pod-spec-patch.md#decision-dollar-in-executor-input).
   */
  readonly escapeDollar?: boolean;
}

/**
 * The protojson text of a message. Unpopulated fields are left out.
 *
 * @throws {ResolveError} VALUE_INVALID, naming the JSON path, for a Value without a kind, NaN or infinities in a Value, and strings
 * without a UTF-8 form.
 */
export function printJson<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  options: PrintOptions = {},
): string {
  const text = printMessage(schema, message, "", options.protoNames === true);
  // In JSON text a dollar sign stands only inside strings, so replacing it everywhere is safe.
  return options.escapeDollar === true ? text.replaceAll("$", "\\u0024") : text;
}

/** Runs a printer and adds the path to what it cannot print. */
function at(path: string, print: () => string): string {
  try {
    return print();
  } catch (error) {
    throw new ResolveError("VALUE_INVALID", `Cannot write ${path} as JSON: ${errorMessage(error)}`, { cause: error });
  }
}

function printMessage(desc: DescMessage, message: Message, path: string, protoNames: boolean): string {
  if (desc.typeName.startsWith("google.protobuf.")) return printWellKnown(desc, message, path);
  const fields = message as unknown as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  for (const field of desc.fields) {
    const value = populatedValue(field, fields);
    if (value === undefined) continue;
    const name = protoNames ? field.name : field.jsonName;
    members.push(`${jsonString(name)}:${printField(field, value, memberPath(path, name), protoNames)}`);
  }
  return `{${members.join(",")}}`;
}

/** The value of a field, or `undefined` when protojson leaves the field out. */
function populatedValue(field: DescField, fields: Readonly<Record<string, unknown>>): unknown {
  if (field.oneof !== undefined) {
    const oneof = fields[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
    return oneof.case === field.localName ? oneof.value : undefined;
  }
  const value = fields[field.localName];
  switch (field.fieldKind) {
    case "message":
      return value;
    case "list":
      return (value as unknown[]).length === 0 ? undefined : value;
    case "map":
      return Object.keys(value as object).length === 0 ? undefined : value;
    case "scalar":
    case "enum":
      if (hasExplicitPresence(field)) return Object.hasOwn(fields, field.localName) ? value : undefined;
      return isZero(value) ? undefined : value;
  }
}

// Value of FieldDescriptorProto's feature field_presence for fields without presence.
const IMPLICIT_PRESENCE = 2;

function hasExplicitPresence(field: DescField): boolean {
  return (field.presence as number) !== IMPLICIT_PRESENCE;
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === "" || value === false || value === 0n || Object.is(value, 0);
}

function printField(field: DescField, value: unknown, path: string, protoNames: boolean): string {
  switch (field.fieldKind) {
    case "list": {
      const items = (value as unknown[]).map((item, index) => printSingle(field, item, `${path}[${index}]`, protoNames));
      return `[${items.join(",")}]`;
    }
    case "map": {
      const entries = Object.entries(value as Record<string, unknown>).toSorted(mapKeyOrder(field.mapKey));
      const members = entries.map(([key, item]) => {
        const here = memberPath(path, key);
        return `${at(here, () => jsonString(key))}:${printSingle(field, item, here, protoNames)}`;
      });
      return `{${members.join(",")}}`;
    }
    case "scalar":
    case "enum":
    case "message":
      return printSingle(field, value, path, protoNames);
  }
}

function mapKeyOrder(type: ScalarType): (left: [string, unknown], right: [string, unknown]) => number {
  // "false" sorts before "true" by bytes as well.
  if (type === ScalarType.STRING || type === ScalarType.BOOL) return ([left], [right]) => compareUtf8(left, right);
  return ([left], [right]) => (BigInt(left) < BigInt(right) ? -1 : 1);
}

function printSingle(
  field: {
    readonly scalar?: ScalarType | undefined;
    readonly enum?: DescEnum | undefined;
    readonly message?: DescMessage | undefined;
  },
  value: unknown,
  path: string,
  protoNames: boolean,
): string {
  if (field.message !== undefined) return printMessage(field.message, value as Message, path, protoNames);
  if (field.enum !== undefined) return printEnum(field.enum, value as number);
  return at(path, () => printScalar(field.scalar, value));
}

function printEnum(desc: DescEnum, number: number): string {
  if (desc.typeName === "google.protobuf.NullValue") return "null";
  const name = desc.value[number]?.name;
  return name === undefined ? String(number) : jsonString(name);
}

function printScalar(type: ScalarType | undefined, value: unknown): string {
  if (typeof value === "string") {
    return jsonString(value);
  }
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `"${value}"`;
  if (value instanceof Uint8Array) return jsonString(base64Encode(value));
  const number = value as number;
  if (!Number.isFinite(number)) return `"${number}"`;
  return type === ScalarType.FLOAT ? jsonNumber(shortestFloat(number)) : jsonNumber(number);
}

/** The double with the fewest digits that is the same 32-bit float. */
function shortestFloat(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}

function printWellKnown(desc: DescMessage, message: unknown, path: string): string {
  switch (desc.typeName) {
    case "google.protobuf.Value":
      return at(path, () => sortJson(valueToJson(message as Value)));
    case "google.protobuf.Struct":
      // A Struct field of a generated message is the plain object itself.
      return at(path, () => sortJson(message as JsonObject));
    case "google.protobuf.Any": {
      // Its type need not be known here (docs/spec/json-and-rest.md#decision-rest-gateway); a reply must not fail for that.
      const { typeUrl, value } = message as Any;
      return typeUrl === "" ? "{}" : sortJson({ "@type": typeUrl, value: base64Encode(value) });
    }
    default:
      return at(path, () => sortJson(toJson(desc, message as Message)));
  }
}
