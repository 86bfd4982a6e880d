import path from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, test } from "vitest";
import { root } from "../support/probe.ts";

/** Of scripts/lib/bundle.mjs, plain JavaScript without declarations. */
interface Chunk {
  readonly name: string;
  readonly code: string;
  readonly eager: string[];
  readonly lazy: string[];
  readonly packages: Record<string, number>;
}
interface Bundler {
  readonly bundle: (options: object) => Promise<Chunk[]>;
  readonly chunksOf: (chunks: Chunk[], program: string) => { eager: string[]; reachable: string[] };
}

let bundler: Bundler;
let chunks: Chunk[] = [];

beforeAll(async () => {
  bundler = (await import(pathToFileURL(path.join(root, "scripts/lib/bundle.mjs")).href)) as Bundler;
  chunks = await bundler.bundle({
    root,
    outDir: path.join(root, "dist/lib"),
    programs: { driver: "src/driver/main.ts", "launcher-v2": "src/launcher/main.ts" },
    define: {},
  });
}, 60_000);

/** What every start of a program would pay for. */
const heavy = [
  ...["yargs", "@smithy/signature-v4", "@aws-sdk/client-s3", "@bufbuild/cel", "yaml", "@grpc/grpc-js", "nice-grpc", "protobufjs"],
  "@bufbuild/protobuf",
];

test("no chunk holds proto-loader or protobufjs, which the gRPC library could use", ({ expect }) => {
  const holders = chunks.filter(({ packages }) => "protobufjs" in packages || "@grpc/proto-loader" in packages);
  expect(holders.map(({ name }) => name)).toEqual([]);
});

describe.for(["driver", "launcher-v2"])("the chunks that %s loads at its start", (program) => {
  const loaded = () => chunks.filter(({ name }) => bundler.chunksOf(chunks, program).eager.includes(name));

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
