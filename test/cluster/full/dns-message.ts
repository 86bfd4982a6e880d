/**
 * Questions for addresses, and answers to them, as DNS messages.
 *
 * Standard: RFC 1035 4.1.
 *
 * @module
 */

export interface DnsQuestion {
  readonly id: number;
  /** In lower case, without the dot at its end. */
  readonly name: string;
  readonly type: number;
  /** As it stands in the message. */
  readonly bytes: Buffer;
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
const CLASS_IN = 1;
const NAME_ERROR = 3;
/** That the server is one for the name, that it answers; recursion is told to be available, since some clients insist on it. */
const ANSWER_FLAGS = 0x8580;
/** The name of the question. */
const POINTER = 0xc00c;
const TTL_SECONDS = 5;

/** @returns The first question; undefined for what is none. */
export function parseQuestion(message: Buffer): DnsQuestion | undefined {
  if (message.length < HEADER_BYTES + 5 || message.readUInt16BE(4) < 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const bytes = message.subarray(HEADER_BYTES, at + 4);
  return { id: message.readUInt16BE(0), name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at), bytes };
}

/** @param address IPv4; undefined: there is no such name. Questions of another type have an answer without addresses. */
export function answerTo(question: DnsQuestion, address: string | undefined): Buffer {
  const hasAnswer = address !== undefined && question.type === TYPE_A;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(question.id, 0);
  header.writeUInt16BE(ANSWER_FLAGS | (address === undefined ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  if (!hasAnswer) return Buffer.concat([header, question.bytes]);
  const record = Buffer.alloc(16);
  record.writeUInt16BE(POINTER, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(TTL_SECONDS, 6);
  record.writeUInt16BE(4, 10);
  for (const [index, part] of address.split(".").entries()) record[12 + index] = Number(part);
  return Buffer.concat([header, question.bytes, record]);
}
