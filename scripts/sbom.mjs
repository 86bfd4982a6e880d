/**
 * Writes what an image contains as an SPDX 2.3 document: `node scripts/sbom.mjs --image driver|launcher --out FILE`.
 *
 * Runs where the image is built (Dockerfile.driver, Dockerfile.launcher), since only that place knows the versions of the libraries it
 * packs. Listed are the npm packages of which bytes are in the bundles of this one program, Node and what Node itself contains, and
 * the C libraries beside it. The same build gives the same bytes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundledPackages } from "./lib/bundled-packages.mjs";
import { programNode, root } from "./lib/project.mjs";

const programOf = { driver: "driver", launcher: "launcher-v2" };

/** Debian packages whose files are copied or linked into the image, and their licences as SPDX names them. */
const systemPackages = [
  { name: "libc6", license: "LGPL-2.1-or-later" },
  { name: "libstdc++6", license: "GPL-3.0-or-later WITH GCC-exception-3.1" },
  { name: "libgcc-s1", license: "GPL-3.0-or-later WITH GCC-exception-3.1" },
  { name: "musl-dev", license: "MIT" },
];

/** Of process.versions: no parts but numbers of interfaces, or Node itself. */
const notParts = new Set(["node", "modules", "napi"]);

const { values: options } = parseArgs({ options: { image: { type: "string" }, out: { type: "string" } } });
if (programOf[options.image] === undefined || options.out === undefined) {
  process.stderr.write("sbom: --image driver|launcher and --out FILE are needed\n");
  process.exit(2);
}
const lock = readJson("package-lock.json");
const meta = readJson("dist/meta.json");
const document = describe(options.image);
mkdirSync(path.dirname(options.out), { recursive: true });
writeFileSync(options.out, `${JSON.stringify(document, undefined, 1)}\n`);
process.stderr.write(`wrote ${options.out}: ${String(document.packages.length)} packages\n`);

function describe(image) {
  const node = programNode();
  const parts = JSON.parse(execFileSync(node, ["-p", "JSON.stringify(process.versions)"], { encoding: "utf8" }));
  const subject = {
    ...packageOf(`kfp-runtime-${image}`, meta.version, "Apache-2.0"),
    primaryPackagePurpose: "CONTAINER",
    sourceInfo: `commit ${meta.commit}`,
  };
  const nodePackage = {
    ...packageOf("node", parts.node, "MIT", `pkg:generic/nodejs@${parts.node}`),
    checksums: [{ algorithm: "SHA256", checksumValue: createHash("sha256").update(readFileSync(node)).digest("hex") }],
    comment: "The checksum is that of the binary before symbols are stripped and library paths are set.",
  };
  const nodeParts = Object.entries(parts)
    .filter(([name]) => !notParts.has(name))
    .map(([name, version]) => ({ ...packageOf(name, version, "NOASSERTION"), SPDXID: spdxId("node-part", name, version) }));
  const contents = [...npmPackages(programOf[image]), nodePackage, ...systemPackages.map(systemPackage)];
  const packages = [subject, ...contents, ...nodeParts];
  const fingerprint = createHash("sha256").update(JSON.stringify(packages)).digest("hex");
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `kfp-runtime-${image}-${meta.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/kfp-runtime-${image}-${meta.version}-${fingerprint.slice(0, 32)}`,
    creationInfo: {
      created: Number.isNaN(Date.parse(meta.date)) ? "1970-01-01T00:00:00Z" : meta.date,
      creators: [`Tool: kfp-runtime-sbom-${meta.version}`],
    },
    packages,
    relationships: [
      relate("SPDXRef-DOCUMENT", "DESCRIBES", subject.SPDXID),
      ...contents.map(({ SPDXID }) => relate(subject.SPDXID, "CONTAINS", SPDXID)),
      ...nodeParts.map(({ SPDXID }) => relate(nodePackage.SPDXID, "CONTAINS", SPDXID)),
    ],
  };
}

function npmPackages(program) {
  const names = new Set(meta.programs[program].reachable.flatMap((chunk) => Object.keys(meta.chunks[chunk]?.packages ?? {})));
  const found = new Map();
  for (const { name, entry } of bundledPackages(lock, names)) {
    const purl = `pkg:npm/${name.replace("@", "%40")}@${entry.version}`;
    const described = packageOf(name, entry.version, entry.license ?? "NOASSERTION", purl);
    const [algorithm, digest] = (entry.integrity ?? "").split("-", 2);
    if (algorithm === "sha512")
      described.checksums = [{ algorithm: "SHA512", checksumValue: Buffer.from(digest, "base64").toString("hex") }];
    found.set(described.SPDXID, described);
  }
  return [...found.values()];
}

function systemPackage({ name, license }) {
  const [version, architecture] = execFileSync("dpkg-query", ["-W", "-f", "${Version} ${Architecture}", name], {
    encoding: "utf8",
  }).split(" ");
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
  return packageOf(name, version, license, purl);
}

function packageOf(name, version, license, purl) {
  return {
    name,
    SPDXID: spdxId("package", name, version),
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license,
    copyrightText: "NOASSERTION",
    ...(purl === undefined
      ? {}
      : { externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }] }),
  };
}

function spdxId(...words) {
  return `SPDXRef-${words.join("-").replaceAll(/[^A-Za-z0-9.-]+/g, "-")}`;
}

function relate(spdxElementId, relationshipType, relatedSpdxElement) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), "utf8"));
}
