/**
 * The number format of keys and lengths on the wire, for those who put messages together from encoded parts.
 *
 * @module
 */

/** @param value A whole number, not negative, up to 2^53. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
