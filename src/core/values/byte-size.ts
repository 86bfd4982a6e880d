/**
 * Sizes as people write them in settings: bytes, or with the suffixes of Kubernetes' binary quantities.
 *
 * @module
 */
const FACTORS: Readonly<Record<string, number>> = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** Reads `4194304`, `4096Ki`, `4Mi` or `1Gi` as bytes; `undefined` for anything else. */
export function parseByteSize(text: string): number | undefined {
  const match = /^([0-9]{1,15})(Ki|Mi|Gi)?$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (FACTORS[match[2] ?? ""] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
