import path from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, test } from "vitest";
import { root } from "../support/probe.ts";

/** Of scripts/lib, plain JavaScript without declarations. */
interface Chunk {
  readonly name: string;
  readonly code: string;
  readonly packages: Record<string, number>;
}
interface Loaded {
  readonly eager: string[];
  readonly everyRun: string[];
}
type ChunksOf = (chunks: readonly Chunk[], program: string) => Loaded;

let chunksOf: ChunksOf;
let chunks: readonly Chunk[] = [];

async function script<Exports>(name: string): Promise<Exports> {
  return (await import(pathToFileURL(path.join(root, "scripts/lib", name)).href)) as Exports;
}

beforeAll(async () => {
  const { bundle } = await script<{ bundle: (options: object) => Promise<Chunk[]> }>("bundle.mjs");
  const { bundles } = await script<{ bundles: readonly { programs: object }[] }>("project.mjs");
  ({ chunksOf } = await script<{ chunksOf: ChunksOf }>("chunk-plan.mjs"));
  const steps = bundles.find(({ programs }) => "driver" in programs && "launcher-v2" in programs);
  chunks = await bundle({ ...steps, root, outDir: path.join(root, "dist/lib"), define: {} });
}, 60_000);

/** What every start of a program would pay for. */
const heavy = [
  ...["yargs", "@smithy/signature-v4", "@aws-sdk/client-s3", "@bufbuild/cel", "yaml", "@grpc/grpc-js", "nice-grpc", "protobufjs"],
  "@bufbuild/protobuf",
];

test("no chunk holds the server halves of the gRPC libraries", ({ expect }) => {
  const code = chunks.map((chunk) => chunk.code).join("");
  expect(code).toContain("grpc-js/build/src/client.js");
  const halves = code.matchAll(/(?:grpc-js\/build\/src|nice-grpc\/lib)\/server[\w/-]*\.js/g);
  expect([...halves].map(([name]) => name)).toEqual([]);
});

test("no chunk holds proto-loader or protobufjs, which the gRPC library could use", ({ expect }) => {
  const holders = chunks.filter(({ packages }) => "protobufjs" in packages || "@grpc/proto-loader" in packages);
  expect(holders.map(({ name }) => name)).toEqual([]);
});

describe.for(["driver", "launcher-v2"])("the chunks that %s loads at its start", (program) => {
  const loaded = () => chunks.filter(({ name }) => chunksOf(chunks, program).eager.includes(name));

  test("hold no heavy library", ({ expect }) => {
    const packages = new Set(
      loaded().flatMap(({ packages: bytes }) => Object.entries(bytes).flatMap(([name, size]) => (size > 0 ? [name] : []))),
    );
    expect([...packages].filter((name) => heavy.includes(name) || name.startsWith("@aws-sdk/"))).toEqual([]);
  });

  test("load neither SQLite nor HTTP/2, TLS and cryptography", ({ expect }) => {
    const required = loaded().flatMap(({ code }) => [...code.matchAll(/require\("([^"./][^"]*)"\)/g)].map(([, id]) => id));
    expect(required).not.toEqual([]);
    const slow = ["sqlite", "http2", "https", "http", "tls", "crypto"];
    expect(required.filter((id) => slow.includes((id ?? "").replace("node:", "")))).toEqual([]);
  });
});

describe.for(["driver", "launcher-v2"])("the chunks that every run of %s loads", (program) => {
  const loaded = () => chunks.filter(({ name }) => chunksOf(chunks, program).everyRun.includes(name));

  test("are few", ({ expect }) => {
    expect(loaded().length).toBeLessThanOrEqual(7);
    expect(loaded().map(({ name }) => name)).toEqual(expect.arrayContaining(chunksOf(chunks, program).eager));
  });

  test("hold nothing that only conditions, YAML, stores and servers need", ({ expect }) => {
    const packages = new Set(loaded().flatMap(({ packages: bytes }) => Object.keys(bytes)));
    expect(packages).toContain("@grpc/grpc-js");
    const unwanted = [
      "@bufbuild/cel",
      "yaml",
      "fast-xml-parser",
      "src/apiserver",
      "src/objectstore",
      "src/inspect",
      "src/kube",
      "src/cli",
    ];
    expect([...packages].filter((name) => unwanted.includes(name) || /^@(aws-sdk|smithy)\//.test(name))).toEqual([]);
  });

  test("do not make protobuf-es' descriptor of descriptors, which takes milliseconds", ({ expect }) => {
    const holders = loaded().filter(({ code }) => code.includes('"FileDescriptorSet"'));
    expect(holders.map(({ name }) => name)).toEqual([]);
  });
});
