/**
 * The answers of the JSON interface of Google Cloud Storage: objects, listings, refusals, checksums in headers. Pure.
 *
 * Source: docs/spec/object-stores.md#decision-checksums; Cloud Storage JSON API, "Objects" and "HTTP status and error codes".
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import type { BlobPage } from "../bucket.ts";
import { BAD_CHECKSUM } from "../store-advice.ts";
import { StoreFailure } from "../store-failure.ts";
import type { OfferedChecksum } from "../digests/checksums.ts";

/** What the store says about an object. */
export interface ObjectFacts {
  readonly name: string;
  readonly sizeBytes: number;
  /** Names the version. */
  readonly generation: string;
  /** CRC-32C of the stored bytes, Base64 of its big-endian form. */
  readonly crc32c?: string;
}

/** Fields that answers about objects should have. */
export const OBJECT_FIELDS = "name,size,generation,crc32c";

/** @throws {StoreFailure} when the text does not describe an object. */
export function parseObject(text: string): ObjectFacts {
  return objectFacts(membersOf(parseJson(text)));
}

/** @throws {StoreFailure} when the text is not a listing. */
export function parseListing(text: string): BlobPage {
  const answer = membersOf(parseJson(text));
  const items: unknown = answer.get("items") ?? [];
  const token = answer.get("nextPageToken");
  if (!Array.isArray(items)) throw unexpected();
  const entries = items.map((item) => {
    const { name, sizeBytes, generation } = objectFacts(membersOf(item));
    return { key: name, sizeBytes, etag: generation };
  });
  return typeof token === "string" && token !== "" ? { entries, nextToken: token } : { entries };
}

/** The store's word for a refusal: `rateLimitExceeded`, `forbidden`, `userProjectMissing`. */
export function refusalReason(text: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error = fieldOf(json, "error");
  if (/crc32c|checksum/i.test(String(fieldOf(error, "message")))) return BAD_CHECKSUM;
  const errors = fieldOf(error, "errors");
  const words = [fieldOf(Array.isArray(errors) ? errors[0] : undefined, "reason"), fieldOf(error, "status"), error];
  return words.find((word): word is string => typeof word === "string" && /^[\w.-]{1,60}$/.test(word));
}

/** CRC-32C in the `x-goog-hash` headers of an answer. */
export function offeredCrc32c(headers: IncomingHttpHeaders): OfferedChecksum[] {
  const header = headers["x-goog-hash"] ?? "";
  const value = /(?:^|[,\s])crc32c=([A-Za-z0-9+/]{6}==)/.exec(Array.isArray(header) ? header.join(",") : header)?.[1];
  return value === undefined ? [] : [crc32cChecksum(value)];
}

export function crc32cChecksum(value: string): OfferedChecksum {
  return { algorithm: "crc32c", value };
}

function objectFacts(members: ReadonlyMap<string, unknown>): ObjectFacts {
  const name = members.get("name");
  const generation = members.get("generation");
  const crc32c = members.get("crc32c");
  // 64-bit numbers are texts in this interface.
  const sizeBytes = Number(members.get("size") ?? Number.NaN);
  if (typeof name !== "string" || !Number.isSafeInteger(sizeBytes)) throw unexpected();
  return {
    name,
    sizeBytes,
    generation: typeof generation === "string" || typeof generation === "number" ? String(generation) : "",
    ...(typeof crc32c === "string" && crc32c !== "" ? { crc32c } : {}),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected();
  }
}

function membersOf(json: unknown): ReadonlyMap<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw unexpected();
  return new Map(Object.entries(json));
}

function fieldOf(json: unknown, name: string): unknown {
  return typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
}

/** A cut answer looks like this too, so that it is worth another try. */
function unexpected(): StoreFailure {
  return new StoreFailure("the store's answer is not what Google Cloud Storage answers", { reason: "UNEXPECTED_EOF" });
}
