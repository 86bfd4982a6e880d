import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import {
  buildCacheKey,
  cacheKeyParts,
  cacheKeyText,
  customFingerprint,
  fingerprint,
  saltedFingerprint,
} from "../../../src/core/executor/fingerprint.ts";
import type { CacheKey, CacheKeyOptions } from "../../../src/core/executor/fingerprint.ts";
import { ExecutorInputSchema, ParameterType } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

const INSTANCE_SCHEMA =
  "title: kfp.Model\ntype: object\nproperties:\n  framework:\n    type: string\n  framework_version:\n    type: string\n";

interface Worked {
  name: string;
  key: CacheKey;
  bytes?: number;
  digest: string;
}

// docs/spec/cache-and-fingerprint.md#worked-fingerprints (A to C), #fingerprints-of-later-upstream.
const WORKED: Worked[] = [
  {
    name: "digest A",
    bytes: 643,
    digest: "b498530c9016917298999ec0b01f364a180f8a3862bea0fa672a383ca3f22e4e",
    key: {
      inputArtifactNames: { dataset_two: ["2"], dataset_one: ["1"] },
      inputParameterValues: { num_steps: 5, message: "Some string value" },
      outputArtifactsSpec: {
        model: { name: "model", type: { instanceSchema: INSTANCE_SCHEMA }, metadata: { name: "model" } },
        metrics: { name: "metrics", type: { schemaTitle: "kfp.Metrics" }, metadata: { name: "metrics" } },
      },
      outputParametersSpec: { output_parameter_one: "STRING", output_parameter_two: "INT" },
      containerSpec: { image: "python:3.11", cmdArgs: ["sh", "ec", "test"] },
    },
  },
  {
    name: "digest B",
    bytes: 180,
    digest: "3d9a2a778fa3174c6cfc6e639c507c265b5f21ef6e5b1dd70b236462cc6da464",
    key: {
      inputArtifactNames: { dataset: ["10"] },
      inputParameterValues: {},
      outputArtifactsSpec: {},
      outputParametersSpec: { output_parameter: "DOUBLE" },
      containerSpec: { image: "python:3.11", cmdArgs: ["sh", "ec", "run"], pvcNames: [], env: [] },
    },
  },
  {
    name: "digest C without claims",
    bytes: 188,
    digest: "4249a5f2d71e8a06ed1388ef0677b02aa5a49545cff2bc469be8ecb47281a45b",
    key: {
      inputArtifactNames: { dataset_one: ["1"] },
      outputParametersSpec: { output_parameter_one: "STRING" },
      containerSpec: { image: "python:3.11", cmdArgs: ["sh", "ec", "test"] },
    },
  },
  {
    name: "digest C with claims in the given order",
    bytes: 228,
    digest: "e1cda938131f469fa98c612b607b6e1e744ba8d71b76194b8aedb6753679883b",
    key: {
      inputArtifactNames: { dataset_one: ["1"] },
      outputParametersSpec: { output_parameter_one: "STRING" },
      containerSpec: { image: "python:3.11", cmdArgs: ["sh", "ec", "test"], pvcNames: ["workspace-pvc", "data-pvc"] },
    },
  },
  ...[
    { name: "no environment", env: [], digest: "65ce663ab1eb7d25c001075a8efa7c89344ff4f653a288f39f308aee49cf5b89" },
    {
      name: "an environment",
      env: [{ name: "MODE", value: "train" }],
      digest: "b2d927f9442b969f5b83d58b9539ca1b095aea50d8708ad883de479a6a0d8813",
    },
    {
      name: "an empty variable",
      env: [{ name: "MODE", value: "" }],
      digest: "18bcafee926d30d548a116e88287eb20d679effd661de26718ef272743e09bab",
    },
    {
      name: "variables in spec order",
      env: [
        { name: "B", value: "2" },
        { name: "A", value: "1" },
      ],
      digest: "23b2260743b06602a334d922d312c4e718a41ac257bd03c043ce801c4ce272b6",
    },
  ].map(({ name, env, digest }) => ({
    name: `later upstream, ${name}`,
    digest,
    key: {
      inputParameterValues: { in: "v" },
      containerSpec: { image: "python:3.11", cmdArgs: ["python", "main.py", "__kfp_pipeline_name="], env },
    },
  })),
];

describe("fingerprint()", () => {
  test.for(WORKED)("reproduces $name", ({ key, bytes, digest }, { expect }) => {
    if (bytes !== undefined) expect(Buffer.byteLength(cacheKeyText(key))).toBe(bytes);
    expect(fingerprint(key)).toBe(digest);
  });

  test("keeps the container spec even when nothing is in it", ({ expect }) => {
    expect(cacheKeyText({ containerSpec: {} })).toBe('{"containerSpec":{}}');
  });

  test("ignores insertion order", ({ expect }) => {
    const records = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue());
    fc.assert(
      fc.property(records, (record) => {
        const values = record as Record<string, JsonValue>;
        const reversed = Object.fromEntries(Object.entries(values).toReversed());
        expect(fingerprint({ containerSpec: {}, inputParameterValues: reversed })).toBe(
          fingerprint({ containerSpec: {}, inputParameterValues: values }),
        );
      }),
    );
  });
});

describe("MSG-6: customFingerprint()", () => {
  test.for([
    ["my-component", "ad05e747b67b95e4fc4ce080cdb5850f89744360a85753b90a1a434d46dedd2e"],
    ["", "9afdb59f804d9035ff4e4e9f3ee2baf67d11110049565cda5e31796fc48171de"],
  ] as const)("hashes component %j and the key", ([component, digest], { expect }) => {
    expect(customFingerprint(component, "my-custom-cache-key")).toBe(digest);
  });
});

interface Overrides {
  container?: Partial<CacheKeyOptions["containerSpec"]>;
  pipelineName?: string;
  pvcNames?: string[];
  input?: MessageInitShape<typeof ExecutorInputSchema>;
  types?: CacheKeyOptions["outputParameterTypes"];
  includeEnv?: boolean;
}

function build(overrides: Overrides): CacheKey {
  return buildCacheKey({
    containerSpec: { image: "", command: [], args: [], env: [], ...overrides.container },
    pipelineName: overrides.pipelineName ?? "",
    pvcNames: overrides.pvcNames ?? [],
    executorInput: create(ExecutorInputSchema, overrides.input),
    outputParameterTypes: overrides.types ?? {},
    includeEnv: overrides.includeEnv ?? true,
  });
}

describe("buildCacheKey()", () => {
  const INPUT1 = { inputs: { parameterValues: { input1: jsonToValue("value1") } } };

  test.for([
    {
      name: "digest D, claims sorted and distinct",
      digest: "65ea6b56d508bffeaa00832c521722ee115569b5006a94c53267c355c7c32834",
      overrides: {
        container: { image: "test-image:latest", command: ["python", "main.py"], args: ["--flag"] },
        pvcNames: ["pvc-b", "pvc-a", "pvc-b"],
        input: INPUT1,
      },
    },
    {
      name: "digest D, pipeline-a",
      digest: "ea546baa7088f8ea3fb3ef635f43c4d55ad492e901ebec6330f74dd2bd9e2094",
      overrides: {
        container: { image: "test-image:latest", command: ["python", "main.py"] },
        pipelineName: "pipeline-a",
        input: INPUT1,
      },
    },
    {
      name: "digest D, pipeline-b",
      digest: "5c848d3f02d643601e798fc1b062f93636d67e0cf11c7523e58482c009e5f740",
      overrides: {
        container: { image: "test-image:latest", command: ["python", "main.py"] },
        pipelineName: "pipeline-b",
        input: INPUT1,
      },
    },
    {
      name: "digest D, the smallest key",
      digest: "7e2d195e8cb46f83baf3a0318db5e6508cdc1c3d0fc4e1db4cfb562cb0cc306c",
      overrides: { container: { image: "test-image" } },
    },
    {
      name: "digest E, nearly every rule",
      digest: "6d103c892b8c43307379bfa15328f950b820c04da3ebacb9a8e91a10ecc15574",
      overrides: {
        container: { image: "python:3.11", command: ["sh", "-c", 'echo "$0" && exit 0'] },
        pipelineName: "demo",
        pvcNames: ["run-1-kfp-workspace"],
        input: {
          inputs: {
            parameterValues: {
              lr: jsonToValue(1e-7),
              n: jsonToValue(100),
              cfg: jsonToValue({ b: [1, 2.5, true, null], a: "x<y & z>w" }),
            },
            artifacts: {
              data: { artifacts: [{ artifactId: "7e0f0000-0000-4000-8000-000000000001", name: "d" }] },
              none: { artifacts: [] },
            },
          },
          outputs: {
            parameters: { acc: { outputFile: "/tmp/kfp/outputs/acc" } },
            artifacts: {
              model: {
                artifacts: [
                  {
                    name: "model",
                    uri: "minio://b/k",
                    customPath: "/x",
                    artifactId: "9",
                    type: { kind: { case: "schemaTitle", value: "system.Model" }, schemaVersion: "0.0.1" },
                  },
                ],
              },
              "executor-logs": {
                artifacts: [
                  {
                    name: "executor-logs",
                    uri: "minio://b/l",
                    type: { kind: { case: "schemaTitle", value: "system.Artifact" } },
                  },
                ],
              },
              nothing: { artifacts: [] },
            },
            outputFile: "/tmp/kfp_outputs/output_metadata.json",
          },
        },
        types: { acc: { parameterType: ParameterType.NUMBER_DOUBLE }, unused: { parameterType: ParameterType.STRING } },
      },
    },
    {
      name: "digest F, key order and escapes",
      digest: "bf5b77dce16d17512c9c7b5fd0f82c374a9621ea8a010607b5ad9322b07d1e9e",
      overrides: {
        container: { image: "busybox" },
        pipelineName: "demo",
        input: {
          inputs: {
            parameterValues: {
              "\u{1f600}": jsonToValue('\u0001\u007fé "q" \\ /'),
              "\uffff": jsonToValue("a\u2028b"),
              z: jsonToValue(-0),
            },
          },
        },
      },
    },
    {
      name: "message CacheKey",
      digest: "d4eb9161320cc492b25d4ef4833a0ae291697bd871d17454ed7334dd1f5e9abe",
      overrides: {
        container: { image: "python:3.11", command: ["sh"], args: ["-c", "a<b"] },
        pipelineName: "p",
        input: { inputs: { parameterValues: { n: jsonToValue(3) } }, outputs: { parameters: { o: { outputFile: "/o" } } } },
        types: { o: { parameterType: ParameterType.NUMBER_INTEGER } },
      },
    },
    {
      name: "later upstream with the environment",
      digest: "b2d927f9442b969f5b83d58b9539ca1b095aea50d8708ad883de479a6a0d8813",
      overrides: {
        container: { image: "python:3.11", command: ["python", "main.py"], env: [{ name: "MODE", value: "train" }] },
        input: { inputs: { parameterValues: { in: jsonToValue("v") } } },
      },
    },
    {
      name: "later upstream with the environment left out",
      digest: "65ce663ab1eb7d25c001075a8efa7c89344ff4f653a288f39f308aee49cf5b89",
      overrides: {
        container: { image: "python:3.11", command: ["python", "main.py"], env: [{ name: "MODE", value: "train" }] },
        input: { inputs: { parameterValues: { in: jsonToValue("v") } } },
        includeEnv: false,
      },
    },
  ] as { name: string; digest: string; overrides: Overrides }[])("reproduces $name", ({ overrides, digest }, { expect }) => {
    expect(fingerprint(build(overrides))).toBe(digest);
  });

  test("prefers the id of an input artifact, and falls back to its name", ({ expect }) => {
    const key = build({
      input: { inputs: { artifacts: { a: { artifacts: [{ artifactId: "7", name: "x" }, { name: "y" }] } } } },
    });
    expect(key.inputArtifactNames).toEqual({ a: ["7", "y"] });
  });

  test("sees the first artifact of an output, and an empty metadata struct", ({ expect }) => {
    const key = build({ input: { outputs: { artifacts: { a: { artifacts: [{ name: "x", metadata: {} }, { name: "y" }] } } } } });
    expect(cacheKeyText(key)).toContain('"outputArtifactsSpec":{"a":{"metadata":{},"name":"x"}}');
  });

  test("refuses an output parameter the component does not declare", ({ expect }) => {
    const undeclared: Overrides = { input: { outputs: { parameters: { constructor: { outputFile: "/x" } } } } };
    expect(() => build(undeclared)).toThrow(expect.objectContaining({ code: "OUTPUT_PARAMETER_UNKNOWN" }));
    expect(() => build(undeclared)).toThrow(/"constructor"/);
  });
});

describe("saltedFingerprint()", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const own = customFingerprint("comp", "key");

  test("differs by salt and by the digest of the image, not by its tag", ({ expect }) => {
    const salted = (salt: string, image: string): string => saltedFingerprint(own, { salt, image });
    expect(salted("s", "busybox:1")).toBe(salted("s", "busybox:2"));
    expect(salted("s", `busybox@${digest}`)).toBe(salted("s", `registry:5000/busybox:1@${digest}`));
    const all = [own, salted("s", "busybox"), salted("t", "busybox"), salted("s", `busybox@${digest}`)];
    expect(new Set(all).size).toBe(all.length);
    expect(salted("s", "busybox")).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("cacheKeyParts()", () => {
  const key: CacheKey = {
    containerSpec: { image: "busybox", cmdArgs: ["sh"], env: [{ name: "A", value: "1" }], pvcNames: ["data"] },
    inputArtifactNames: { same: ["1"] },
    inputParameterValues: { same: "x", n: 3 },
    outputArtifactsSpec: { model: { name: "model" } },
    outputParametersSpec: { out: "STRING" },
  };
  const names = ["image", "command", "env", "claims", "outputs", "artifact.same", "parameter.n", "parameter.same"];

  test("names every part that is there", ({ expect }) => {
    expect(Object.keys(cacheKeyParts(key))).toEqual(names);
    expect(Object.keys(cacheKeyParts({ containerSpec: {} }))).toEqual(["command"]);
  });

  test.for<{ part: string; changed: CacheKey }>([
    { part: "image", changed: { ...key, containerSpec: { ...key.containerSpec, image: "alpine" } } },
    { part: "command", changed: { ...key, containerSpec: { ...key.containerSpec, cmdArgs: ["sh", "-c"] } } },
    { part: "env", changed: { ...key, containerSpec: { ...key.containerSpec, env: [{ name: "A", value: "2" }] } } },
    { part: "claims", changed: { ...key, containerSpec: { ...key.containerSpec, pvcNames: ["other"] } } },
    { part: "outputs", changed: { ...key, outputParametersSpec: { out: "LIST" } } },
    { part: "artifact.same", changed: { ...key, inputArtifactNames: { same: ["2"] } } },
    { part: "parameter.n", changed: { ...key, inputParameterValues: { same: "x", n: 4 } } },
  ])("another $part changes this part alone", ({ part, changed }, { expect }) => {
    const [before, after] = [cacheKeyParts(key), cacheKeyParts(changed)];
    expect(names.filter((name) => before[name] !== after[name])).toEqual([part]);
  });
});
