/**
 * Bundles programs into chunks that boot.cjs can load.
 *
 * Two passes of esbuild. The first bundles all programs together as ES modules with code splitting: what two programs share, or
 * what is behind an `import()`, becomes a chunk of its own, and every module exists exactly once. The second turns each chunk
 * into a CommonJS function expression, because `vm.Script`, the only way to give V8 a code cache of ours, knows no modules. Chunk
 * imports become `require("./name.js")`, which boot.cjs answers. Source maps are composed, so they point at the TypeScript files.
 *
 * Names are not shortened and statements are not merged: a debugger sees the variables and the lines of the sources.
 * @module
 */
import path from "node:path";
import { build } from "esbuild";
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
 * @param {readonly string[]} [options.without] Plugins to leave out.
 * @returns {Promise<Chunk[]>} All chunks, sorted by name.
 */
export async function bundle({ root, outDir, programs, define, without = [] }) {
  const split = await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir: outDir,
    plugins: [leanDescriptors(root)].filter(({ name }) => !without.includes(name)),
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
  const plan = planChunks(split.metafile, outDirFromRoot, Object.keys(programs));
  const texts = new Map(split.outputFiles.map((file) => [path.basename(file.path), file.text]));
  const wrapped = await wrapChunks({ root, outDir, plan, texts });
  return plan
    .map(({ name, file, isProgram, eager, lazy, packages }) => ({
      name,
      code: wrapped.get(`${name}.js`),
      map: normaliseMap(wrapped.get(`${name}.js.map`), file),
      isProgram,
      eager,
      lazy,
      packages,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Gives every chunk of the first pass a readable name that does not depend on its content. */
function planChunks(metafile, outDirFromRoot, programNames) {
  const chunks = Object.entries(metafile.outputs)
    .filter(([file]) => file.endsWith(".js"))
    .map(([file, output]) => ({
      file: path.posix.relative(outDirFromRoot, file),
      output,
      key: Object.keys(output.inputs).sort().join("\n"),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = new Set(programNames);
  const names = new Map();
  for (const { file, output } of chunks) {
    const base = file.slice(0, -".js".length);
    if (programNames.includes(base)) {
      names.set(file, base);
      continue;
    }
    const wanted = output.entryPoint === undefined ? `shared-${largestInput(output)}` : describeInput(output.entryPoint);
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`;
    taken.add(name);
    names.set(file, name);
  }
  return chunks.map(({ file, output }) => {
    const targets = (kind) =>
      output.imports
        .filter((entry) => entry.kind === kind && entry.external !== true)
        .map((entry) => names.get(path.posix.relative(outDirFromRoot, entry.path)))
        .sort();
    return {
      file,
      name: names.get(file),
      isProgram: programNames.includes(names.get(file)),
      isCommonJs: metafile.inputs[output.entryPoint]?.format === "cjs",
      eager: targets("import-statement"),
      lazy: targets("dynamic-import"),
      packages: countPackages(output.inputs),
      renames: names,
    };
  });
}

function largestInput(output) {
  const [largest] = Object.entries(output.inputs).sort(
    ([nameA, a], [nameB, b]) => b.bytesInOutput - a.bytesInOutput || (nameA < nameB ? -1 : 1),
  );
  // esbuild's own helpers are a chunk without inputs.
  return largest === undefined ? "helpers" : describeInput(largest[0]);
}

/** `src/apiclient/channel.ts` becomes `apiclient-channel`, a file of a package becomes the package's name. */
function describeInput(file) {
  const owner = packageOf(file);
  const text = owner === undefined ? file.replace(/^src\//, "").replace(/\.[^./]+$/, "") : owner;
  return text
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+/, "")
    .toLowerCase();
}

/** Name of the npm package a file belongs to, undefined for our own sources. */
function packageOf(file) {
  return /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
}

function countPackages(inputs) {
  const bytes = {};
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const owner = packageOf(file) ?? file.split("/").slice(0, 2).join("/");
    bytes[owner] = (bytes[owner] ?? 0) + bytesInOutput;
  }
  return Object.fromEntries(Object.entries(bytes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function wrapChunks({ root, outDir, plan, texts }) {
  const byPath = new Map(plan.map((chunk) => [path.join(outDir, chunk.file), chunk]));
  const chunkFiles = {
    name: "chunk-files",
    setup(hooks) {
      hooks.onResolve({ filter: /.*/ }, (args) => {
        if (args.kind === "entry-point") return { path: args.path };
        const chunk = byPath.get(path.resolve(args.resolveDir, args.path));
        return { path: chunk === undefined ? args.path : `./${chunk.name}.js`, external: true };
      });
      hooks.onLoad({ filter: /.*/ }, (args) => {
        const { file } = byPath.get(args.path);
        const map = Buffer.from(texts.get(`${file}.map`), "utf8").toString("base64");
        return {
          contents: `${texts.get(file)}\n//# sourceMappingURL=data:application/json;base64,${map}`,
          loader: "js",
          resolveDir: outDir,
        };
      });
    },
  };
  const result = await build({
    absWorkingDir: root,
    entryPoints: plan.map(({ file, name }) => ({ in: path.join(outDir, file), out: name })),
    outdir: outDir,
    plugins: [chunkFiles],
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
  for (const { name } of plan.filter(({ isCommonJs }) => isCommonJs)) {
    const code = wrapped.get(`${name}.js`);
    const end = code.lastIndexOf(`\n${wrapperTail}\n`);
    wrapped.set(`${name}.js`, `${code.slice(0, end)}\n${nameExports}${code.slice(end)}`);
  }
  return wrapped;
}

/**
 * Drops what no debugger needs, and checks that no path of this machine got in.
 *
 * @param {string} text
 * @param {string} file The chunk's name in the first pass: the only source of a chunk that only passes on exports.
 */
function normaliseMap(text, file) {
  const { version, sources, sourcesContent, names, mappings } = JSON.parse(text);
  if (sources.length === 1 && sources[0] === file) return JSON.stringify({ version, sources: [], names: [], mappings: "" });
  const wrong = sources.find((source) => path.isAbsolute(source) || source.startsWith("file:") || source === file);
  if (wrong !== undefined) throw new Error(`the source map of ${file} names ${wrong}`);
  return JSON.stringify({ version, sources, sourcesContent, names, mappings });
}

/**
 * Lists what a program loads.
 *
 * @param {Pick<Chunk, "name" | "eager" | "lazy">[]} chunks
 * @param {string} program
 * @returns {{eager: string[], reachable: string[]}} Names of the chunks loaded at start, and of all it may ever load.
 */
export function chunksOf(chunks, program) {
  const byName = new Map(chunks.map((chunk) => [chunk.name, chunk]));
  const walk = (follow) => {
    const seen = new Set([program]);
    for (const name of seen) for (const next of follow(byName.get(name))) seen.add(next);
    return [...seen].sort();
  };
  return { eager: walk((chunk) => chunk.eager), reachable: walk((chunk) => [...chunk.eager, ...chunk.lazy]) };
}
