/** The resident driver's manifests: what is allowed, who asks whom, and that names agree. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Pod } from "kubernetes-models/v1";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseFlags } from "../../src/core/go/flags.ts";
import type { JsonObject } from "../../src/core/values/value.ts";
import { parseAgentFlags, type AgentCommand } from "../../src/resident/agent/options.ts";
import { PLUGIN_FLAGS } from "../../src/resident/plugin/run-plugin.ts";
import { applyJsonPatch } from "../../src/resident/rewrite/json-patch.ts";
import { SIDECAR_VOLUMES } from "../../src/resident/rewrite/sidecar-volumes.ts";
import { readAdmissionReview, type AdmissionRequest } from "../../src/webhook/admission-review.ts";
import { CERTIFICATE_FLAGS } from "../../src/webhook/certificates/run-certificate.ts";
import { parseWebhookFlags, WEBHOOK_FLAGS } from "../../src/webhook/flags.ts";
import { reviewAgentPod, reviewWorkflow } from "../../src/webhook/review.ts";
import { WEBHOOK_PATHS } from "../../src/webhook/run-webhook.ts";
import { root } from "../support/probe.ts";
import { admissionReview, agentPod, submittedWorkflow } from "../webhook/reviews.ts";

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: string[] }[];
}

interface Webhook {
  readonly rules: readonly { readonly operations: string[]; readonly resources: string[] }[];
  readonly objectSelector: Selector;
  readonly namespaceSelector?: Selector;
  readonly failurePolicy: string;
  readonly sideEffects: string;
  readonly admissionReviewVersions: string[];
  readonly clientConfig: { readonly service: { readonly name: string; readonly path: string; readonly port: number } };
}

interface Container {
  readonly name: string;
  readonly args: string[];
  readonly env: readonly { readonly name: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
  readonly securityContext: object;
}

interface PodSpec {
  readonly containers: Container[];
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext: object;
  readonly volumes?: readonly { readonly secret: { readonly secretName: string } }[];
}

function read<T = JsonObject>(file: string): T[] {
  const text = readFileSync(path.join(root, "manifests/components", file), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as T);
}

/** Everything that roles of a file allow, a line each. */
function granted(file: string): Record<string, string[]> {
  const roles = read<{ kind: string; metadata: { name: string }; rules?: Rule[] }>(file).filter(
    ({ rules }) => rules !== undefined,
  );
  return Object.fromEntries(
    roles.map(({ kind, metadata, rules = [] }) => [
      `${kind} ${metadata.name}`,
      rules.flatMap(({ apiGroups: [group = ""], resources, resourceNames = [], verbs }) => {
        const only = resourceNames.length === 0 ? "" : ` (${resourceNames.join(", ")})`;
        return resources.flatMap((resource) =>
          verbs.map((verb) => `${verb} ${resource}${group === "" ? "" : `.${group}`}${only}`),
        );
      }),
    ]),
  );
}

const AGENT = [
  "get workflowtasksets.argoproj.io",
  "list workflowtasksets.argoproj.io",
  "watch workflowtasksets.argoproj.io",
  "get workflows.argoproj.io",
  "list workflows.argoproj.io",
  "watch workflows.argoproj.io",
  "patch workflowtasksets/status.argoproj.io",
];
const CONTROLLER = ["patch workflowtasksets/status.argoproj.io"];

describe("rights of the resident driver", () => {
  test("are those of one namespace and one account where all runs are there", () => {
    expect(granted("resident-rbac-single-user/role.yaml")).toEqual({
      "Role kfp-runtime-agent": [...AGENT, "create serviceaccounts/token (pipeline-runner)"],
      "Role kfp-runtime-workflow-controller": CONTROLLER,
    });
  });

  test("are those of the profiles' account where runs are everywhere", () => {
    expect(granted("resident-rbac-multi-user/cluster-role.yaml")).toEqual({
      "ClusterRole kfp-runtime-agent": [...AGENT, "create serviceaccounts/token (default-editor)"],
      "ClusterRole kfp-runtime-workflow-controller": CONTROLLER,
    });
  });

  test("end at the agent's lease, and at the one Secret and the two configurations of the certificate", () => {
    expect(granted("resident-driver/agent-lease.yaml")).toEqual({
      "Role kfp-runtime-agent-lease": [
        "create leases.coordination.k8s.io",
        "get leases.coordination.k8s.io (kfp-driver-agent)",
        "update leases.coordination.k8s.io (kfp-driver-agent)",
      ],
    });
    const configurations = "(kfp-runtime-workflow, kfp-runtime-agent-pod)";
    expect(granted("resident-self-signed/certificate-rights.yaml")).toEqual({
      "Role kfp-runtime-certificate": [
        "create secrets",
        "get secrets (kfp-runtime-webhook-tls)",
        "update secrets (kfp-runtime-webhook-tls)",
      ],
      "ClusterRole kfp-runtime-certificate": [
        `get mutatingwebhookconfigurations.admissionregistration.k8s.io ${configurations}`,
        `update mutatingwebhookconfigurations.admissionregistration.k8s.io ${configurations}`,
      ],
    });
  });

  test("are bound to the accounts of the pods", () => {
    for (const file of [
      "resident-driver/agent-lease.yaml",
      "resident-rbac-single-user/role-binding.yaml",
      "resident-rbac-multi-user/cluster-role-binding.yaml",
      "resident-self-signed/certificate-rights.yaml",
    ]) {
      for (const { roleRef, subjects, metadata } of read<{
        roleRef?: { name: string };
        subjects: { name: string }[];
        metadata: { name: string };
      }>(file)) {
        if (roleRef === undefined) continue;
        const account = metadata.name === "kfp-runtime-workflow-controller" ? "argo" : metadata.name.replace(/-lease$/, "");
        expect([roleRef.name, subjects.map(({ name }) => name)]).toEqual([metadata.name, [account]]);
      }
    }
  });
});

describe("webhooks of the resident driver", () => {
  const webhookOf = (file: string): Webhook => read<{ webhooks: [Webhook] }>(file)[0]?.webhooks[0] as Webhook;
  const workflow = webhookOf("resident-webhook/workflow-webhook.yaml");
  const pod = webhookOf("resident-agent-gate/agent-pod-webhook.yaml");
  const labelsOf = (object: JsonObject): Record<string, string> =>
    ((object["metadata"] as JsonObject)["labels"] ?? {}) as Record<string, string>;
  const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Readonly<Record<string, string>>): boolean =>
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) =>
      operator === "Exists" ? key in labels : operator === "NotIn" ? !values.includes(labels[key] ?? "") : false,
    );

  test("are asked for what the program decides about", () => {
    const review = (object: JsonObject): AdmissionRequest => readAdmissionReview(admissionReview(object)) as AdmissionRequest;
    const submitted = submittedWorkflow();
    const options = { version: "1", loopParallelism: 200, agentReady: true };
    const decision = reviewWorkflow(review(submitted), options);
    expect([selects(workflow.objectSelector, labelsOf(submitted)), decision.result]).toEqual([true, "rewritten"]);
    expect(selects(workflow.objectSelector, {})).toBe(false);
    // The controller puts these labels on every pod of the run, and its own on the agent's.
    const after = applyJsonPatch(submitted, decision.patch) as { spec: { podMetadata: { labels: Record<string, string> } } };
    const labels = { ...after.spec.podMetadata.labels, "workflows.argoproj.io/component": "agent" };
    expect(selects(pod.objectSelector, labels)).toBe(true);
    expect(reviewAgentPod(review({ ...agentPod(), metadata: { labels } })).result).toBe("gated");
    expect(selects(pod.objectSelector, after.spec.podMetadata.labels)).toBe(false);
    expect(selects(pod.objectSelector, { "workflows.argoproj.io/component": "agent" })).toBe(false);
  });

  test("let a namespace keep its driver pods", () => {
    const [first] = read<{ op: string; path: string; value: object }>("resident-rbac-single-user/workflow-webhook.yaml");
    expect(selects(workflow.namespaceSelector ?? {}, {})).toBe(true);
    expect(selects(workflow.namespaceSelector ?? {}, { "kfp-runtime.dev/resident": "false" })).toBe(false);
    expect(first).toEqual([
      {
        ...{ op: "add", path: "/webhooks/0/namespaceSelector/matchLabels" },
        value: { "kubernetes.io/metadata.name": "kubeflow" },
      },
    ]);
  });

  test("never stand in the way of a workflow, and always in that of an agent pod", () => {
    expect([workflow.failurePolicy, pod.failurePolicy]).toEqual(["Ignore", "Fail"]);
    for (const each of [workflow, pod]) {
      expect(each).toMatchObject({ sideEffects: "None", admissionReviewVersions: ["v1"], timeoutSeconds: 5 });
      expect(each.rules.map(({ operations }) => operations)).toEqual([["CREATE"]]);
    }
  });

  test("are where the service and the program are", () => {
    const [, deployment, service] = read("resident-webhook/webhook.yaml") as unknown as [
      JsonObject,
      { readonly spec: { readonly template: { readonly spec: PodSpec } } },
      { readonly metadata: { readonly name: string }; readonly spec: { readonly ports: { port: number; targetPort: string }[] } },
    ];
    const { containers, volumes, automountServiceAccountToken } = deployment.spec.template.spec;
    const [container] = containers;
    const { ports } = service.spec;
    for (const [{ clientConfig }, expected] of [
      [workflow, WEBHOOK_PATHS.workflow],
      [pod, WEBHOOK_PATHS.agentPod],
    ] as const) {
      expect(clientConfig.service).toMatchObject({ name: service.metadata.name, path: expected });
      const target = ports.find(({ port }) => port === clientConfig.service.port)?.targetPort;
      expect(container?.ports?.find(({ name }) => name === target)?.containerPort).toBe(8443);
    }
    const command = parseWebhookFlags((container?.args ?? []).slice(1).map((arg) => arg.replace("$(NAMESPACE)", "kubeflow")));
    expect(container?.args[0]).toBe("webhook");
    expect(command).toMatchObject({
      warnings: [],
      settings: {
        ...{ listen: { port: 8443 }, status: { port: 8080 } },
        agentReadyUrl: "http://kfp-runtime-agent.kubeflow:8080/readyz",
      },
    });
    expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).toEqual([path.dirname(WEBHOOK_FLAGS.cert_path.default)]);
    expect(automountServiceAccountToken).toBe(false);
    // What the Job writes and cert-manager fills is what the pods mount.
    const [, certificate] = read<{ spec: { secretName: string; dnsNames: string[] } }>("resident-cert-manager/certificate.yaml");
    expect([
      CERTIFICATE_FLAGS.secret.default,
      certificate?.spec.secretName,
      ...(volumes ?? []).map(({ secret }) => secret.secretName),
    ]).toEqual(Array.from({ length: 3 }, () => "kfp-runtime-webhook-tls"));
    expect(certificate?.spec.dnsNames).toEqual([`${CERTIFICATE_FLAGS.service.default}.kubeflow.svc`]);
    expect(CERTIFICATE_FLAGS.configurations.default.split(",")).toEqual(["kfp-runtime-workflow", "kfp-runtime-agent-pod"]);
  });
});

describe("pods of the resident driver", () => {
  const specs = ["resident-driver/agent.yaml", "resident-webhook/webhook.yaml", "resident-self-signed/certificate.yaml"].flatMap(
    (file) =>
      read(file).flatMap(({ kind, spec }) => {
        const inner = kind === "CronJob" ? ((spec as JsonObject)["jobTemplate"] as JsonObject)["spec"] : spec;
        const template = (inner as JsonObject | undefined)?.["template"] as unknown as { spec: PodSpec } | undefined;
        return template === undefined ? [] : [{ file, kind, spec: template.spec }];
      }),
  );

  test("are restricted as far as Kubernetes goes, with accounts of their own", () => {
    expect(specs.map(({ kind, spec }) => [kind, spec.serviceAccountName])).toEqual([
      ["Deployment", "kfp-runtime-agent"],
      ["Deployment", "kfp-runtime-webhook"],
      ["Job", "kfp-runtime-certificate"],
      ["CronJob", "kfp-runtime-certificate"],
    ]);
    for (const { spec } of specs) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const { securityContext } of spec.containers) {
        expect(securityContext).toEqual({
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ["ALL"] },
        });
      }
    }
  });

  test("of the agent have flags and variables that it understands, in both installations", () => {
    const [container] = specs[0]?.spec.containers ?? [];
    const environment = Object.fromEntries(
      (container?.env ?? []).map(({ name }) => [name, name === "NAMESPACE" ? "kubeflow" : "x"]),
    );
    for (const [installation, expected] of [
      ["single-user", { accounts: ["pipeline-runner"], namespace: "kubeflow" }],
      ["multi-user", { accounts: ["default-editor"], namespace: "" }],
    ] as const) {
      const [added] = read<{ path: string; value: string }[]>(`resident-rbac-${installation}/agent.yaml`) as unknown as [
        { path: string; value: string }[],
      ];
      const args = [...(container?.args ?? []), ...added.map(({ value }) => value)];
      expect(added.map(({ path: place }) => place)).toEqual(added.map(() => "/spec/template/spec/containers/0/args/-"));
      const command = parseAgentFlags(
        args.slice(1).map((arg) => arg.replace("$(NAMESPACE)", "kubeflow")),
        environment,
      ) as AgentCommand;
      expect(args[0]).toBe("agent");
      expect(command).toMatchObject({
        ...{ warnings: [], options: { namespace: expected.namespace }, tenants: { identity: "run" } },
        ...{ connection: { address: "ml-pipeline.kubeflow" }, status: { host: "", port: 8080 } },
        lease: { namespace: "kubeflow", name: "kfp-driver-agent" },
      });
      expect([...command.allowedAccounts]).toEqual(expected.accounts);
    }
  });

  test("of the Job and of the CronJob are the same", () => {
    const [job, cronJob] = specs.slice(2);
    expect(cronJob?.spec).toEqual(job?.spec);
    expect(job?.spec.containers[0]?.args).toEqual(["webhook-certificate"]);
  });
});

describe("the executor plugin", () => {
  const [configMap] = read("resident-plugin/plugin.yaml") as unknown as [
    { readonly metadata: { readonly name: string; readonly labels: object }; readonly data: Readonly<Record<string, string>> },
  ];
  const container = parse(configMap.data["sidecar.container"] ?? "") as Container & { readonly image: string };

  test("is one that Argo takes: a name, a label, and a container with all that it asks for", () => {
    expect(configMap.metadata.name).toMatch(/-executor-plugin$/);
    expect(configMap.metadata.labels).toEqual({ "workflows.argoproj.io/configmap-type": "ExecutorPlugin" });
    const pod = { metadata: {}, spec: { containers: [container] } };
    expect(() => new Pod(pod as never).validate()).not.toThrow();
    expect(container).toMatchObject({ resources: { requests: {}, limits: {} }, securityContext: { runAsUser: 8737 } });
    const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    expect(container.image).toBe(`kfp-runtime/driver:${version}`);
  });

  test("listens where Argo's agent asks, and is told its period", () => {
    const [word, ...args] = container.args;
    const { values, warnings, positional } = parseFlags(PLUGIN_FLAGS, args);
    expect([word, warnings, positional]).toEqual(["plugin", [], []]);
    expect(values.listen_address).toBe(`127.0.0.1:${String(container.ports?.[0]?.containerPort)}`);
    const [controller] = read("resident-plugin/workflow-controller.yaml") as unknown as [
      { spec: { template: { spec: PodSpec } } },
    ];
    expect(controller.spec.template.spec.containers[0]?.env).toEqual([
      { name: "ARGO_EXECUTOR_PLUGINS", value: "true" },
      { name: "ARGO_AGENT_PATCH_RATE", value: values.patch_period },
    ]);
  });

  test("mounts the volumes that the webhook gives to the pods of its workflows", () => {
    const [first] = read("resident-plugin/webhook.yaml") as unknown as [[{ value: string[] }]];
    const command = parseWebhookFlags(first[0].value.slice(1));
    expect(command).toMatchObject({ mode: "serve", warnings: [], settings: { forPlugin: true } });
    const mounts = container.volumeMounts as unknown as { name: string; mountPath: string }[];
    expect(mounts.map(({ name, mountPath }) => [name, mountPath])).toEqual([
      [SIDECAR_VOLUMES.token, "/var/run/secrets/kfp"],
      [SIDECAR_VOLUMES.kube, "/var/run/secrets/kubernetes.io/serviceaccount"],
      [SIDECAR_VOLUMES.config, "/etc/kfp/launcher-config"],
    ]);
  });

  test("needs no right of its own", () => {
    expect(granted("resident-plugin/rights.yaml")).toEqual({
      "Role kfp-runtime-plugin": [
        "list workflowtasksets.argoproj.io",
        "watch workflowtasksets.argoproj.io",
        "patch workflowtasksets/status.argoproj.io",
      ],
      "Role kfp-runtime-workflow-controller": CONTROLLER,
    });
  });
});
