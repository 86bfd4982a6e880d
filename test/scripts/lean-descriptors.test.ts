import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, test } from "vitest";
import { makeFolder, removeFolder, root } from "../support/probe.ts";

/** Of the build: plain JavaScript without declarations. */
interface Plugins {
  readonly leanDescriptors: (root: string) => import("esbuild").Plugin;
}
const load = async (name: string) => (await import(pathToFileURL(path.join(root, "scripts/lib", name)).href)) as Plugins;

let folder = "";
let plugins: Plugins;

beforeAll(async () => {
  folder = await makeFolder();
  plugins = await load("lean-descriptors.mjs");
});
afterAll(() => removeFolder(folder));

async function bundle(name: string, contents: string, list: import("esbuild").Plugin[]): Promise<Record<string, unknown>> {
  const outfile = path.join(folder, `${name}.cjs`);
  await build({
    stdin: { contents, resolveDir: root, sourcefile: `${name}.js` },
    outfile,
    bundle: true,
    format: "cjs",
    platform: "node",
    mainFields: ["module", "main"],
    plugins: list,
  });
  return createRequire(outfile)(outfile) as Record<string, unknown>;
}

/** What a descriptor says, without `proto` and with other descriptors by name. */
function describeMember(value: unknown, depth = 0): unknown {
  if (typeof value === "function") return "function";
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => describeMember(item, depth));
  const { kind, typeName, name } = value as { kind?: string; typeName?: string; name?: string };
  if (depth > 0 && kind !== undefined && kind !== "enum_value") return `${kind} ${typeName ?? name ?? ""}`;
  const names = new Set([
    ...Object.keys(value),
    ...Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(value) as object)).flatMap(([key, property]) =>
      property.get === undefined || key === "__proto__" ? [] : [key],
    ),
  ]);
  const properties = [...names].filter((key) => !["proto", "toString", "parent", "getDefaultValue"].includes(key)).sort();
  return Object.fromEntries(properties.map((key) => [key, describeMember((value as Record<string, unknown>)[key], depth + 1)]));
}

interface Message {
  readonly nestedMessages: readonly Message[];
  readonly nestedEnums: readonly unknown[];
  readonly fields: readonly { readonly getDefaultValue?: () => unknown; toString(): string }[];
  readonly oneofs: readonly unknown[];
}
interface File {
  readonly edition: number;
  readonly messages: readonly Message[];
  readonly enums: readonly unknown[];
  readonly services: readonly { readonly methods: readonly unknown[] }[];
}

function describeMessage(message: Message): unknown {
  return [
    describeMember(message),
    message.fields.map((field) => [describeMember(field), field.getDefaultValue?.(), field.toString()]),
    message.oneofs.map((oneof) => describeMember(oneof)),
    message.nestedEnums.map((desc) => describeMember(desc)),
    message.nestedMessages.map(describeMessage),
  ];
}

function describeFile({ edition, messages, enums, services }: File): unknown {
  return {
    edition,
    messages: messages.map(describeMessage),
    enums: enums.map((desc) => describeMember(desc)),
    services: services.map((service) => [describeMember(service), service.methods.map((method) => describeMember(method))]),
  };
}

describe("descriptors of the built programs", () => {
  test.for([
    "src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js",
    "src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js",
    "src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js",
    "src/gen/ml_pipelines/pipeline_spec_pb.js",
    "src/gen/kfp_kubernetes/kubernetes_executor_config_pb.js",
    "node_modules/@bufbuild/protobuf/dist/esm/wkt/google/protobuf/struct_pb.js",
    "node_modules/@bufbuild/protobuf/dist/esm/wkt/google/protobuf/timestamp_pb.js",
  ])("say the same as protobuf-es' own: %s", async (file, { expect }) => {
    const wanted = (await import(pathToFileURL(path.join(root, file)).href)) as Record<string, File>;
    const name = Object.keys(wanted).find((key) => key.startsWith("file_")) ?? "";
    const built = (await bundle(path.basename(file), `export * from "./${file}"`, [
      plugins.leanDescriptors(root),
    ])) as typeof wanted;
    expect(built[name]?.constructor.name).toMatch(/^_?LeanFile$/);
    expect(describeFile(built[name] as File)).toEqual(describeFile(wanted[name] as File));
    const enums = Object.entries(wanted).filter(([, value]) => !("kind" in value));
    expect(enums.map(([key]) => [key, built[key]])).toEqual(enums);
  });

  test("need no descriptor.proto", async ({ expect }) => {
    await bundle("size", 'export * from "./src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js"', [
      plugins.leanDescriptors(root),
    ]);
    const text = await readFile(path.join(folder, "size.cjs"), "utf8");
    expect(text).not.toContain("FileDescriptorProto");
    expect(text).not.toContain("google.api.http");
  });
});

describe("options in the built programs", () => {
  /** What a REST gateway does: asks each method for its rule of HTTP. */
  const routes = `
    import { getOption, hasOption, toJson } from "@bufbuild/protobuf";
    import { HttpRuleSchema, http } from "./src/gen/google/api/annotations_pb.js";
    import { RunService } from "./src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
    import { ArtifactService } from "./src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
    export const rules = [RunService, ArtifactService].flatMap(({ methods }) =>
      methods.map((method) => [method.name, hasOption(method, http) && toJson(HttpRuleSchema, getOption(method, http))]));
  `;

  test("are those of protobuf-es' own descriptors", async ({ expect }) => {
    const lean = await bundle("routes-lean", routes, [plugins.leanDescriptors(root)]);
    const plain = await bundle("routes-plain", routes, []);
    expect(await readFile(path.join(folder, "routes-lean.cjs"), "utf8")).toContain("leanFile(");
    expect(lean["rules"]).toEqual(plain["rules"]);
    expect(lean["rules"]).toContainEqual(["GetRun", { get: "/apis/v2beta1/runs/{run_id}" }]);
  });
});
