/**
 * The matrix of the test cluster.
 *
 * @module
 */
import type { JsonObject } from "../../src/core/values/value.ts";
import { AGENT_SCENARIOS } from "./agent-scenarios.ts";
import { base64, NAMESPACE } from "./cluster-objects.ts";
import { DISTURBED_SCENARIOS } from "./disturbed-scenarios.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import { endedAs, fingerprintOf } from "./row-checks.ts";
import type { Scenario } from "./scenario.ts";
import { setConstant, setRawItems } from "./spec-changes.ts";
import { setStep, steps } from "./step-command.ts";
import { MODEL_WEIGHTS } from "./step-image.ts";

const secret = (name: string, data: Record<string, string>) =>
  [
    "secrets",
    {
      metadata: { name, namespace: NAMESPACE },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
    },
  ] as const;

const configMap = (name: string, data: Record<string, string>) =>
  ["configmaps", { metadata: { name, namespace: NAMESPACE }, data }] as const;

/** Undisturbed, and every row as a local run makes it. */
const PLAIN: readonly Scenario[] = [
  { name: "hello world", pipeline: "container_bare", changeExecutors: steps("echo", "hello world") },
  { name: "order of tasks", pipeline: "task_order" },
  { name: "conditions", pipeline: "condition_nested" },
  { name: "conditions in a loop", pipeline: "condition_in_a_loop" },
  { name: "OneOf of parameters", pipeline: "condition_one_of_parameters" },
  { name: "OneOf of artifacts", pipeline: "condition_one_of_artifacts" },
  { name: "loops over constants", pipeline: "loop_over_constants" },
  { name: "loop over a parameter", pipeline: "loop_over_a_parameter" },
  { name: "loop over nothing", pipeline: "loop_over_nothing" },
  { name: "loop over an output", pipeline: "loop_over_an_output" },
  { name: "nested loops", pipeline: "loop_nested" },
  { name: "Collected parameters", pipeline: "loop_collected_parameters" },
  { name: "Collected artifacts", pipeline: "loop_collected_artifacts", changeExecutors: echoInsteadOfPython },
  { name: "pipelines in pipelines", pipeline: "nested_pipeline_deep" },
  { name: "loop of pipelines", pipeline: "loop_of_pipelines" },
  {
    name: "exit handler after success",
    pipeline: "exit_handler_with_status",
    changeExecutors: echoInsteadOfPython,
    expected: [fingerprintOf("report", "the status it is told names the run")],
  },
  {
    name: "exit handler after failure",
    pipeline: "exit_handler_after_failure",
    changeExecutors: echoInsteadOfPython,
    phase: "Failed",
    expected: [fingerprintOf("report", "the status it is told names the run")],
  },
  { name: "cache hits", pipeline: "task_caching", earlierRuns: 1 },
  { name: "importer", pipeline: "importer_of_a_constant" },
  {
    name: "secrets",
    pipeline: "kubernetes_secrets",
    objects: [secret("login", { user: "ada", password: "pass" }), secret("certificate", { "tls.crt": "a certificate" })],
    changeExecutors: steps(
      ...[
        "sh",
        "-c",
        'test "$USER_NAME $PASSWORD ${TOKEN-none} $(cat /etc/certificate/tls.crt)" = "ada pass none a certificate"',
      ],
    ),
  },
  {
    name: "config maps",
    pipeline: "kubernetes_config_maps",
    objects: [configMap("settings", { level: "3", mode: "fast" })],
    changeExecutors: steps("sh", "-c", 'test "$LEVEL $MODE $(cat /etc/settings/level)" = "3 fast 3"'),
  },
  {
    name: "volume claim: create, mount, delete",
    pipeline: "kubernetes_create_and_delete_claim",
    expected: [fingerprintOf("createpvc", "the claim's name is new in every run"), fingerprintOf("say", "it mounts that claim")],
    check: async ({ cluster }) => {
      const claims = await cluster.kube.list("persistentvolumeclaims");
      // Kubernetes takes it when the pods that have used it are gone as well.
      const isThere = claims.some(({ metadata }) => metadata.name.endsWith("-data") && metadata.deletionTimestamp === undefined);
      return isThere ? ["the claim is still there"] : [];
    },
  },
  {
    name: "workspace",
    pipeline: "workspace",
    changeSpec: (spec) => setConstant(spec, "say", { input: "text", value: "{{$.workspace_path}}/written" }),
    changeExecutors: (executors) => {
      const path = "{{$.inputs.parameters['path']}}";
      setStep(executors, "exec-write-to", ["sh", "-c", 'echo one > "$0/written"', path]);
      setStep(executors, "exec-write-to-2", ["sh", "-c", 'mkdir "$0" && echo two > "$0/written"', path]);
      setStep(executors, "exec-say", ["grep", "one", "{{$.inputs.parameters['text']}}"]);
    },
    expected: ["write-to", "write-to-2", "say"].map((task) => fingerprintOf(task, "the claim is called by the run's name")),
  },
  {
    name: "importer into the workspace",
    pipeline: "importer_into_the_workspace",
    changeExecutors: (executors) => {
      setStep(executors, "exec-read-dataset", ["grep", "1,2", "{{$.inputs.artifacts['data'].path}}/file.csv"]);
    },
  },
  {
    name: "a model in an image",
    pipeline: "importer_of_an_image",
    // A local run shows models to steps in containers only, and those of this comparison are processes.
    isCompared: false,
    changeExecutors: (executors) => {
      const path = "{{$.inputs.artifacts['model'].path}}";
      setStep(executors, "exec-read-model", ["grep", MODEL_WEIGHTS.trim(), `${path}/weights`]);
    },
    check: async (running, rows) => [
      ...endedAs(rows, "SUCCEEDED"),
      ...(Object.keys(rows).length === 3 ? [] : [`there are ${String(Object.keys(rows).length)} rows, not three`]),
      ...containersThatEnded(await running.podsOf("executor"), ["oci-prepull-0", "oci-0"]),
    ],
  },
  {
    name: "raw loop, 100 wide",
    pipeline: "loop_over_constants",
    // Others would wait for its pods.
    isAlone: true,
    changeSpec: (spec) => {
      const items = Array.from({ length: 100 }, (_, index) => `item ${String(index)}`);
      setRawItems(spec, "for-loop-2", items);
      // Others than those of the scenario with the loops as they are, whose steps would be in the cache.
      setRawItems(spec, "for-loop-4", [101.5, 102.5]);
    },
    check: (_running, rows) => {
      const iterations = Object.keys(rows).filter((label) => label.includes("[99]"));
      return iterations.length > 0 ? [] : ["there is no iteration 99"];
    },
  },
  {
    name: "a step that fails",
    pipeline: "container_bare",
    changeExecutors: steps("sh", "-c", "echo no >&2; exit 3"),
    phase: "Failed",
  },
  {
    name: "a step that works at the second try",
    pipeline: "task_retries",
    changeExecutors: steps("sh", "-c", 'test "$KFP_RETRY_INDEX" = 1'),
  },
];

export const SCENARIOS: readonly Scenario[] = [...PLAIN, ...DISTURBED_SCENARIOS, ...AGENT_SCENARIOS];

/** Each of them once, and well, in one pod. */
function containersThatEnded(pods: readonly KubeObject[], names: readonly string[]): string[] {
  const states = pods.flatMap(({ status = {} }) =>
    ["initContainerStatuses", "containerStatuses"].flatMap((key) => (status[key] ?? []) as unknown as ContainerStatus[]),
  );
  return names.flatMap((name) => {
    const found = states.filter((one) => one.name === name);
    return found.length === 1 && found[0]?.state.terminated?.exitCode === 0
      ? []
      : [`container ${name}: ${JSON.stringify(found)}`];
  });
}

interface ContainerStatus {
  readonly name: string;
  readonly state: { readonly terminated?: { readonly exitCode: number } };
}

/** Python steps without outputs, where only what they are given matters. */
function echoInsteadOfPython(executors: Record<string, JsonObject>): void {
  for (const executor of Object.values(executors)) {
    const container = executor["container"] as JsonObject | undefined;
    const image = container?.["image"];
    if (typeof image !== "string" || !image.startsWith("python:")) continue;
    executor["container"] = { image: "alpine:3.22", command: ["echo"], args: ["{{$}}"] };
  }
}
