/**
 * Bundles programs into chunks that boot.cjs can load.
 *
 * Two passes of esbuild. The first bundles all programs together as ES modules with code splitting: what two programs share, or
 * what is behind an `import()`, becomes a chunk of its own, and every module exists exactly once. The second puts chunks that are
 * always loaded together into one file (chunk-plan.mjs), and turns each file into a CommonJS function expression, because `vm.Script`,
 * the only way to give V8 a code cache of ours, knows no modules. Imports from another file become `require("./name.js")`, which
 * boot.cjs answers. Source maps are composed, so they point at the TypeScript files.
 *
 * Names are not shortened and statements are not merged: a debugger sees the variables and the lines of the sources.
 * @module
 */
import path from "node:path";
import { build } from "esbuild";
import { describeGroup, groupChunks, planChunks } from "./chunk-plan.mjs";
import { chunkGroups } from "./chunk-groups.mjs";
import { grpcClient } from "./grpc-client.mjs";
import { leanDescriptors } from "./lean-descriptors.mjs";

/** What the wrapper hands to a chunk; boot.cjs passes the arguments in this order. */
const wrapperHead = '(function(exports,require,module,__filename,__dirname,__importMetaUrl){"use strict";';
const wrapperTail = "})";

/**
 * The end of a chunk that `import()` of a CommonJS package loads. Such a chunk has only a default export; Node gives the import
 * the package's names as well, and the types promise them. After all other code, so that no source position moves.
 */
const nameExports =
  "for(const name of Object.keys(Object(module.exports.default)))if(!(name in module.exports))" +
  "Object.defineProperty(module.exports,name,{enumerable:true,get:()=>module.exports.default[name]});";

/**
 * @typedef {object} Chunk
 * @property {string} name File name without `.js`.
 * @property {string} code Text of the file, ASCII.
 * @property {string} map Text of the source map.
 * @property {boolean} isProgram Whether a program starts here.
 * @property {string[]} everyRunOf Programs that load it whenever they do their work.
 * @property {string[]} eager Chunks that are loaded with this one.
 * @property {string[]} lazy Chunks that `import()` loads later.
 * @property {Record<string, number>} packages Bytes per npm package, and per folder of our own sources, such as `src/driver`.
 */

/**
 * Bundles programs.
 *
 * @param {object} options
 * @param {string} options.root Absolute folder that paths are relative to.
 * @param {string} options.outDir Absolute folder the files will lie in; nothing is written, but source maps are relative to it.
 * @param {Record<string, string>} options.programs Program name to source file, relative to root.
 * @param {Record<string, string>} options.define Identifiers to replace, as esbuild's `define`.
 * @param {Readonly<Record<string, readonly string[]>>} [options.everyRun] For a program the sources that each of its runs loads by
 *   `import()`: they become one file, with what they import.
 * @param {string} [options.prefix] Of the names of all chunks but the programs', for programs that are bundled apart from others.
 * @param {boolean} [options.isGrpcClient] Whether the programs call gRPC servers and are none.
 * @param {readonly string[]} [options.without] Plugins to leave out.
 * @returns {Promise<Chunk[]>} All chunks, sorted by name.
 */
export async function bundle({ root, outDir, programs, define, everyRun = {}, prefix = "", isGrpcClient = false, without = [] }) {
  const split = await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir: outDir,
    plugins: [leanDescriptors(root), ...(isGrpcClient ? [grpcClient(root)] : [])].filter(({ name }) => !without.includes(name)),
    // grpc-js requires it when somebody asks for channelz or ORCA, which nobody here does; it would bring all of protobufjs.
    alias: { "@grpc/proto-loader": path.join(root, "scripts/lib/no-proto-loader.cjs") },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    mainFields: ["module", "main"],
    charset: "ascii",
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: true,
    write: false,
    metafile: true,
    logLevel: "warning",
    define: {
      ...define,
      "import.meta.url": "__importMetaUrl",
      "import.meta.filename": "__filename",
      "import.meta.dirname": "__dirname",
    },
  });
  const outDirFromRoot = path.relative(root, outDir).split(path.sep).join("/");
  const plan = planChunks(split.metafile, outDirFromRoot, Object.keys(programs), prefix);
  const groups = groupChunks(plan, everyRun);
  const texts = new Map(split.outputFiles.map((file) => [path.basename(file.path), file.text]));
  const wrapped = await wrapGroups({ root, outDir, groups, texts });
  return groups
    .map((group) => ({
      ...describeGroup(group, groups),
      code: wrapped.get(`${group.name}.js`),
      map: normaliseMap(wrapped.get(`${group.name}.js.map`), group.name),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function wrapGroups({ root, outDir, groups, texts }) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: groups.map(({ name, members }) => ({
      in: members.length === 1 ? path.join(outDir, members[0].file) : `group:${name}`,
      out: name,
    })),
    outdir: outDir,
    plugins: [chunkGroups({ outDir, groups, texts })],
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node22",
    // import() of a chunk or of a built-in module becomes require(): a vm.Script has no import().
    supported: { "dynamic-import": false },
    charset: "ascii",
    legalComments: "none",
    minifyWhitespace: true,
    // Node prints the source line of an uncaught error: keep lines short.
    lineLimit: 160,
    sourcemap: "linked",
    sourcesContent: true,
    write: false,
    logLevel: "warning",
    banner: { js: wrapperHead },
    footer: { js: wrapperTail },
  });
  const wrapped = new Map(result.outputFiles.map((file) => [path.relative(outDir, file.path), file.text]));
  for (const { name } of groups.filter(({ members }) => members[0].isCommonJs)) {
    const code = wrapped.get(`${name}.js`);
    const end = code.lastIndexOf(`\n${wrapperTail}\n`);
    wrapped.set(`${name}.js`, `${code.slice(0, end)}\n${nameExports}${code.slice(end)}`);
  }
  return wrapped;
}

/** Drops what no debugger needs, and checks that no path of this machine and no chunk of the first pass got in. */
function normaliseMap(text, name) {
  const { version, sources, sourcesContent, names, mappings } = JSON.parse(text);
  const wrong = sources.find((source) => path.isAbsolute(source) || source.includes(":") || !source.includes("/"));
  if (wrong !== undefined) throw new Error(`the source map of ${name} names ${wrong}`);
  return JSON.stringify({ version, sources, sourcesContent, names, mappings });
}
