/** The patch of a step without settings of its own: the rows of docs/spec/pod-spec-patch.md#base-patch, in our form. */
import { describe, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import type { ContainerOptions } from "../../../src/driver/options.ts";
import { mainOf, stepPod } from "../../support/step-pod.ts";

const IDENTITY = [
  { name: "KFP_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "KFP_POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
  { name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
];
const channel = (name: string): string => `{{$.inputs.parameters['${name}']}}`;
const ifPresent = (more: JsonObject = {}): string =>
  `{"IfPresent": ${JSON.stringify({ InputName: "n", Then: ["-n", channel("n")], ...more })}}`;

interface Row {
  readonly name: string;
  readonly container?: JsonObject;
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  readonly options?: Partial<ContainerOptions>;
}

const patchOf = ({ container = { image: "img", command: ["c"] }, parameters, options }: Row) =>
  stepPod({ config: {}, container, parameters, options });

const resources = (container: JsonObject): JsonObject => ({ image: "img", resources: container });

describe("the patch without a Kubernetes config", () => {
  test("B1 is the user's container and nothing else", async ({ expect }) => {
    const { patch } = await patchOf({ name: "minimal" });
    expect(Object.keys(patch)).toEqual(["containers"]);
    const { command, ...main } = mainOf(patch);
    expect(main).toEqual({ name: "main", image: "img", args: ["c"], env: IDENTITY, resources: {} });
    expect((command as string[]).at(-1)).toBe("--");
  });

  test.for<Row & { readonly main: JsonObject }>([
    {
      name: "B3 command and arguments in a row",
      container: { image: "img", command: ["sh", "-c"], args: ["a", "b"] },
      main: { args: ["sh", "-c", "a", "b"] },
    },
    {
      name: "B4 the step's own variables first",
      container: {
        image: "img",
        env: [{ name: "A", value: "1" }, { name: "B" }],
      },
      main: { env: [{ name: "A", value: "1" }, { name: "B" }, ...IDENTITY] },
    },
    {
      name: "B6 reserved names have one case",
      container: { image: "img", env: [{ name: "namespace", value: "x" }] },
      main: { env: [{ name: "namespace", value: "x" }, ...IDENTITY] },
    },
    {
      name: "B8 no_proxy alone stays as it is",
      options: { proxy: { httpProxy: "", httpsProxy: "", noProxy: " a , a" } },
      main: { env: [{ name: "no_proxy", value: " a , a" }, { name: "NO_PROXY", value: " a , a" }, ...IDENTITY] },
    },
    {
      name: "B13 resources as texts",
      container: resources({
        ...{ resourceCpuLimit: "0.5", resourceCpuRequest: "500m" },
        ...{ resourceMemoryLimit: "3.5Gi", resourceMemoryRequest: "2G" },
      }),
      main: { resources: { limits: { cpu: "500m", memory: "3584Mi" }, requests: { cpu: "500m", memory: "2G" } } },
    },
    {
      name: "B14 resources as numbers",
      container: resources({ cpuLimit: 2, memoryLimit: 1.5, cpuRequest: 1, memoryRequest: 0.65 }),
      main: { resources: { limits: { cpu: "2", memory: "1500M" }, requests: { cpu: "1", memory: "650M" } } },
    },
    {
      name: "B15 zero says nothing",
      container: resources({ cpuLimit: 2, cpuRequest: 0 }),
      main: { resources: { limits: { cpu: "2" } } },
    },
    {
      name: "B16 a text beats a number",
      container: resources({ resourceCpuLimit: "1", cpuLimit: 4 }),
      main: { resources: { limits: { cpu: "1" } } },
    },
    {
      name: "B17 resources from an input",
      container: resources({ resourceMemoryLimit: channel("pipelinechannel--m") }),
      parameters: { "pipelinechannel--m": "100Mi" },
      main: { resources: { limits: { memory: "100Mi" } } },
    },
    {
      name: "B19 a number is read as its text (K8S-11)",
      container: resources({ resourceMemoryLimit: channel("pipelinechannel--m") }),
      parameters: { "pipelinechannel--m": 5 },
      main: { resources: { limits: { memory: "5" } } },
    },
    {
      name: "B22 an accelerator",
      container: resources({ accelerator: { resourceType: "nvidia.com/gpu", resourceCount: "2" } }),
      main: { resources: { limits: { "nvidia.com/gpu": "2" } } },
    },
    {
      name: "B23 an accelerator in the older fields",
      container: resources({ accelerator: { type: "amd.com/gpu", count: "1" } }),
      main: { resources: { limits: { "amd.com/gpu": "1" } } },
    },
    { name: "B24 half an accelerator", container: resources({ accelerator: { type: "amd.com/gpu" } }), main: { resources: {} } },
    {
      name: "B25 the image from an input, in place (K8S-11)",
      container: { image: `repo/${channel("pipelinechannel--i")}:1` },
      parameters: { "pipelinechannel--i": "python" },
      main: { image: "repo/python:1" },
    },
    {
      name: "the image from an input that is no channel, in place (K8S-11)",
      container: { image: `repo/${channel("i")}:1` },
      parameters: { i: "python" },
      main: { image: "repo/python:1" },
    },
    { name: "B26 other placeholders in the image stay", container: { image: channel("i") }, main: { image: channel("i") } },
    {
      name: "B27 placeholders in arguments",
      container: { image: "img", args: [`p-${channel("x")}-${channel("y")}`] },
      parameters: { x: "a", y: 3 },
      main: { args: ["p-a-3"] },
    },
    {
      name: "B28 in an argument with outputs, these wait for the launcher",
      container: { image: "img", args: [`echo ${channel("x")} > {{$.outputs.parameters['o'].output_file}}`] },
      parameters: { x: "a" },
      main: { args: ["echo a > {{$.outputs.parameters['o'].output_file}}"] },
    },
    {
      name: "B30 IfPresent",
      container: { image: "img", args: [ifPresent()] },
      parameters: { n: true },
      main: { args: ["-n", "true"] },
    },
    {
      name: "B31 IfPresent without the input and without an Else",
      container: { image: "img", command: ["c"], args: [ifPresent()] },
      main: { args: ["c"] },
    },
    {
      name: "B32 null counts as absent",
      container: { image: "img", args: [ifPresent({ Else: "z" })] },
      parameters: { n: null },
      main: { args: ["z"] },
    },
    {
      name: "B33 texts of values",
      container: { image: "img", args: ["a", "b", "c", "d"].map(channel) },
      parameters: { a: 0.1, b: 1000000, c: null, d: { b: 1, a: [true] } },
      main: { args: ["0.1", "1000000", "", '{"a":[true],"b":1}'] },
    },
  ])("$name", async ({ main, ...row }, { expect }) => {
    const { patch } = await patchOf(row);
    expect(mainOf(patch)).toMatchObject(main);
    for (const [key, value] of Object.entries(main)) expect(mainOf(patch)[key]).toEqual(value);
  });

  test("B2 leaves out what an empty container does not say", async ({ expect }) => {
    const main = mainOf((await patchOf({ name: "empty", container: {} })).patch);
    expect(Object.keys(main).toSorted()).toEqual(["command", "env", "name", "resources"]);
  });

  test("B7 a proxy in both spellings, after the step's own variables", async ({ expect }) => {
    const { patch } = await patchOf({
      name: "proxy",
      container: { image: "img", env: [{ name: "A", value: "1" }] },
      options: { proxy: { httpProxy: "http://p", httpsProxy: "", noProxy: "corp" } },
    });
    const env = mainOf(patch)["env"] as { name: string; value?: string }[];
    expect(env.map(({ name }) => name)).toEqual([
      ...["A", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"],
      ...IDENTITY.map(({ name }) => name),
    ]);
    expect(env[3]?.value).toMatch(/^corp,localhost,127\.0\.0\.1,\.svc,\.svc\.cluster\.local,/);
  });

  test.for<Row & { readonly message: string }>([
    {
      name: "B5 a reserved variable",
      container: { image: "img", env: [{ name: "KFP_POD_UID", value: "x" }] },
      message: '"KFP_POD_UID" is reserved',
    },
    {
      name: "B18 an input the step does not have",
      container: resources({ resourceMemoryLimit: channel("pipelinechannel--m") }),
      message: 'the task has no input "pipelinechannel--m"',
    },
    { name: "B20 a malformed quantity", container: resources({ resourceCpuLimit: "1gi" }), message: "quantities must match" },
    {
      name: "B21 an unknown suffix",
      container: resources({ resourceMemoryLimit: "500K" }),
      message: "unable to parse quantity's suffix",
    },
    { name: "B29 an unknown input in an argument", container: { image: "img", args: [channel("nope")] }, message: '"nope"' },
  ])("$name is refused", async ({ message, ...row }, { expect }) => {
    await expect(patchOf(row)).rejects.toThrow(message);
  });

  test.for<Row & { readonly tail: readonly string[] }>([
    {
      name: "B9 flags that are set",
      options: {
        apiServer: { address: "a", port: "1", tlsEnabled: true, caCertPath: "/x.crt" },
        ...{ cacheDisabled: true, logLevel: "4", publishLogs: "true", iterationIndex: 2 },
      },
      tail: [
        ...["--ml_pipeline_tls_enabled=true", "--ca_cert_path", "/x.crt", "--cache_disabled=true"],
        ...["--log_level", "4", "--iteration_index", "2", "--"],
      ],
    },
    { name: "B10 iteration 0", options: { iterationIndex: 0 }, tail: ["--iteration_index", "0", "--"] },
    { name: "B11, B12 no iteration, the usual log level", tail: ["--cache_disabled=false", "--log_level", "1", "--"] },
  ])("$name", async ({ tail, ...row }, { expect }) => {
    const command = mainOf((await patchOf(row)).patch)["command"] as string[];
    expect(command.slice(-tail.length)).toEqual(tail);
    expect(command.filter((element) => element === "--publish_logs")).toHaveLength(1);
  });
});
