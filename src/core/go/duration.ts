/**
 * Durations as Go writes them: `2s`, `1m30s`, `250ms`, `-1.5h`.
 *
 * Source: Go's time.ParseDuration; docs/spec/driver-command-line.md#environment uses it for the gRPC back-off variables.
 *
 * @module
 */

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  // Micro sign and Greek mu.
  "\u00b5s": 1_000n,
  "\u03bcs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX_NANOSECONDS = 2n ** 63n - 1n;

/**
 * Milliseconds of a Go duration; fractions of a nanosecond are cut off.
 *
 * @returns `undefined` when the text is not a duration or leaves the range of a 64-bit count of nanoseconds (about 292 years).
 */
export function parseGoDuration(text: string): number | undefined {
  const [, sign = "", magnitude = ""] = /^([+-]?)(.*)$/su.exec(text) ?? [];
  if (magnitude === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/u.test(magnitude)) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of magnitude.matchAll(/(\d*)(?:\.(\d*))?([a-z\u00b5\u03bc]+)/gu)) {
    const scale = NANOSECONDS[unit] ?? 0n;
    total += BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > MAX_NANOSECONDS) return undefined;
  const ms = Number(total) / 1_000_000;
  return sign === "-" ? -ms : ms;
}
