/**
 * Escaping as signatures want it. Pure.
 *
 * @module
 */

/** The signature needs every reserved character encoded, also those that encodeURIComponent leaves. */
export function strictEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
