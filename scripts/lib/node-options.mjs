/**
 * With which options Node is started for each program (docs/adr/0047). Nothing that code caches depend on may be among them.
 * @module
 */

/**
 * - A driver makes some 6 MB of objects, a launcher 7 around a short command: a young generation that begins with 8 MB takes them without a
 *   collection, where Node would collect three times while it grows.
 * - A wide loop makes much that is garbage at once, for which V8 would take 128 MB on a large machine before it looks.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const OPTIONS = {
  "kfp-runtime": ["--max-semi-space-size=16"],
  driver: ["--min-semi-space-size=8"],
  "launcher-v2": ["--min-semi-space-size=8"],
};

/**
 * Options for any Node.
 *
 * @param {string} program Such as `driver`.
 * @returns {readonly string[]}
 */
export function nodeOptions(program) {
  return OPTIONS[program] ?? [];
}

/**
 * With this option the certificates that Node carries are read when a connection needs them (src/node/default-authorities.ts), not in every
 * start. For the Node that package-lock.json names, unless variables tell Node something of its own: `NODE_OPTIONS` or `NODE_USE_SYSTEM_CA`.
 */
export const LATE_AUTHORITIES = "--use-openssl-ca";

/**
 * Whether a program, started for every step, takes LATE_AUTHORITIES.
 *
 * @param {string} program Such as `driver`.
 * @returns {boolean}
 */
export function takesLateAuthorities(program) {
  return program === "driver" || program === "launcher-v2";
}
