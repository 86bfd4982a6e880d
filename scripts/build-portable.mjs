/**
 * Builds folders that run one of our programs in any Linux image: `node scripts/build-portable.mjs`, after scripts/build.mjs.
 *
 *   (no option)                          dist/portable, what `launcher-v2 --copy` copies
 *   --image-root driver|launcher DEST    the root file system of an image, for the Dockerfiles
 *   --node PATH                          Node binary to pack; default: the one npm installed
 *   --source-maps                        adds source maps, for images one debugs in
 *   --dist DIR, --program NAME           another build, another program; for tests
 *
 * A folder holds a static C program (portable/launch.c), Node, stripped and bound to private copies of the libraries it needs, and
 * the chunks that the program can reach. Needs musl-gcc, strip, patchelf and ldd on a glibc system of the target's architecture;
 * one line names what is missing. The same dist, Node and libraries give the same bytes.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, lutimesSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { chmodSync, copyFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { writeCodeCaches } from "./lib/code-cache.mjs";
import { LATE_AUTHORITIES, nodeOptions, takesLateAuthorities } from "./lib/node-options.mjs";
import { programNode, root } from "./lib/project.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "image-root": { type: "string" },
    node: { type: "string" },
    "source-maps": { type: "boolean", default: false },
    dist: { type: "string", default: "dist" },
    program: { type: "string", default: "launcher-v2" },
  },
});

/** What a folder is compiled for. The home is where it lies when it runs; the launcher's is a volume of the user's pod. */
const launcherKind = { program: options.program, home: "/kfp-launcher", entry: "launch", userImage: true };
const driverKind = { program: "driver", home: "/kfp-driver", entry: "driver", userImage: false };

/** Paths a private library would read in the user's image; the replacement lies in the folder, or nowhere. */
const redirectedPaths = [
  { library: /^libc\.so/, from: "/etc/nsswitch.conf", to: "nssw" },
  { library: /^ld-linux/, from: "/etc/ld.so.preload", to: "none" },
  { library: /^ld-linux/, from: "/etc/ld.so.cache", to: "nc" },
];

const dist = path.resolve(root, options.dist);

try {
  checkTools();
  const node = realpathSync(options.node ?? programNode());
  if (options["image-root"] === undefined) {
    const out = path.join(dist, "portable");
    await buildFolder({ ...launcherKind, out, node });
    report(out, node);
  } else {
    const [destination] = positionals;
    if (destination === undefined) throw new Error("--image-root KIND needs a destination");
    await buildImageRoot(options["image-root"], path.resolve(destination), node);
    report(destination, node);
  }
} catch (error) {
  process.stderr.write(`build-portable: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function checkTools() {
  const packages = { "musl-gcc": "musl-tools", strip: "binutils", patchelf: "patchelf", ldd: "libc-bin" };
  const missing = Object.keys(packages).filter((tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).error !== undefined);
  if (missing.length > 0) {
    throw new Error(
      `cannot find ${missing.join(", ")}: install the packages ${missing.map((tool) => packages[tool]).join(" ")}` +
        " (apt-get install, on Debian or Ubuntu)",
    );
  }
  const glibc = /(\d+)\.(\d+)\s*$/m.exec(run("ldd", "--version").split("\n")[0] ?? "");
  // Older ones keep name services in files of their own, and their loader has no --argv0.
  if (glibc === null || Number(glibc[1]) * 1000 + Number(glibc[2]) < 2034) {
    throw new Error(`glibc 2.34 or newer is needed, ldd says ${glibc === null ? "nothing of glibc" : glibc[0]}`);
  }
  if (!existsSync(path.join(dist, "meta.json"))) throw new Error(`${dist} holds no build: run npm run build first`);
}

async function buildImageRoot(kind, destination, node) {
  if (!["driver", "launcher"].includes(kind)) throw new Error(`--image-root takes driver or launcher, not ${kind}`);
  for (const folder of ["etc", "usr/local/bin", "tmp"]) mkdirSync(path.join(destination, folder), { recursive: true });
  chmodSync(path.join(destination, "tmp"), 0o1777);
  writeFileSync(path.join(destination, "etc/passwd"), "root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n");
  writeFileSync(path.join(destination, "etc/group"), "root:x:0:\nnonroot:x:65532:\n");
  if (kind === "driver") {
    await buildFolder({ ...driverKind, out: path.join(destination, "kfp-driver"), node });
    symlinkSync("/kfp-driver/driver", path.join(destination, "usr/local/bin/driver"));
  } else {
    // The volume of an init container hides /kfp-launcher, so the folder cannot lie there. Where nothing is mounted, as in an
    // importer's pod, the links lead to the place that Node's interpreter path names.
    await buildFolder({ ...launcherKind, out: path.join(destination, "opt/kfp-launcher"), node });
    symlinkSync("/opt/kfp-launcher/launch", path.join(destination, "usr/local/bin/launcher-v2"));
    mkdirSync(path.join(destination, "kfp-launcher"));
    for (const name of ["lib", "nssw"]) symlinkSync(`/opt/kfp-launcher/${name}`, path.join(destination, "kfp-launcher", name));
  }
  fixTimes(destination);
}

/**
 * @param {object} folder
 * @param {string} folder.out Where it is written, replacing what is there.
 * @param {string} folder.program Name boot.cjs knows.
 * @param {string} folder.home Where Node's interpreter path points to.
 * @param {string} folder.entry File name of the entry point.
 * @param {boolean} folder.userImage Whether it runs in users' images; see portable/launch.c.
 * @param {string} folder.node Node binary to pack.
 */
async function buildFolder({ out, program, home, entry, userImage, node }) {
  const staging = `${out}.${String(process.pid)}.tmp`;
  rmSync(staging, { recursive: true, force: true });
  const lib = path.join(staging, "lib");
  mkdirSync(lib, { recursive: true });
  compileEntry(path.join(staging, entry), { program, home, userImage });
  const loader = copyLibraries(node, lib, home);
  const packedNode = path.join(lib, "node");
  // In this order: strip damages what patchelf wrote.
  run("strip", "-o", packedNode, node);
  run("patchelf", "--set-interpreter", `${home}/lib/${loader}`, "--force-rpath", "--set-rpath", `${home}/lib`, packedNode);
  writeFileSync(path.join(staging, "nssw"), "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n");
  copyChunks(program, lib);
  copyNotices(path.join(staging, "licenses"), node);
  fixModes(staging);
  await compileChunks({ lib, loader, program, entry: path.join(staging, entry) });
  fixModes(staging);
  fixTimes(staging);
  mkdirSync(path.dirname(out), { recursive: true });
  rmSync(out, { recursive: true, force: true });
  renameSync(staging, out);
}

function compileEntry(file, { program, home, userImage }) {
  const text = (value) => `"${value}"`;
  run(
    "musl-gcc",
    ...["-static", "-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wl,--build-id=none"],
    ...[`-DPROGRAM=${text(program)}`, `-DHOME_DIR=${text(home)}`, `-DUSER_IMAGE=${userImage ? "1" : "0"}`],
    `-DNODE_ARGUMENTS=${nodeOptions(program).map(text).join(",")}`,
    `-DLATE_AUTHORITIES=${text(takesLateAuthorities(program) ? LATE_AUTHORITIES : "")}`,
    ...["-o", file, path.join(root, "portable/launch.c")],
  );
}

/** Copies what the dynamic loader would load for this Node, and the loader. @returns {string} The loader's file name. */
function copyLibraries(node, lib, home) {
  const listing = run("ldd", node);
  if (listing.includes("not found")) throw new Error(`ldd misses a library of ${node}: ${/\S+ => not found/.exec(listing)?.[0]}`);
  const files = [...listing.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1]);
  const loader = files.map((file) => path.basename(file)).find((name) => name.startsWith("ld-linux"));
  if (loader === undefined) throw new Error(`${node} is not a dynamically linked glibc program`);
  for (const file of files) {
    const name = path.basename(file);
    const bytes = readFileSync(file);
    for (const { library, from, to } of redirectedPaths) if (library.test(name)) redirect(bytes, from, home, to, file);
    writeFileSync(path.join(lib, name), bytes);
    if (name === loader) chmodSync(path.join(lib, name), 0o755);
  }
  return loader;
}

/** Replaces a path by one of the same length; extra slashes fill up. */
function redirect(bytes, from, home, to, file) {
  const slashes = from.length - home.length - to.length;
  if (slashes < 1) throw new Error(`${home}/${to} is longer than ${from}`);
  const replacement = Buffer.from(home + "/".repeat(slashes) + to, "latin1");
  let count = 0;
  for (let at = bytes.indexOf(from, 0, "latin1"); at >= 0; at = bytes.indexOf(from, at, "latin1")) {
    replacement.copy(bytes, at);
    count++;
  }
  if (count === 0) throw new Error(`${file} does not contain ${from}: this glibc is not understood`);
}

function copyChunks(program, lib) {
  const meta = JSON.parse(readFileSync(path.join(dist, "meta.json"), "utf8"));
  const chunks = meta.programs[program]?.reachable;
  if (chunks === undefined) throw new Error(`${dist} holds no program ${program}`);
  const suffixes = options["source-maps"] ? [".js", ".js.map"] : [".js"];
  const files = ["boot.cjs", ...chunks.flatMap((chunk) => suffixes.map((suffix) => chunk + suffix))];
  for (const file of files) copyFileSync(path.join(dist, "lib", file), path.join(lib, file));
  // Node looks for the package of boot.cjs in all folders above it; a broken package.json of the image must not be found.
  writeFileSync(path.join(lib, "package.json"), `${JSON.stringify({ type: "commonjs", private: true })}\n`);
}

/** Has the packed Node compile the program and keep the result, and makes sure that it is accepted. */
async function compileChunks({ lib, loader, program, entry }) {
  const { programs } = JSON.parse(readFileSync(path.join(dist, "meta.json"), "utf8"));
  const problem = await writeCodeCaches({
    start: [path.join(lib, loader), "--inhibit-cache", "--library-path", lib, path.join(lib, "node")],
    boot: path.join(lib, "boot.cjs"),
    program,
    chunks: programs[program].reachable.filter((chunk) => chunk !== program),
    peers: path.join(dist, "lib"),
  });
  if (problem !== undefined) process.stderr.write(`build-portable: the code caches are less complete: ${problem}\n`);
  const check = spawnSync(entry, ["--version"], { env: { KFP_RUNTIME_DEBUG_CODE_CACHE: "1" }, encoding: "utf8" });
  if (check.status !== 0)
    throw new Error(`${entry} --version ended with ${String(check.status ?? check.signal)}: ${check.stderr.trim()}`);
  const bad = check.stderr.split("\n").filter((line) => line.startsWith("code cache of") && !line.endsWith(": accepted"));
  if (bad.length > 0) throw new Error(bad.join("; "));
}

function copyNotices(folder, node) {
  mkdirSync(folder);
  const doc = "/usr/share/doc";
  const candidates = {
    node: [path.join(path.dirname(node), "../LICENSE")],
    glibc: [`${doc}/libc6/copyright`],
    "libstdc++": [`${doc}/libstdc++6/copyright`],
    libgcc: [`${doc}/libgcc-s1/copyright`],
    musl: [`${doc}/musl-dev/copyright`, `${doc}/musl/copyright`],
  };
  for (const [name, files] of Object.entries(candidates)) {
    const file = files.find((candidate) => existsSync(candidate));
    if (file === undefined)
      throw new Error(`cannot find the licence of ${name} at ${files.join(" or ")}: it has to go with the copy`);
    writeFileSync(path.join(folder, `${name}.txt`), readFileSync(file));
  }
  for (const name of ["LICENSE", "THIRD-PARTY-NOTICES.md"]) {
    if (existsSync(path.join(root, name))) cpSync(path.join(root, name), path.join(folder, name));
  }
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? [...walk(file), file] : [file];
  });
}

function fixModes(folder) {
  for (const file of [...walk(folder), folder]) {
    const status = statSync(file);
    chmodSync(file, status.isDirectory() || (status.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

/** Image layers keep times: all get the commit's. */
function fixTimes(folder) {
  const { date } = JSON.parse(readFileSync(path.join(dist, "meta.json"), "utf8"));
  const seconds = Number.isNaN(Date.parse(date)) ? 0 : Date.parse(date) / 1000;
  for (const file of [...walk(folder), folder]) lutimesSync(file, seconds, seconds);
}

function report(folder, node) {
  const bytes = walk(folder).reduce(
    (sum, file) => sum + (existsSync(file) && statSync(file).isFile() ? statSync(file).size : 0),
    0,
  );
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  process.stderr.write(`built ${path.relative(root, folder) || folder}: Node ${version}, ${(bytes / 1e6).toFixed(1)} MB\n`);
}

function run(command, ...args) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26, env: { ...process.env, LC_ALL: "C" } });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command} failed: ${(result.error?.message ?? result.stderr).trim()}`);
}
