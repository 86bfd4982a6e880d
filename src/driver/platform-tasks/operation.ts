/** Tasks that the driver does itself, known by their image. Source: docs/spec/persistent-volume-claims.md#recognition. @module */

export type PlatformOperation = "create-claim" | "delete-claim";

const BY_IMAGE = new Map<string, PlatformOperation>([
  ["argostub/createpvc", "create-claim"],
  ["argostub/deletepvc", "delete-claim"],
]);

/** @returns `undefined` for the image of a program. */
export function platformOperation(image: string): PlatformOperation | undefined {
  return BY_IMAGE.get(image);
}
