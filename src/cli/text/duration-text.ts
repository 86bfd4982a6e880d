/** Durations for people. @module */

/** `0.03 s`, `0.3 s`, `12.4 s`, `3 min 20 s`. */
export function durationText(ms: number): string {
  if (ms < 100) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
