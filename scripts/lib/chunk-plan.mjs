/**
 * Names the chunks of esbuild's first pass, and decides which of them become one file. Pure.
 * @module
 */
import path from "node:path";

/**
 * @typedef {object} PlannedChunk
 * @property {string} name File name without `.js`.
 * @property {string} file Its name in the first pass.
 * @property {boolean} isProgram Whether a program starts here.
 * @property {boolean} isCommonJs Whether `import()` of a CommonJS package loads it.
 * @property {string[]} exports Names that other chunks, or whoever imports it, may ask for.
 * @property {string | undefined} entryPoint The source that a program or an `import()` names, relative to root.
 * @property {string[]} eager Chunks that are loaded with this one.
 * @property {string[]} lazy Chunks that `import()` loads later.
 * @property {Record<string, number>} packages Bytes per npm package, and per folder of our own sources, such as `src/driver`.
 */

/**
 * @typedef {object} ChunkGroup Chunks that become one file.
 * @property {string} name File name without `.js`; a program's keeps the program's.
 * @property {PlannedChunk[]} members Programs last: the others are there when they start.
 * @property {string[]} everyRunOf Programs that load it whenever they do their work, at their start or later.
 */

/**
 * Gives every chunk of the first pass a readable name that does not depend on its content.
 *
 * @param {object} metafile esbuild's.
 * @param {string} outDirFromRoot Where esbuild put the chunks, relative to root.
 * @param {readonly string[]} programNames
 * @param {string} prefix Of all names but those of programs.
 * @returns {PlannedChunk[]}
 */
export function planChunks(metafile, outDirFromRoot, programNames, prefix) {
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
    const wanted =
      prefix + (output.entryPoint === undefined ? `shared-${largestInput(output)}` : describeInput(output.entryPoint));
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
      exports: output.exports,
      entryPoint: output.entryPoint,
      eager: targets("import-statement"),
      lazy: targets("dynamic-import"),
      packages: countPackages(
        Object.entries(output.inputs).map(([input, { bytesInOutput }]) => [packageOf(input), bytesInOutput]),
      ),
    };
  });
}

/**
 * Puts chunks together that the same programs load at the same moment: at their start, or in every run. What not every run loads stays
 * alone, and what one program always loads and another one sometimes stays apart from what only the first one loads. A file that is read,
 * and a code cache that is checked, cost the same however small they are.
 *
 * @param {readonly PlannedChunk[]} plan
 * @param {Readonly<Record<string, readonly string[]>>} everyRun For a program the sources that each of its runs loads by `import()`.
 * @returns {ChunkGroup[]} Every chunk is in one of them.
 * @throws {Error} When a source is none that is loaded by `import()`.
 */
export function groupChunks(plan, everyRun) {
  const moments = Object.entries(everyRun).map(([program, sources]) => momentsOf(plan, program, sources));
  const programs = Object.keys(everyRun);
  const groups = new Map();
  for (const chunk of plan) {
    const labels = moments.map((momentOf) => momentOf(chunk.name));
    const everyRunOf = programs.filter((program, index) => [`${program}-start`, `${program}-run`].includes(labels[index]));
    const key = everyRunOf.length > 0 ? nameGroup(labels) : chunk.name;
    groups.set(key, { members: [...(groups.get(key)?.members ?? []), chunk], everyRunOf });
  }
  return [...groups].map(([key, { members, everyRunOf }]) => {
    const program = members.find(({ isProgram }) => isProgram);
    const wrong = members.length > 1 && members.find(({ isCommonJs }) => isCommonJs);
    if (wrong) throw new Error(`${wrong.name} is a CommonJS package and cannot share its file with other chunks`);
    return {
      name: program?.name ?? key,
      members: members.toSorted((a, b) => Number(a.isProgram) - Number(b.isProgram)),
      everyRunOf,
    };
  });
}

/** When a program loads a chunk: a function from the chunk's name to `driver-start`, `driver-run`, `driver-sometimes`, or nothing. */
function momentsOf(plan, program, everyRun) {
  const byName = new Map(plan.map((chunk) => [chunk.name, chunk]));
  const loadedByRun = everyRun.map((source) => {
    const chunk = plan.find(({ entryPoint }) => entryPoint === source);
    if (chunk === undefined) throw new Error(`no import() loads ${source}, which every run of ${program} is said to load`);
    return chunk.name;
  });
  const start = closure([program], (name) => byName.get(name).eager);
  const run = closure(loadedByRun, (name) => byName.get(name).eager);
  const sometimes = closure([program], (name) => [...byName.get(name).eager, ...byName.get(name).lazy]);
  return (name) => {
    if (start.has(name)) return `${program}-start`;
    if (run.has(name)) return `${program}-run`;
    return sometimes.has(name) ? `${program}-sometimes` : "";
  };
}

/** `shared-run` when all programs load it in their runs, else one word for each that loads it. */
function nameGroup(labels) {
  const kinds = new Set(labels.map((label) => label.slice(label.lastIndexOf("-") + 1)));
  return kinds.size === 1 ? `shared-${[...kinds].join("")}` : labels.filter((label) => label !== "").join("-");
}

/**
 * What a group of chunks is as one chunk.
 *
 * @param {ChunkGroup} group
 * @param {readonly ChunkGroup[]} groups All of them.
 */
export function describeGroup({ name, members, everyRunOf }, groups) {
  const groupOf = new Map(groups.flatMap((group) => group.members.map((member) => [member.name, group.name])));
  const targets = (kind) =>
    [...new Set(members.flatMap((member) => member[kind].map((target) => groupOf.get(target))))]
      .filter((target) => target !== name)
      .sort(byText);
  return {
    name,
    isProgram: members.some(({ isProgram }) => isProgram),
    everyRunOf,
    eager: targets("eager"),
    lazy: targets("lazy"),
    packages: countPackages(members.flatMap(({ packages }) => Object.entries(packages))),
  };
}

/**
 * Lists what a program loads.
 *
 * @param {readonly {name: string, eager: string[], lazy: string[], everyRunOf: string[]}[]} chunks
 * @param {string} program
 * @returns {{eager: string[], everyRun: string[], reachable: string[]}} Names of the chunks loaded at start, of those that every run
 *   loads, and of all it may ever load.
 */
export function chunksOf(chunks, program) {
  const byName = new Map(chunks.map((chunk) => [chunk.name, chunk]));
  return {
    eager: [...closure([program], (name) => byName.get(name).eager)].sort(byText),
    everyRun: chunks.flatMap(({ name, everyRunOf }) => (everyRunOf.includes(program) ? [name] : [])).sort(byText),
    reachable: [...closure([program], (name) => [...byName.get(name).eager, ...byName.get(name).lazy])].sort(byText),
  };
}

function byText(a, b) {
  return a < b ? -1 : Number(a > b);
}

function closure(names, follow) {
  const seen = new Set(names);
  for (const name of seen) for (const next of follow(name)) seen.add(next);
  return seen;
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
  const owner = npmPackageOf(file);
  const text = owner === undefined ? file.replace(/^src\//, "").replace(/\.[^./]+$/, "") : owner;
  return text
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+/, "")
    .toLowerCase();
}

/** Name of the npm package a file belongs to, undefined for our own sources. */
function npmPackageOf(file) {
  return /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
}

function packageOf(file) {
  return npmPackageOf(file) ?? file.split("/").slice(0, 2).join("/");
}

function countPackages(entries) {
  const bytes = {};
  for (const [name, count] of entries) bytes[name] = (bytes[name] ?? 0) + count;
  return Object.fromEntries(Object.entries(bytes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
