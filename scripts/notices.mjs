// Writes THIRD-PARTY-NOTICES.md: the licence of every npm package that the programs contain, and of what the images add.
// Needs a build of the present package-lock.json. With --check: fails when the committed file is out of step with it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundledPackages } from "./lib/bundled-packages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const target = join(root, "THIRD-PARTY-NOTICES.md");

const { chunks } = JSON.parse(readFileSync(join(root, "dist/meta.json"), "utf8"));
const names = new Set(Object.values(chunks).flatMap(({ packages: inChunk }) => Object.keys(inChunk)));

const packages = bundledPackages(lock, names)
  .map(({ location: path, name, entry: { version, license } }) => ({ path, name, version, license }))
  .toSorted((left, right) => (`${left.name} ${left.version}` < `${right.name} ${right.version}` ? -1 : 1));

const seen = new Set();
const byText = new Map();
for (const { path, name, version, license } of packages) {
  if (seen.has(`${name}@${version}`)) continue;
  seen.add(`${name}@${version}`);
  const folder = join(root, path);
  const file = existsSync(folder) ? readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry)) : undefined;
  const manifest = existsSync(join(folder, "package.json")) ? JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) : {};
  const declared = license ?? manifest.license ?? "see its package";
  const text =
    file === undefined
      ? `(${declared}; the package ships no licence text)`
      : readFileSync(join(folder, file), "utf8").trim().replaceAll("\r", "");
  const users = byText.get(text) ?? [];
  users.push(`${name} ${version} (${declared})`);
  byText.set(text, users);
}

const sections = [...byText].map(
  ([text, users]) => `### ${users.join(", ")}\n\n\`\`\`text\n${text.replaceAll("```", "'''")}\n\`\`\`\n`,
);
const content = `# Third-party notices

kfp-runtime is licensed under the Apache License 2.0 (LICENSE). Its programs contain the npm packages listed below. The portable
launcher folder and the container images also contain Node.js (MIT and the licences in its LICENSE file), glibc (LGPL-2.1-or-later),
libstdc++ and libgcc (GPL-3.0 with the GCC runtime library exception) and, in the entry point, musl (MIT); their texts are placed beside
them by the build. The file examples/quickstart/data/iris.csv is the iris table as shipped by scikit-learn (BSD-3-Clause).

Written by \`node scripts/notices.mjs\` from what the bundles contain.

${sections.join("\n")}`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== content) {
    console.error("THIRD-PARTY-NOTICES.md is out of step with the bundles: run node scripts/notices.mjs");
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, content);
  console.error(`THIRD-PARTY-NOTICES.md: ${seen.size} packages`);
}
