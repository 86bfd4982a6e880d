/**
 * String order and validity as Go sees them: Go strings are UTF-8, JavaScript strings are UTF-16.
 *
 * @module
 */

/**
 * Compares two strings by their UTF-8 bytes, for use with `sort`.
 *
 * Differs from `<` only where a surrogate pair (code points above U+FFFF) meets U+E000 to U+FFFF: by UTF-16 units the pair comes
 * first, by bytes it comes last.
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return byteRank(a) - byteRank(b);
  }
  return left.length - right.length;
}

// Moves surrogates behind U+FFFF, where the code points they stand for belong.
function byteRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit : unit + 0x10000;
}

/** Whether the text holds half a surrogate pair, which has no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

// White space of Go's unicode.IsSpace. JavaScript's trim() lacks U+0085 and has U+FEFF.
const GO_SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const OUTER_SPACE = new RegExp(`^[${GO_SPACE}]+|[${GO_SPACE}]+$`, "g");

/** Go's strings.TrimSpace. */
export function trimGoSpace(text: string): string {
  return text.replace(OUTER_SPACE, "");
}
