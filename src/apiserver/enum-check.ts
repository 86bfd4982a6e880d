/**
 * Enum fields of requests hold numbers the API knows: proto3 lets any number through, and a state or type nobody knows would be stored
 * and read for ever. Pure.
 *
 * @module
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { invalidArgument } from "./service-error.ts";

/** Field paths below a message that lead to an enum. */
type EnumFields = readonly DescField[];

const known = new Map<DescMessage, EnumFields>();

/** @throws {ServiceError} invalidArgument naming the field. */
export function assertKnownEnums(schema: DescMessage, message: Message): void {
  if (enumFieldsOf(schema).length > 0) check(reflect(schema, message), "");
}

function check(message: ReflectMessage, path: string): void {
  for (const field of enumFieldsOf(message.desc)) {
    if (!message.isSet(field)) continue;
    const place = `${path}${field.name}`;
    switch (field.fieldKind) {
      case "enum":
        checkNumber(field, message.get(field), place);
        break;
      case "message":
        check(message.get(field), `${place}.`);
        break;
      case "list":
        for (const [index, item] of [...message.get(field)].entries()) checkMember(field, item, `${place}[${String(index)}]`);
        break;
      case "map":
        for (const [key, item] of message.get(field)) checkMember(field, item, `${place}[${String(key)}]`);
        break;
      case "scalar":
        break;
    }
  }
}

function checkMember(field: DescField, member: unknown, place: string): void {
  if (field.enum === undefined) check(member as ReflectMessage, `${place}.`);
  else checkNumber(field, member, place);
}

function checkNumber({ enum: type }: DescField, value: unknown, place: string): void {
  if (type?.value[value as number] === undefined) {
    throw invalidArgument(`${place} has the value ${String(value)}, which is none of ${type?.name ?? "its enum"}`);
  }
}

/** The fields of a message that are enums or hold one somewhere below; JSON-like values are left out, they are as large as users like. */
function enumFieldsOf(schema: DescMessage): EnumFields {
  const found = known.get(schema);
  if (found !== undefined) return found;
  // Says "none" while this type is looked at, for types that contain themselves.
  known.set(schema, []);
  const fields = schema.typeName.startsWith("google.protobuf.")
    ? []
    : schema.fields.filter(
        (field) => field.enum !== undefined || (field.message !== undefined && enumFieldsOf(field.message).length > 0),
      );
  known.set(schema, fields);
  return fields;
}
