/**
 * Answers that are put together from stored bytes instead of messages.
 *
 * A run of a thousand tasks is answered without decoding a single one. `Message` names what the bytes encode.
 *
 * @module
 */
import { fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { lengthDelimited } from "../message-fields.ts";

/** A message that is encoded already, so that stored parts are not decoded to be encoded again. `Desc` says what the bytes are. */
export class EncodedMessage<Desc extends DescMessage> {
  readonly desc: Desc;
  readonly bytes: Uint8Array;

  constructor(desc: Desc, bytes: Uint8Array) {
    this.desc = desc;
    this.bytes = bytes;
  }

  decode(): MessageShape<Desc> {
    return fromBinary(this.desc, this.bytes);
  }
}

/** A message whose repeated (or single) field `fieldNumber` gets these encoded messages on top of what `rest` holds. */
export function encodeWithParts<Desc extends DescMessage>(
  desc: Desc,
  rest: MessageShape<Desc>,
  parts: readonly { readonly fieldNumber: number; readonly messages: readonly Uint8Array[] }[],
): EncodedMessage<Desc> {
  const all: Uint8Array[] = [toBinary(desc, rest)];
  for (const { fieldNumber, messages } of parts) {
    for (const message of messages) all.push(...lengthDelimited(fieldNumber, message));
  }
  return new EncodedMessage(desc, Buffer.concat(all));
}
