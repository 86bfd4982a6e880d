/**
 * esbuild plugin of the bundler's second pass: hands out the chunks of the first pass, and makes one file of those that belong together.
 *
 * The entry of a file with several chunks passes on what chunks of other files ask of its own. Two chunks may have an export of the same
 * name, so one of them gets another name in the file; who imports a chunk of another file imports a proxy that has the chunk's names.
 * @module
 */
import path from "node:path";

/**
 * @param {object} options
 * @param {string} options.outDir Absolute folder of the first pass' files.
 * @param {readonly import("./chunk-plan.mjs").ChunkGroup[]} options.groups
 * @param {ReadonlyMap<string, string>} options.texts By the file names of the first pass, source maps included.
 * @returns {import("esbuild").Plugin}
 */
export function chunkGroups({ outDir, groups, texts }) {
  const places = new Map(
    groups.flatMap((group) => group.members.map((chunk) => [path.join(outDir, chunk.file), { chunk, group }])),
  );
  const names = new Map(groups.map((group) => [group.name, nameExports(group, groups)]));
  return {
    name: "chunk-groups",
    setup(hooks) {
      hooks.onResolve({ filter: /.*/ }, ({ path: wanted, kind, importer, namespace, resolveDir }) => {
        if (kind === "entry-point")
          return wanted.startsWith("group:") ? { path: wanted.slice(6), namespace: "group" } : { path: wanted };
        const file = path.resolve(resolveDir, wanted);
        const place = places.get(file);
        if (place === undefined || namespace === "proxy") return { path: wanted, external: true };
        const from = namespace === "group" ? importer : places.get(importer).group.name;
        if (place.group.name === from) return { path: file };
        if (place.group.members.length === 1) return { path: `./${place.group.name}.js`, external: true };
        return { path: place.chunk.name, namespace: "proxy" };
      });
      hooks.onLoad({ filter: /.*/, namespace: "group" }, ({ path: name }) => {
        const { members } = groups.find((group) => group.name === name);
        const contents = members.map((chunk) => passOn(chunk, names.get(name))).join("");
        return { contents: withoutSources(contents), resolveDir: outDir };
      });
      hooks.onLoad({ filter: /.*/, namespace: "proxy" }, ({ path: name }) => {
        const { chunk, group } = [...places.values()].find((place) => place.chunk.name === name);
        const list = chunk.exports.map((name) => `${names.get(group.name).get(`${chunk.file} ${name}`)} as ${name}`);
        return { contents: withoutSources(`export { ${list.join(", ")} } from "./${group.name}.js";`), resolveDir: outDir };
      });
      hooks.onLoad({ filter: /.*/ }, ({ path: file }) => {
        const { chunk } = places.get(file);
        const map = texts.get(`${chunk.file}.map`);
        // A chunk that only passes on what others export.
        const isEmpty = JSON.parse(map).mappings.replaceAll(";", "") === "";
        const text = texts.get(chunk.file);
        return { contents: isEmpty ? withoutSources(text) : withMap(text, map), loader: "js", resolveDir: outDir };
      });
    },
  };
}

/** Gives a text a map of a place behind its end only: without a map, or with an empty one, the text itself would be a source. */
function withoutSources(text) {
  const mappings = `${";".repeat(text.split("\n").length)}AAAA`;
  return withMap(text, JSON.stringify({ version: 3, sources: ["none"], sourcesContent: [""], names: [], mappings }));
}

function withMap(text, map) {
  return `${text}\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map, "utf8").toString("base64")}`;
}

/** @returns {Map<string, string>} By chunk file and export: the name that the group exports it under. */
function nameExports({ members }, groups) {
  const wanted = new Set(groups.filter((group) => group.members !== members).flatMap(importsOf));
  const taken = new Set();
  const names = new Map();
  for (const chunk of members.filter(({ name }) => wanted.has(name))) {
    for (const name of chunk.exports) {
      let free = name === "default" ? "main" : name;
      for (let count = 2; taken.has(free); count++) free = `${name}_${String(count)}`;
      taken.add(free);
      names.set(`${chunk.file} ${name}`, free);
    }
  }
  return names;
}

function importsOf({ members }) {
  return members.flatMap(({ eager, lazy }) => [...eager, ...lazy]);
}

function passOn({ file, exports }, names) {
  const list = exports.flatMap((name) => (names.has(`${file} ${name}`) ? [`${name} as ${names.get(`${file} ${name}`)}`] : []));
  return list.length === 0 ? `import "./${file}";\n` : `export { ${list.join(", ")} } from "./${file}";\n`;
}
