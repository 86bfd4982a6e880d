/**
 * Any message of a type that has a JSON form: values at the ends of each type, enums of known and unknown number, nested to a depth.
 *
 * @module
 */
import { create, ScalarType, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import fc from "fast-check";

/** Messages as `create` makes them. */
export function arbitraryMessage(schema: DescMessage, depth = 4): fc.Arbitrary<Message> {
  return initOf(schema, depth).map((init) => create(schema, init as never));
}

function scalarOf(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof(
        fc.constantFrom("", "\u0000", "\u2028<&>", "\ud7ff\u{10ffff}"),
        fc.string({ unit: "grapheme", maxLength: 12 }),
      );
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 5 });
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.oneof(fc.constantFrom(2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)), fc.bigInt(-100n, 100n));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt(0n, 2n ** 64n - 1n);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    default:
      return fc.integer();
  }
}

/** `__proto__` is left out: protobuf-es' own reader loses such members. */
const plainJson = fc
  .jsonValue({ maxDepth: 3, noUnicodeString: false })
  .filter((json) => !JSON.stringify(json).includes("__proto__"));

function initOf(schema: DescMessage, depth: number): fc.Arbitrary<unknown> {
  switch (schema.typeName) {
    case "google.protobuf.Struct":
      return fc.dictionary(fc.string({ maxLength: 5 }), plainJson, { maxKeys: 3, noNullPrototype: true });
    case "google.protobuf.Value":
      return fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ kind: { case: "numberValue", value } })),
        fc.string().map((value) => ({ kind: { case: "stringValue", value } })),
        fc.boolean().map((value) => ({ kind: { case: "boolValue", value } })),
        fc.constant({ kind: { case: "nullValue", value: 0 } }),
      );
    case "google.protobuf.Timestamp":
      return fc.record({
        seconds: fc.bigInt(-62_135_596_800n, 253_402_300_799n),
        nanos: fc.integer({ min: 0, max: 999_999_999 }),
      });
    case "google.protobuf.Any":
      return fc.constant({});
    default:
      return recordOf(schema, depth);
  }
}

function recordOf(schema: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const single = (field: DescField): fc.Arbitrary<unknown> => {
    if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ number }) => number), 99);
    if (field.message !== undefined) return initOf(field.message, depth - 1);
    return scalarOf(field.scalar ?? ScalarType.INT32);
  };
  const usable = (field: DescField) =>
    field.message?.typeName !== "google.rpc.Status" && (depth > 0 || field.message === undefined);
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    if (field.oneof !== undefined || !usable(field)) continue;
    if (field.fieldKind === "list") members[field.localName] = fc.array(single(field), { maxLength: 2 });
    else if (field.fieldKind === "map") {
      members[field.localName] = fc.dictionary(fc.constantFrom("", "a", "b.c", "ü"), single(field), {
        maxKeys: 2,
        noNullPrototype: true,
      });
    } else members[field.localName] = fc.option(single(field), { nil: undefined });
  }
  for (const { localName, fields } of schema.oneofs) {
    const cases = fields.filter(usable).map((field) => single(field).map((value) => ({ case: field.localName, value })));
    if (cases.length > 0) members[localName] = fc.option(fc.oneof(...cases), { nil: undefined });
  }
  return fc
    .record(members)
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));
}
