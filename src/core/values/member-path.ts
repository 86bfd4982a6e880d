/**
 * How messages name a member of a JSON value.
 *
 * @module
 */

/** `path.key`, or `path["key"]` when the key would not read as one word. */
export function memberPath(path: string, key: string): string {
  if (!/^[\w@-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
