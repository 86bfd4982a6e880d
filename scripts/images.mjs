/**
 * Builds the container images of driver and launcher: `npm run images -- [options]`.
 *
 *   --engine auto|docker|podman|buildah   auto takes the first one that really builds an image here
 *   --repository NAME                     default kfp-runtime: images NAME/driver and NAME/launcher
 *   --tag TAG                             default: the version in package.json
 *   --only driver|launcher                one of the two
 *   --debug                               also TAG-debug, which can wait for a debugger
 *   --platform linux/arm64                another platform than this machine's, where the engine can emulate it
 *   --ca FILE                             PEM file that npm trusts during the build; default: $NODE_EXTRA_CA_CERTS
 *   --build-arg NAME=VALUE                of the Dockerfiles, such as NODE_IMAGE_DIGEST=@sha256:...; repeatable
 *   --save                                keeps dist/images/*.tar.gz, to load where no registry is
 *   --verbose                             shows the engine's output
 *
 * Nothing is pushed. Prints the sizes, also compressed as a registry would hold them, and leaves in dist/images an SPDX document of each
 * image and images.json. The same commit gives the same layers with podman and buildah, as far as Debian's packages are the same
 * (DEBIAN_SNAPSHOT). Where the base image cannot be pulled, test/support/base-images.ts makes a stand-in.
 */
import { execFileSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGzip, gzipSync } from "node:zlib";
import { buildWith, findEngine, runEngine } from "./lib/container-engine.mjs";
import { describeCommit, git, root } from "./lib/project.mjs";

const { values: options } = parseArgs({
  options: {
    engine: { type: "string", default: "auto" },
    repository: { type: "string", default: "kfp-runtime" },
    tag: { type: "string" },
    only: { type: "string" },
    debug: { type: "boolean", default: false },
    platform: { type: "string" },
    ca: { type: "string" },
    "build-arg": { type: "string", multiple: true, default: [] },
    save: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

const out = path.join(root, "dist/images");

try {
  await buildImages();
} catch (error) {
  process.stderr.write(`images: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function buildImages() {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const tag = options.tag ?? version;
  const kinds = ["driver", "launcher"].filter((kind) => options.only === undefined || options.only === kind);
  if (kinds.length === 0) throw new Error(`--only takes driver or launcher, not ${options.only}`);
  const { engine, reasons } = findEngine(options.engine);
  if (engine === undefined) throw new Error(["no container engine builds an image here", ...reasons].join("\n  "));
  process.stderr.write(
    `images: building with ${[...Object.entries(engine.env).map((pair) => pair.join("=")), ...engine.build].join(" ")}\n`,
  );
  const variants = kinds.flatMap((kind) => [
    { kind, target: kind, image: `${options.repository}/${kind}:${tag}`, name: kind },
    ...(options.debug
      ? [{ kind, target: "debug", image: `${options.repository}/${kind}:${tag}-debug`, name: `${kind}-debug` }]
      : []),
  ]);
  // One after the other: the second takes the first one's layers with the packages.
  for (const variant of variants) build(engine, variant, version);
  mkdirSync(out, { recursive: true });
  const report = await Promise.all(variants.map((variant) => inspect(engine, variant)));
  writeFileSync(path.join(out, "images.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  for (const { image, bytes, compressedBytes } of report) {
    process.stdout.write(`${image}: ${megabytes(bytes)}, ${megabytes(compressedBytes)} compressed\n`);
  }
}

function build(engine, { kind, target, image }, version) {
  const epoch = process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct") ?? "0";
  const values = {
    KFP_RUNTIME_VERSION: version,
    KFP_RUNTIME_COMMIT: process.env["KFP_RUNTIME_COMMIT"] ?? describeCommit(),
    SOURCE_DATE_EPOCH: epoch,
    IMAGE_CREATED: new Date(Number(epoch) * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
  };
  const ca = options.ca ?? process.env["NODE_EXTRA_CA_CERTS"];
  buildWith(
    engine,
    [
      ...["-f", path.join(root, `Dockerfile.${kind}`), "--target", target, "-t", image],
      ...(engine.name === "docker" ? [] : ["--layers", "--timestamp", epoch]),
      ...(options.platform === undefined ? [] : ["--platform", options.platform]),
      ...(ca !== undefined && existsSync(ca) ? ["--secret", `id=ca,src=${path.resolve(ca)}`] : []),
      ...Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
      ...options["build-arg"].flatMap((text) => ["--build-arg", text]),
      root,
    ],
    { quiet: !options.verbose },
  );
}

/** Sizes and contents, read from the archive that the engine writes of an image. */
async function inspect(engine, { image, name }) {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-image-"));
  try {
    const archive = path.join(folder, "image.tar");
    if (engine.name === "buildah") runEngine(engine, ["push", image, `docker-archive:${archive}:${image}`]);
    else runEngine(engine, ["save", "-o", archive, image]);
    execFileSync("tar", ["-xf", archive, "-C", folder]);
    const [{ Layers: layers, Config: config }] = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8"));
    const files = layers.map((layer) => path.join(folder, layer));
    const sizes = await Promise.all(files.map(compressedSize));
    const sbom = `${name}.spdx.json`;
    writeFileSync(path.join(out, sbom), readSbom(files));
    if (options.save) await saveCompressed(archive, path.join(out, `${name}.tar.gz`));
    return {
      image,
      bytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
      compressedBytes: sizes.reduce((sum, size) => sum + size, 0) + gzipSync(readFileSync(path.join(folder, config))).length,
      sbom,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compressedSize(file) {
  let bytes = 0;
  const count = new Writable({
    write(chunk, _encoding, done) {
      bytes += chunk.length;
      done();
    },
  });
  await pipeline(createReadStream(file), createGzip(), count);
  return bytes;
}

function readSbom(layers) {
  for (const layer of layers) {
    const names = execFileSync("tar", ["-tf", layer], { encoding: "utf8" }).split("\n");
    const found = names.find((file) => /(^|\/)usr\/share\/sbom\/[^/]+\.spdx\.json$/.test(file));
    if (found !== undefined) return execFileSync("tar", ["-xOf", layer, found], { maxBuffer: 1 << 26 });
  }
  throw new Error("the image holds no SPDX document");
}

async function saveCompressed(archive, file) {
  await pipeline(createReadStream(archive), createGzip(), createWriteStream(`${file}.tmp`));
  renameSync(`${file}.tmp`, file);
}
