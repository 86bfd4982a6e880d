/**
 * How long to wait before something is tried again: pauses that grow by a factor up to a longest one.
 *
 * @module
 */

/** How pauses grow. */
export interface Growth {
  readonly firstMs: number;
  /** 2 unless said. */
  readonly factor?: number;
  readonly longestMs?: number;
}

/**
 * The pause in ms, before chance has its say.
 *
 * @param repeats Pauses before this one, from 0.
 */
export function backoffMs({ firstMs, factor = 2, longestMs = Number.POSITIVE_INFINITY }: Growth, repeats: number): number {
  // Zero times a factor that has grown out of all numbers is none.
  return firstMs === 0 ? 0 : Math.min(longestMs, firstMs * factor ** repeats);
}
