/**
 * Names and tags of what people store. Pure.
 *
 * Source: docs/spec/pipelines-and-python-client.md#naming, #service-calls (tags), docs/spec/api-server.md#api-12.
 *
 * @module
 */
import { invalidArgument } from "../../service-error.ts";

/** Characters of the name of a pipeline or an experiment at most. */
export const MAX_NAME_LENGTH = 128;
/** Characters of the name of a pipeline version at most. */
export const MAX_VERSION_NAME_LENGTH = 127;
/** Tags of one pipeline or version at most. */
export const MAX_TAGS = 20;
/** Characters of the key and of the value of a tag at most. */
export const MAX_TAG_LENGTH = 63;
/** Bytes of a description at most. */
const MAX_DESCRIPTION_BYTES = 65_535;

/** What people call a thing, and what programs do. */
export interface Names {
  readonly name: string;
  readonly displayName: string;
}

/**
 * Fills the missing one of name and display name from the other.
 *
 * @param what As `pipeline`.
 * @throws {ServiceError} invalidArgument when both are empty, or one is too long.
 */
export function completeNames({ name, displayName }: Names, what: string, maxLength: number): Names {
  const complete = { name: name || displayName, displayName: displayName || name };
  if (complete.name === "") throw invalidArgument(`The ${what} has neither a name nor a display name`);
  checkText(complete.name, `name of the ${what}`, maxLength);
  checkText(complete.displayName, `display name of the ${what}`, maxLength);
  return complete;
}

/** @param what As `name of the pipeline`. @throws {ServiceError} invalidArgument. */
export function checkText(text: string, what: string, maxLength: number): void {
  const length = characters(text);
  if (length > maxLength) throw invalidArgument(`The ${what} has ${length} characters, at most ${maxLength} are possible`);
  if (text.includes("\0")) throw invalidArgument(`The ${what} holds a NUL`);
}

/** Unicode characters, as databases count them. */
function characters(text: string): number {
  return Array.from(text).length;
}

/** @throws {ServiceError} invalidArgument. */
export function checkDescription(description: string, what: string): void {
  if (Buffer.byteLength(description) > MAX_DESCRIPTION_BYTES) {
    throw invalidArgument(`The description of the ${what} has more than ${MAX_DESCRIPTION_BYTES} bytes`);
  }
}

/** @throws {ServiceError} invalidArgument. */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS) throw invalidArgument(`${entries.length} tags are given, at most ${MAX_TAGS} are possible`);
  for (const [key, value] of entries) {
    const shown = JSON.stringify(key);
    if (key === "") throw invalidArgument("A tag has an empty key");
    if (key.includes(".")) throw invalidArgument(`The key of tag ${shown} must not have a "."`);
    if (characters(key) > MAX_TAG_LENGTH)
      throw invalidArgument(`The key of tag ${shown} has more than ${MAX_TAG_LENGTH} characters`);
    if (characters(value) > MAX_TAG_LENGTH) {
      throw invalidArgument(`The value of tag ${shown} has more than ${MAX_TAG_LENGTH} characters`);
    }
  }
}
