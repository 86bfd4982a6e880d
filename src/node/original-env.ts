/**
 * The environment as the container got it, for the user's program.
 *
 * In a user's image our Node is started by portable/launch.c, which hides variables meant for the user's program that would change
 * our own process (`LD_PRELOAD`, `NODE_OPTIONS`, ...): it renames each with a prefix and sets a mark. A variable of the user that
 * already begins like the mark is renamed as well, so that undoing it is exact. Where Node was started directly there is no mark,
 * and nothing is undone. In the driver's image only variables of the loader and the libc are hidden.
 *
 * Settings of our own whose names begin with `LD_`, `NODE_`, `MALLOC_`, `OPENSSL_` or `UV_` must therefore be read from
 * `originalEnvironment()`, never from process.env. Source: docs/spec/portable-launcher.md#files, #pitfalls.
 * @module
 */

/** Both in portable/launch.c too. */
const stashMark = "KFP_LAUNCHER_STASH";
const stashPrefix = `${stashMark}_`;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Restores what the user's program has to see.
 *
 * @param processEnv Environment of this process, not yet cleaned.
 * @returns A copy, with every name and value as the container got it.
 */
export function originalEnvironment(processEnv: Environment): Record<string, string> {
  const isStashed = processEnv[stashMark] === "1";
  const entries = Object.entries(processEnv).flatMap(([name, value]): [string, string][] => {
    if (value === undefined || (isStashed && name === stashMark)) return [];
    return [[isStashed && name.startsWith(stashPrefix) ? name.slice(stashPrefix.length) : name, value]];
  });
  return Object.fromEntries(entries);
}

/**
 * Makes the environment of this process fit for the libraries in it: removes what the entry point stashed, and sets `HOME` to `/`
 * where it is missing, because `os.homedir()` throws for a user id without a passwd entry, and the AWS SDK asks for it.
 *
 * Call it once, in a main file, after `originalEnvironment()`.
 *
 * @param processEnv `process.env`; changed in place.
 */
export function cleanEnvironment(processEnv: Record<string, string | undefined>): void {
  if (processEnv[stashMark] === "1") {
    for (const name of Object.keys(processEnv)) if (name.startsWith(stashMark)) delete processEnv[name];
  }
  if (processEnv["HOME"] === undefined || processEnv["HOME"] === "") processEnv["HOME"] = "/";
}
