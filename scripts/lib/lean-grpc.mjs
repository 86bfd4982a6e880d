/**
 * esbuild plugin: the modules of the gRPC library load each other, and Node's, when they are first used instead of all at once.
 *
 * The library's index loads its server, load balancers, statistics and compression, of which a client uses next to nothing; each start
 * of a program would compile and run them. Only the form that TypeScript's compiler writes, `const name_1 = require("x");` at the
 * start of a line, is changed; everything else stays as it is. `@grpc/proto-loader`, which only serves channelz and ORCA (both load
 * it when somebody asks for them, which nobody here does), is left out with all of protobufjs.
 * @module
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const compiledModule = /[\\/]node_modules[\\/](?:@grpc[\\/]grpc-js[\\/]build[\\/]src|nice-grpc[\\/]lib)[\\/].*\.js$/;
const protoLoader = fileURLToPath(new URL("no-proto-loader.cjs", import.meta.url));
const topLevelRequire = /^const (\w+_\d+) = require\(("[^"]+")\);$/gm;

/** @returns {import("esbuild").Plugin} */
export function leanGrpc() {
  return {
    name: "lean-grpc",
    setup(hooks) {
      hooks.onLoad({ filter: compiledModule }, async ({ path }) => ({
        contents: requireWhenUsed(await readFile(path, "utf8")),
        loader: "js",
      }));
      hooks.onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ importer }) =>
        compiledModule.test(importer) ? { path: protoLoader } : undefined,
      );
    },
  };
}

/**
 * Puts off what a CommonJS module requires at its top to the first use of each name. Lines stay where they are.
 *
 * @param {string} text
 * @returns {string}
 */
export function requireWhenUsed(text) {
  const names = [...text.matchAll(topLevelRequire)].map(([, name]) => name);
  if (names.length === 0) return text;
  const uses = new RegExp(`(?<![\\w$."'])(${names.join("|")})(?![\\w$"'])`, "g");
  return text
    .split("\n")
    .map((line) => {
      const [whole, name, module] = new RegExp(topLevelRequire.source).exec(line) ?? [];
      if (whole === undefined) return line.replaceAll(uses, "($1())");
      return `let ${name}$loaded; const ${name} = () => (${name}$loaded ??= require(${module}));`;
    })
    .join("\n");
}
