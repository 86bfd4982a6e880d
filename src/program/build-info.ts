/**
 * What was built, from which commit, and when: the answer to `--version` and the first line of every log.
 *
 * The build (scripts/build.mjs) replaces the three identifiers below by text. Run from the sources, as the tests do, they do not
 * exist, and the fallbacks say so.
 * @module
 */

declare const __KFP_RUNTIME_VERSION__: string | undefined;
declare const __KFP_RUNTIME_COMMIT__: string | undefined;
declare const __KFP_RUNTIME_DATE__: string | undefined;

/** What was built. */
export interface BuildInfo {
  /** The package version, such as `0.1.0`. */
  readonly version: string;
  /** Twelve digits of the Git commit, followed by `-dirty` when files differed from it, or `unknown`. */
  readonly commit: string;
  /** UTC time of the commit (or `SOURCE_DATE_EPOCH`), ISO 8601 to the second, or `unknown`. Never the time of the build: builds are reproducible. */
  readonly date: string;
}

/** This build. */
export const buildInfo: BuildInfo = {
  version: typeof __KFP_RUNTIME_VERSION__ === "undefined" ? "0.0.0-source" : __KFP_RUNTIME_VERSION__,
  commit: typeof __KFP_RUNTIME_COMMIT__ === "undefined" ? "unknown" : __KFP_RUNTIME_COMMIT__,
  date: typeof __KFP_RUNTIME_DATE__ === "undefined" ? "unknown" : __KFP_RUNTIME_DATE__,
};

/**
 * Says in one line what runs, for `--version`.
 *
 * @param program The command's name, such as `driver`.
 * @param info What was built; the default is this build.
 * @returns `driver 0.1.0 (commit 0123456789ab, 2026-08-01T12:00:00Z)`, without a line end.
 */
export function formatVersion(program: string, info: BuildInfo = buildInfo): string {
  return `${program} ${info.version} (commit ${info.commit}, ${info.date})`;
}
