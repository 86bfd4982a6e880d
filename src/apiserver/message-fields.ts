/**
 * The top level of an encoded message, field by field, taken apart and put together without decoding it: for answers that are made of
 * stored bytes.
 *
 * @module
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { varint } from "../wire/varint.ts";

/** One field of a message: all of it, and what a length-delimited one holds. */
export interface MessageField {
  readonly number: number;
  /** Tag and value. */
  readonly raw: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/**
 * The fields in the order in which they are encoded; a repeated one comes once for each entry.
 *
 * @throws {Error} When the bytes are no message.
 */
export function fieldsOf(bytes: Uint8Array): MessageField[] {
  const fields: MessageField[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    let value: Uint8Array | undefined;
    if (wireType === WireType.LengthDelimited) value = reader.bytes();
    else reader.skip(wireType, number);
    fields.push({ number, raw: bytes.subarray(start, reader.pos), value });
  }
  return fields;
}

/** One field that holds a message or text, in parts; whoever has all fields of a message copies them together once. */
export function lengthDelimited(fieldNumber: number, value: Uint8Array): readonly Uint8Array[] {
  return [varint(fieldNumber * 8 + WireType.LengthDelimited), varint(value.length), value];
}

/** One field that holds a number, not negative, or an enum value. */
export function varintField(fieldNumber: number, value: number): readonly Uint8Array[] {
  return [varint(fieldNumber * 8 + WireType.Varint), varint(value)];
}
