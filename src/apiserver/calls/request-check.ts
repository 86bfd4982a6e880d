/**
 * Enum fields of requests hold numbers the API knows, and times are times: proto3 lets any number through, and an unknown state, or
 * a moment no calendar has, would be stored and read for ever. Pure.
 *
 * @module
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { TimestampSchema, type Timestamp } from "@bufbuild/protobuf/wkt";
import { invalidArgument } from "../service-error.ts";

/** Fields of a message that are checked, or lead to some that are. */
type CheckedFields = readonly DescField[];

const known = new Map<DescMessage, CheckedFields>();

/** @throws {ServiceError} invalidArgument naming the field. */
export function assertKnownValues(schema: DescMessage, message: Message): void {
  if (checkedFieldsOf(schema).length > 0) check(reflect(schema, message), "");
}

/** What protobuf says a Timestamp can hold: the years 1 to 9999. */
const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

function check(message: ReflectMessage, path: string): void {
  if (message.desc.typeName === TimestampSchema.typeName) checkTimestamp(message.message as Timestamp, path);
  for (const field of checkedFieldsOf(message.desc)) {
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

function checkTimestamp({ seconds, nanos }: Timestamp, path: string): void {
  if (seconds >= FIRST_SECOND && seconds <= LAST_SECOND && nanos >= 0 && nanos <= 999_999_999) return;
  throw invalidArgument(`${path.slice(0, -1)} is not a time: ${String(seconds)} s and ${String(nanos)} ns since 1970`);
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

/** The fields of a message to look at, or into; JSON-like values are left out, they are as large as users like. */
function checkedFieldsOf(schema: DescMessage): CheckedFields {
  const found = known.get(schema);
  if (found !== undefined) return found;
  // Says "none" while this type is looked at, for types that contain themselves.
  known.set(schema, []);
  const fields = schema.typeName.startsWith("google.protobuf.")
    ? []
    : schema.fields.filter(
        ({ enum: type, message }) =>
          type !== undefined ||
          (message !== undefined && (message.typeName === TimestampSchema.typeName || checkedFieldsOf(message).length > 0)),
      );
  known.set(schema, fields);
  return fields;
}
