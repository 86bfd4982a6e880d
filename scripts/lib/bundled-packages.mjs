/**
 * Which installed npm packages the programs contain.
 *
 * package.json does not tell: all packages are dependencies of the build, since the built programs need none. The bundler counts bytes by
 * name of package (dist/meta.json); the lock file knows versions and places.
 * @module
 */

/**
 * Lists the packages of these names. A copy that lies below a package which is not bundled belongs to that one and is left out; where
 * two versions remain, both are listed.
 *
 * @param {{ packages: Record<string, object> }} lock package-lock.json.
 * @param {ReadonlySet<string>} names Of packages with bytes in a bundle.
 * @returns {{ location: string, name: string, entry: { version: string, license?: string, integrity?: string } }[]}
 */
export function bundledPackages(lock, names) {
  return Object.entries(lock.packages)
    .map(([location, entry]) => ({ location, names: location.split("node_modules/").slice(1), entry }))
    .filter(({ names: path }) => path.length > 0 && path.every((name) => names.has(name.replace(/\/$/, ""))))
    .map(({ location, names: path, entry }) => ({ location, name: path.at(-1), entry }));
}
