/**
 * Shows what the programs are made of and compares it with the committed table: `node scripts/bundle-size.mjs`, after a build.
 *
 *   --update       writes bench/bundle-size.json anew; look at the difference before committing it
 *   --dist DIR     another build
 *   --table FILE   another table; for tests
 *
 * Fails when a program loads clearly more at its start, in every run or in all than the table says, when it has gained or lost a package, and when
 * a heavy library is loaded at the start or has no business in a program at all. Each container pays for every byte it loads.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./lib/project.mjs";

const { values: options } = parseArgs({
  options: {
    update: { type: "boolean", default: false },
    dist: { type: "string", default: "dist" },
    table: { type: "string", default: "bench/bundle-size.json" },
  },
});

/** Growth that needs no new table. */
const slack = { factor: 1.05, bytes: 4096 };

/** Loaded only when used, in every program. */
const heavy = [
  ...["@grpc/grpc-js", "nice-grpc", "@smithy/signature-v4", "fast-xml-parser", "@bufbuild/cel", "yaml", "yargs"],
  ...["@aws-sdk/client-s3", "@aws-sdk/credential-providers", "@smithy/core"],
];

/** Never loaded: what is in none of a program's chunks. */
const foreign = {
  driver: ["yargs", "src/launcher", "src/apiserver", "src/local", "src/cli"],
  "launcher-v2": ["yargs", "src/apiserver", "src/local", "src/cli"],
};

const metaFile = path.resolve(root, options.dist, "meta.json");
const tableFile = path.resolve(root, options.table);
if (!existsSync(metaFile)) fail([`there is no build at ${options.dist}: run npm run build first`]);
const meta = JSON.parse(readFileSync(metaFile, "utf8"));
const table = { programs: describePrograms(), chunks: describeChunks() };
print(table);
if (options.update) writeFileSync(tableFile, `${JSON.stringify(table, undefined, 2)}\n`);
const problems = [...findForbidden(table), ...(options.update ? [] : compare(table))];
if (problems.length > 0) fail(problems);

function describePrograms() {
  return Object.fromEntries(
    Object.entries(meta.programs).map(([name, { eager, everyRun, reachable }]) => [
      name,
      {
        eagerBytes: sumBytes(eager),
        everyRunBytes: sumBytes(everyRun),
        reachableBytes: sumBytes(reachable),
        eagerPackages: listPackages(eager),
        reachablePackages: listPackages(reachable),
      },
    ]),
  );
}

function describeChunks() {
  return Object.fromEntries(
    Object.entries(meta.chunks).map(([name, { bytes, packages }]) => [name, { bytes, packages: Object.keys(packages) }]),
  );
}

function sumBytes(chunks) {
  return chunks.reduce((sum, name) => sum + meta.chunks[name].bytes, 0);
}

/** Packages of which at least one byte is left. */
function listPackages(chunks) {
  const names = chunks.flatMap((chunk) =>
    Object.entries(meta.chunks[chunk].packages).flatMap(([name, bytes]) => (bytes > 0 ? [name] : [])),
  );
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
}

function findForbidden({ programs }) {
  return Object.entries(programs).flatMap(([program, { eagerPackages, reachablePackages }]) => [
    ...heavy
      .filter((name) => eagerPackages.includes(name))
      .map((name) => `${program} loads ${name} at its start: load it with import() where it is used`),
    ...(foreign[program] ?? [])
      .filter((name) => reachablePackages.includes(name))
      .map((name) => `${program} contains ${name}, which it never needs`),
  ]);
}

function compare({ programs }) {
  if (!existsSync(tableFile)) return [`${options.table} is missing: run node scripts/bundle-size.mjs --update`];
  const committed = JSON.parse(readFileSync(tableFile, "utf8")).programs;
  const found = Object.entries(programs).flatMap(([program, now]) => {
    const before = committed[program];
    if (before === undefined) return [`${program} is not in the table`];
    return [
      ...["eagerBytes", "everyRunBytes", "reachableBytes"]
        .filter((key) => now[key] > before[key] * slack.factor + slack.bytes)
        .map((key) => `${program}: ${key} grew from ${String(before[key])} to ${String(now[key])}`),
      ...["eagerPackages", "reachablePackages"].flatMap((key) => [
        ...now[key].filter((name) => !before[key].includes(name)).map((name) => `${program}: ${key} gained ${name}`),
        ...before[key].filter((name) => !now[key].includes(name)).map((name) => `${program}: ${key} lost ${name}`),
      ]),
    ];
  });
  return found.length === 0
    ? []
    : [...found, "if this is wanted: node scripts/bundle-size.mjs --update, and say why in the commit"];
}

function print({ programs, chunks }) {
  const kibi = (bytes) => (bytes / 1024).toFixed(1).padStart(9);
  const width = Math.max(...Object.keys(chunks).map((name) => name.length));
  console.log(`${"program".padEnd(width)}  eager KiB   run KiB   all KiB`);
  for (const [name, { eagerBytes, everyRunBytes, reachableBytes }] of Object.entries(programs)) {
    console.log(`${name.padEnd(width)}  ${kibi(eagerBytes)} ${kibi(everyRunBytes)} ${kibi(reachableBytes)}`);
  }
  console.log(`\n${"chunk".padEnd(width)}        KiB  made of`);
  for (const [name, { bytes, packages }] of Object.entries(chunks).sort(([, a], [, b]) => b.bytes - a.bytes)) {
    const shown = packages.length > 5 ? [...packages.slice(0, 5), `and ${String(packages.length - 5)} more`] : packages;
    console.log(`${name.padEnd(width)}  ${kibi(bytes)}  ${shown.join(", ")}`);
  }
}

function fail(lines) {
  for (const line of lines) process.stderr.write(`bundle-size: ${line}\n`);
  process.exit(1);
}
