/** Every member of the Kubernetes executor config: what it adds, what it leaves out, what it refuses. */
import { fromJson } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { PipelineTaskSchema } from "../../../../src/core/kfp-types.ts";
import type { JsonObject, JsonValue } from "../../../../src/core/values/value.ts";
import { constant, input, mainOf, output, stepPod, type StepPodRequest } from "../../../support/step-pod.ts";

const IDENTITY = [
  { name: "KFP_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "KFP_POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
  { name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
];

interface Row extends StepPodRequest {
  readonly name: string;
  /** Members of the pod beside the containers; all of them. */
  readonly pod?: JsonObject;
  /** Members of the user's container beside name, image, command, args; without `env` it is the identity's, without `resources` `{}`. */
  readonly main?: JsonObject;
}

/** What was made, and what is wanted. */
async function expectPod({ pod = {}, main = {}, ...request }: Row): Promise<[JsonObject, JsonObject]> {
  const { patch } = await stepPod(request);
  return [
    { pod: without(patch, ["containers"]), main: without(mainOf(patch), ["name", "image", "command", "args"]) },
    { pod, main: { env: IDENTITY, resources: {}, ...main } },
  ];
}

function without(json: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !members.includes(key)));
}

const claim = (name: string): JsonObject => ({ name, persistentVolumeClaim: { claimName: name } });
const secret = (name: string, optional = false): JsonObject => ({ name, secret: { secretName: name, optional } });
const configMap = (name: string, optional = false): JsonObject => ({ name, configMap: { name, optional } });
const secretVariable = (envVar: string, more: JsonObject = {}): JsonObject => ({
  name: envVar,
  valueFrom: { secretKeyRef: { name: "s", key: "k", ...more } },
});
const keys = (envVar: string): JsonObject[] => [{ secretKey: "k", envVar }];
const expression = { key: "disk", operator: "In", values: ["ssd"] };
const t1 = { key: "k1", operator: "Equal", value: "v", effect: "NoSchedule", tolerationSeconds: 3600 };
const t2 = { key: "k2", operator: "Exists" };
const t3 = { operator: "Exists", effect: "NoExecute" };
const ephemeral = { volumeName: "e", mountPath: "/e", accessModes: ["ReadWriteOnce"], size: "5Gi" };
const mount = (name: string, mountPath: string, more: JsonObject = {}): JsonObject => ({ name, mountPath, ...more });

const rows: readonly Row[] = [
  // Secrets and config maps as volumes.
  {
    name: "K1 a secret as a volume",
    config: { secretAsVolume: [{ secretNameParameter: constant("s"), mountPath: "/s" }] },
    pod: { volumes: [secret("s")] },
    main: { volumeMounts: [mount("s", "/s")] },
  },
  {
    name: "K2 the older name, optional",
    config: { secretAsVolume: [{ secretName: "s", mountPath: "/s", optional: true }] },
    pod: { volumes: [secret("s", true)] },
    main: { volumeMounts: [mount("s", "/s")] },
  },
  {
    name: "K3 the parameter beats the older name",
    config: { secretAsVolume: [{ secretName: "x", secretNameParameter: constant("s"), mountPath: "/s" }] },
    pod: { volumes: [secret("s")] },
    main: { volumeMounts: [mount("s", "/s")] },
  },
  {
    name: "K4 a secret the run does not name is left out",
    config: { secretAsVolume: [{ secretNameParameter: input("absent"), mountPath: "/s" }] },
    optionalInputs: ["absent"],
  },
  {
    name: "a null input is left out",
    config: { secretAsVolume: [{ secretNameParameter: input("n"), mountPath: "/s" }] },
    inputs: { n: null },
  },
  {
    name: "a secret named by another task",
    config: { secretAsVolume: [{ secretNameParameter: output("make", "name"), mountPath: "/s" }] },
    outputs: { make: { name: "made" } },
    pod: { volumes: [secret("made")] },
    main: { volumeMounts: [mount("made", "/s")] },
  },
  {
    name: "K8 a config map as a volume",
    config: { configMapAsVolume: [{ configMapNameParameter: input("c"), mountPath: "/c" }] },
    inputs: { c: "cm" },
    pod: { volumes: [configMap("cm")] },
    main: { volumeMounts: [mount("cm", "/c")] },
  },
  {
    name: "a config map by the older name, one named by another task, and an absent one",
    config: {
      configMapAsVolume: [
        { configMapName: "old", mountPath: "/a", optional: true },
        { configMapNameParameter: output("make", "name"), mountPath: "/b" },
        { configMapNameParameter: input("absent"), mountPath: "/c" },
      ],
    },
    optionalInputs: ["absent"],
    outputs: { make: { name: "made" } },
    pod: { volumes: [configMap("old", true), configMap("made")] },
    main: { volumeMounts: [mount("old", "/a"), mount("made", "/b")] },
  },
  {
    name: "constants have the run's placeholders replaced",
    config: { secretAsVolume: [{ secretNameParameter: constant("{{$.pipeline_job_uuid}}"), mountPath: "/s" }] },
    pod: { volumes: [secret("run-1")] },
    main: { volumeMounts: [mount("run-1", "/s")] },
  },
  {
    name: "a constant that refers to an input of the step",
    config: {
      secretAsVolume: [
        { secretNameParameter: constant("{{$.inputs.parameters['pipelinechannel--db']}}"), mountPath: "/a" },
        { secretNameParameter: constant("{{$.inputs.parameters['pipelinechannel--db']}}-ro"), mountPath: "/b" },
        { secretNameParameter: constant("{{$.inputs.parameters['pipelinechannel--none']}}"), mountPath: "/c" },
      ],
    },
    inputs: { db: "main" },
    optionalInputs: ["absent"],
    taskInputs: { "pipelinechannel--db": input("db"), "pipelinechannel--none": input("absent") },
    pod: { volumes: [secret("main"), secret("main-ro")] },
    main: { volumeMounts: [mount("main", "/a"), mount("main-ro", "/b")] },
  },
  // Variables.
  {
    name: "K9 a key of a secret, optional not said",
    config: { secretAsEnv: [{ secretName: "s", keyToEnv: keys("E") }] },
    main: { env: [...IDENTITY, secretVariable("E")] },
  },
  {
    name: "K10 optional false is kept",
    config: { secretAsEnv: [{ secretName: "s", keyToEnv: keys("E"), optional: false }] },
    main: { env: [...IDENTITY, secretVariable("E", { optional: false })] },
  },
  {
    name: "a secret named by an input, by another task, and an absent one",
    config: {
      secretAsEnv: [
        { secretNameParameter: input("s"), keyToEnv: keys("A") },
        { secretNameParameter: output("make", "name"), keyToEnv: keys("B"), optional: true },
        { secretNameParameter: input("absent"), keyToEnv: keys("C") },
      ],
    },
    inputs: { s: "s" },
    optionalInputs: ["absent"],
    outputs: { make: { name: "s" } },
    main: { env: [...IDENTITY, secretVariable("A"), secretVariable("B", { optional: true })] },
  },
  {
    name: "an entry without keys is not looked at",
    config: { secretAsEnv: [{}], configMapAsEnv: [{ optional: true }] },
  },
  {
    name: "keys of config maps, from every source",
    config: {
      configMapAsEnv: [
        { configMapName: "cm", keyToEnv: [{ configMapKey: "k", envVar: "A" }] },
        { configMapNameParameter: input("c"), keyToEnv: [{ configMapKey: "k", envVar: "B" }], optional: true },
        { configMapNameParameter: output("make", "name"), keyToEnv: [{ configMapKey: "k", envVar: "C" }] },
        { configMapNameParameter: input("absent"), keyToEnv: [{ configMapKey: "k", envVar: "D" }] },
      ],
    },
    inputs: { c: "in" },
    optionalInputs: ["absent"],
    outputs: { make: { name: "made" } },
    main: {
      env: [
        ...IDENTITY,
        { name: "A", valueFrom: { configMapKeyRef: { name: "cm", key: "k" } } },
        { name: "B", valueFrom: { configMapKeyRef: { name: "in", key: "k", optional: true } } },
        { name: "C", valueFrom: { configMapKeyRef: { name: "made", key: "k" } } },
      ],
    },
  },
  {
    name: "K13 the order of variables",
    container: { image: "img", env: [{ name: "U", value: "1" }] },
    config: {
      fieldPathAsEnv: [{ name: "E3", fieldPath: "spec.nodeName" }],
      configMapAsEnv: [{ configMapName: "c", keyToEnv: [{ configMapKey: "k", envVar: "E2" }] }],
      secretAsEnv: [{ secretName: "s", keyToEnv: keys("E1") }],
    },
    main: {
      env: [
        { name: "U", value: "1" },
        ...IDENTITY,
        secretVariable("E1"),
        { name: "E2", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
        { name: "E3", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      ],
    },
  },
  {
    name: "K14 a field of the pod",
    config: { fieldPathAsEnv: [{ name: "SA", fieldPath: "spec.serviceAccountName" }] },
    main: { env: [...IDENTITY, { name: "SA", valueFrom: { fieldRef: { fieldPath: "spec.serviceAccountName" } } }] },
  },
  {
    name: "a later variable replaces an earlier one of its name, whole and at its place (K8S-8)",
    container: {
      image: "img",
      env: [
        { name: "E", value: "1" },
        { name: "U", value: "$(E)" },
      ],
    },
    config: { secretAsEnv: [{ secretName: "s", keyToEnv: keys("E") }] },
    main: { env: [secretVariable("E"), { name: "U", value: "$(E)" }, ...IDENTITY] },
  },
  // Claims.
  {
    name: "K15 a claim by a constant parameter",
    config: { pvcMount: [{ mountPath: "/d", pvcNameParameter: constant("p") }] },
    pod: { volumes: [claim("p")] },
    main: { volumeMounts: [mount("p", "/d")] },
  },
  {
    name: "K16 a path in the claim",
    config: { pvcMount: [{ mountPath: "/d", subPath: "a/b", pvcNameParameter: constant("p") }] },
    pod: { volumes: [claim("p")] },
    main: { volumeMounts: [mount("p", "/d", { subPath: "a/b" })] },
  },
  {
    name: "K17 the older constant",
    config: { pvcMount: [{ mountPath: "/d", constant: "p" }] },
    pod: { volumes: [claim("p")] },
    main: { volumeMounts: [mount("p", "/d")] },
  },
  {
    name: "K18 the parameter beats the older constant",
    config: { pvcMount: [{ mountPath: "/d", constant: "x", pvcNameParameter: constant("p") }] },
    pod: { volumes: [claim("p")] },
    main: { volumeMounts: [mount("p", "/d")] },
  },
  {
    name: "K19 the older component input",
    config: { pvcMount: [{ mountPath: "/d", componentInputParameter: "v" }] },
    inputs: { v: "p" },
    pod: { volumes: [claim("p")] },
    main: { volumeMounts: [mount("p", "/d")] },
  },
  {
    name: "K20 the claim that another task made, older form",
    config: { pvcMount: [{ mountPath: "/d", ...output("createpvc", "name") }] },
    outputs: { createpvc: { name: "u-1" } },
    pod: { volumes: [claim("u-1")] },
    main: { volumeMounts: [mount("u-1", "/d")] },
  },
  {
    name: "the claim that another task made",
    config: { pvcMount: [{ mountPath: "/d", pvcNameParameter: output("createpvc", "name") }] },
    outputs: { createpvc: { name: "u-1" } },
    pod: { volumes: [claim("u-1")] },
    main: { volumeMounts: [mount("u-1", "/d")] },
  },
  {
    name: "K24 one claim at two places",
    config: {
      pvcMount: [
        { mountPath: "/a", constant: "p" },
        { mountPath: "/b", constant: "p" },
      ],
    },
    pod: { volumes: [claim("p"), claim("p")] },
    main: { volumeMounts: [mount("p", "/a"), mount("p", "/b")] },
  },
  // Ephemeral volumes and empty directories.
  {
    name: "K25 an ephemeral volume of the default class",
    config: { genericEphemeralVolume: [{ ...ephemeral, defaultStorageClass: true }] },
    pod: {
      volumes: [
        {
          name: "e",
          ephemeral: {
            volumeClaimTemplate: {
              metadata: {},
              spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } } },
            },
          },
        },
      ],
    },
    main: { volumeMounts: [mount("e", "/e")] },
  },
  {
    name: "K26 an ephemeral volume of a class, with metadata",
    config: {
      genericEphemeralVolume: [
        { ...ephemeral, storageClassName: "fast", metadata: { labels: { l: "1" }, annotations: { a: "1" } } },
      ],
    },
    pod: {
      volumes: [
        {
          name: "e",
          ephemeral: {
            volumeClaimTemplate: {
              metadata: { labels: { l: "1" }, annotations: { a: "1" } },
              spec: {
                accessModes: ["ReadWriteOnce"],
                resources: { requests: { storage: "5Gi" } },
                storageClassName: "fast",
              },
            },
          },
        },
      ],
    },
    main: { volumeMounts: [mount("e", "/e")] },
  },
  {
    name: "K27 an ephemeral volume without a class",
    config: { genericEphemeralVolume: [{ ...ephemeral, size: "1.5Gi" }] },
    pod: {
      volumes: [
        {
          name: "e",
          ephemeral: {
            volumeClaimTemplate: {
              metadata: {},
              spec: {
                accessModes: ["ReadWriteOnce"],
                resources: { requests: { storage: "1536Mi" } },
                storageClassName: "",
              },
            },
          },
        },
      ],
    },
    main: { volumeMounts: [mount("e", "/e")] },
  },
  {
    name: "K28 an empty directory",
    config: { emptyDirMounts: [{ volumeName: "d", mountPath: "/d" }] },
    pod: { volumes: [{ name: "d", emptyDir: {} }] },
    main: { volumeMounts: [mount("d", "/d")] },
  },
  {
    name: "K29 an empty directory in memory, limited",
    config: { emptyDirMounts: [{ volumeName: "d", mountPath: "/d", medium: "Memory", sizeLimit: "1024Mi" }] },
    pod: { volumes: [{ name: "d", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } }] },
    main: { volumeMounts: [mount("d", "/d")] },
  },
  {
    name: "empty texts say nothing",
    config: { emptyDirMounts: [{ volumeName: "d", mountPath: "/d", medium: "", sizeLimit: "" }] },
    pod: { volumes: [{ name: "d", emptyDir: {} }] },
    main: { volumeMounts: [mount("d", "/d")] },
  },
  {
    name: "shared memory (K8S-18)",
    config: { enabledSharedMemory: { volumeName: "shm", size: "2048Mi" } },
    pod: { volumes: [{ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "2Gi" } }] },
    main: { volumeMounts: [mount("shm", "/dev/shm")] },
  },
  {
    name: "shared memory without name and size",
    config: { enabledSharedMemory: {} },
    pod: { volumes: [{ name: "shared-memory", emptyDir: { medium: "Memory" } }] },
    main: { volumeMounts: [mount("shared-memory", "/dev/shm")] },
  },
  // Node selector.
  { name: "K30 labels", config: { nodeSelector: { labels: { a: "b" } } }, pod: { nodeSelector: { a: "b" } } },
  {
    name: "K31 JSON beats labels",
    config: { nodeSelector: { labels: { a: "b" }, nodeSelectorJson: input("ns") } },
    inputs: { ns: { x: "y" } },
    pod: { nodeSelector: { x: "y" } },
  },
  {
    name: "K32 JSON the run does not give leaves no selector",
    config: { nodeSelector: { labels: { a: "b" }, nodeSelectorJson: input("absent") } },
    optionalInputs: ["absent"],
  },
  { name: "K33 an empty selector", config: { nodeSelector: { nodeSelectorJson: input("ns") } }, inputs: { ns: {} } },
  { name: "no labels", config: { nodeSelector: {} } },
  {
    name: "a selector from another task, null as the empty text",
    config: { nodeSelector: { nodeSelectorJson: output("pick", "ns") } },
    outputs: { pick: { ns: { a: null, b: "c" } } },
    pod: { nodeSelector: { a: "", b: "c" } },
  },
  {
    name: "a selector from a constant",
    config: { nodeSelector: { nodeSelectorJson: constant({ "kubernetes.io/arch": "arm64" }) } },
    pod: { nodeSelector: { "kubernetes.io/arch": "arm64" } },
  },
  // Tolerations.
  {
    name: "K36 fields",
    config: { tolerations: [{ ...t2, effect: "NoSchedule" }] },
    pod: { tolerations: [{ ...t2, effect: "NoSchedule" }] },
  },
  {
    name: "K37 seconds as a text",
    config: { tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: "60" }] },
    pod: { tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }] },
  },
  {
    name: "seconds 0 are said",
    config: { tolerations: [{ operator: "Exists", effect: "NoExecute", tolerationSeconds: "0" }] },
    pod: { tolerations: [{ operator: "Exists", effect: "NoExecute", tolerationSeconds: 0 }] },
  },
  {
    name: "K38 the operator only",
    config: { tolerations: [{ operator: "Exists" }] },
    pod: { tolerations: [{ operator: "Exists" }] },
  },
  { name: "no field at all", config: { tolerations: [{}] }, pod: { tolerations: [{}] } },
  {
    name: "K39 a constant object",
    config: { tolerations: [{ tolerationJson: constant({ key: "k", tolerationSeconds: null }) }] },
    pod: { tolerations: [{ key: "k" }] },
  },
  {
    name: "K40 a list, an object from another task and fields",
    config: { tolerations: [{ tolerationJson: input("l") }, { tolerationJson: output("pick", "t") }, { key: "k4" }] },
    inputs: { l: [t1, t2] },
    outputs: { pick: { t: t3 } },
    pod: { tolerations: [t1, t2, t3, { key: "k4" }] },
  },
  {
    name: "K41 JSON beats fields",
    config: { tolerations: [{ key: "x", tolerationJson: input("t") }] },
    inputs: { t: t1 },
    pod: { tolerations: [t1] },
  },
  {
    name: "K42 an empty object, an empty list and an absent input give nothing",
    config: {
      tolerations: [{ tolerationJson: input("o") }, { tolerationJson: input("l") }, { tolerationJson: input("absent") }],
    },
    inputs: { o: {}, l: [] },
    optionalInputs: ["absent"],
  },
  {
    name: "elements of a list that are null or empty",
    config: { tolerations: [{ tolerationJson: constant([null, {}]) }] },
    pod: { tolerations: [{}, {}] },
  },
  // Affinity.
  {
    name: "K45 a required term of expressions and fields",
    config: { nodeAffinity: [{ matchExpressions: [expression], matchFields: [{ ...expression, key: "metadata.name" }] }] },
    pod: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [expression], matchFields: [{ ...expression, key: "metadata.name" }] }],
          },
        },
      },
    },
  },
  {
    name: "K46 weight 1 prefers",
    config: { nodeAffinity: [{ weight: 1, matchExpressions: [{ key: "z", operator: "Exists" }] }] },
    pod: {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [{ key: "z", operator: "Exists" }] } },
          ],
        },
      },
    },
  },
  {
    name: "K47 JSON with both",
    config: {
      nodeAffinity: [
        {
          weight: 7,
          nodeAffinityJson: constant({
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: { matchFields: [expression] } }],
          }),
        },
      ],
    },
    pod: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: { matchFields: [expression] } }],
        },
      },
    },
  },
  {
    name: "K48 JSON of another task, then a term",
    config: { nodeAffinity: [{ nodeAffinityJson: output("pick", "a") }, { matchFields: [expression] }] },
    outputs: {
      pick: {
        a: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } },
      },
    },
    pod: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [expression] }, { matchFields: [expression] }],
          },
        },
      },
    },
  },
  {
    name: "K49 empty JSON, an empty term and an absent input give nothing",
    config: { nodeAffinity: [{ nodeAffinityJson: constant({}) }, { weight: 3 }, { nodeAffinityJson: input("absent") }] },
    optionalInputs: ["absent"],
  },
  { name: "K50 wrapped JSON gives nothing", config: { nodeAffinity: [{ nodeAffinityJson: constant({ nodeAffinity: {} }) }] } },
  {
    name: "pods to be near to and away from, beside node affinity (K8S-18)",
    config: {
      nodeAffinity: [{ matchExpressions: [expression] }],
      podAffinity: [
        { topologyKey: "zone", matchPodLabels: { app: "db" }, namespaces: ["a"] },
        { topologyKey: "host", weight: 10, matchPodExpressions: [expression], matchNamespaceLabels: { team: "x" } },
        { topologyKey: "host", anti: true, matchPodLabels: { app: "db" }, matchNamespaceExpressions: [expression] },
        { topologyKey: "host", anti: true, weight: 1, matchPodLabels: { app: "web" } },
      ],
    },
    pod: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
        },
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: "zone", labelSelector: { matchLabels: { app: "db" } }, namespaces: ["a"] },
          ],
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 10,
              podAffinityTerm: {
                topologyKey: "host",
                labelSelector: { matchExpressions: [expression] },
                namespaceSelector: { matchLabels: { team: "x" } },
              },
            },
          ],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              topologyKey: "host",
              labelSelector: { matchLabels: { app: "db" } },
              namespaceSelector: { matchExpressions: [expression] },
            },
          ],
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, podAffinityTerm: { topologyKey: "host", labelSelector: { matchLabels: { app: "web" } } } },
          ],
        },
      },
    },
  },
  // Pulling, deadline.
  {
    name: "K51 pull secrets",
    config: {
      imagePullSecret: [
        { secretNameParameter: constant("a") },
        { secretName: "b" },
        { secretNameParameter: input("absent") },
        { secretNameParameter: output("make", "name") },
        { secretName: "b" },
      ],
    },
    optionalInputs: ["absent"],
    outputs: { make: { name: "c" } },
    pod: { imagePullSecrets: [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "b" }] },
  },
  { name: "K52 pull policy", config: { imagePullPolicy: "Always" }, main: { imagePullPolicy: "Always" } },
  { name: "K54 a deadline as a text", config: { activeDeadlineSeconds: "20" }, pod: { activeDeadlineSeconds: 20 } },
  { name: "K55 a deadline of 0", config: { activeDeadlineSeconds: 0 } },
  { name: "K55 a negative deadline", config: { activeDeadlineSeconds: "-20" } },
  // Security.
  {
    name: "K56 user and group 0",
    config: { securityContext: { runAsUser: "65534", runAsGroup: 0 } },
    main: { securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: 65534, runAsGroup: 0 } },
  },
  {
    name: "root, where nothing forbids it",
    config: { securityContext: { runAsUser: 0 } },
    main: { securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: 0 } },
  },
  {
    name: "K57 an empty security context",
    config: { securityContext: {} },
    main: { securityContext: { capabilities: { drop: ["ALL"] } } },
  },
  {
    name: "K58 the administrator alone",
    config: {},
    defaults: { runAsUser: 1000 },
    main: { securityContext: { runAsUser: 1000 } },
  },
  {
    name: "K59 the administrator beats the step",
    config: { securityContext: { runAsUser: 0, runAsNonRoot: false } },
    defaults: { runAsUser: 1000, runAsNonRoot: true },
    main: { securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: 1000, runAsNonRoot: true } },
  },
  {
    name: "K61 the administrator's group 0",
    config: {},
    defaults: { runAsGroup: 0 },
    main: { securityContext: { runAsGroup: 0 } },
  },
  {
    name: "each where the other has no word",
    config: { securityContext: { runAsGroup: 5 } },
    defaults: { runAsUser: 1000 },
    main: { securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: 1000, runAsGroup: 5 } },
  },
  { name: "the administrator's host users", config: {}, defaults: { hostUsers: false }, pod: { hostUsers: false } },
  // Init containers.
  {
    name: "init containers",
    config: {
      emptyDirMounts: [{ volumeName: "d", mountPath: "/d" }],
      initContainers: [
        {
          name: "fetch",
          image: "busybox",
          command: ["sh", "-c"],
          args: ["echo {{$.inputs.parameters['x']}}"],
          env: [{ name: "A", value: "1" }, { name: "B" }],
          volumeMounts: [{ volumeName: "d", mountPath: "/data" }],
          resources: { requests: { cpu: "0.5" }, limits: { memory: "1024Mi" } },
        },
        { name: "proxy", image: "proxy", restartPolicy: "Always" },
      ],
    },
    defaults: { runAsUser: 1000, runAsNonRoot: true },
    pod: {
      volumes: [{ name: "d", emptyDir: {} }],
      initContainers: [
        {
          name: "fetch",
          image: "busybox",
          command: ["sh", "-c"],
          args: ["echo {{$.inputs.parameters['x']}}"],
          env: [{ name: "A", value: "1" }, { name: "B" }],
          volumeMounts: [mount("d", "/data")],
          resources: { requests: { cpu: "500m" }, limits: { memory: "1Gi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            seccompProfile: { type: "RuntimeDefault" },
            runAsUser: 1000,
            runAsNonRoot: true,
          },
        },
        {
          name: "proxy",
          image: "proxy",
          resources: {},
          restartPolicy: "Always",
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            seccompProfile: { type: "RuntimeDefault" },
            runAsUser: 1000,
            runAsNonRoot: true,
          },
        },
      ],
    },
    main: { volumeMounts: [mount("d", "/d")], securityContext: { runAsUser: 1000, runAsNonRoot: true } },
  },
  // Device claims.
  {
    name: "device claims from every source",
    container: { image: "img", resources: { resourceCpuLimit: "1" } },
    config: {
      podResourceClaims: [
        { resourceClaimTemplateName: constant("gpu") },
        { resourceClaimTemplateName: input("absent") },
        { resourceClaimJson: input("one") },
        { resourceClaimJson: output("pick", "list") },
        { resourceClaimJson: input("absent") },
      ],
    },
    inputs: { one: { name: "nic", resourceClaimName: "nic-1" } },
    optionalInputs: ["absent"],
    outputs: { pick: { list: [{ name: "a", resourceClaimTemplateName: "t" }] } },
    pod: {
      resourceClaims: [
        { name: "gpu", resourceClaimTemplateName: "gpu" },
        { name: "nic", resourceClaimName: "nic-1" },
        { name: "a", resourceClaimTemplateName: "t" },
      ],
    },
    main: { resources: { limits: { cpu: "1" }, claims: [{ name: "gpu" }, { name: "nic" }, { name: "a" }] } },
  },
  // The message as a whole.
  { name: "K62 what the compiler does", config: { podMetadata: { labels: { a: "b" }, annotations: { c: "d" } } } },
  {
    name: "K63 an unknown member and the proto's own names",
    config: { image_pull_secret: [{ secret_name: "s" }], zz: 1 },
    pod: { imagePullSecrets: [{ name: "s" }] },
  },
  { name: "K60 no config: the administrator's defaults are the template's", config: null, defaults: { runAsUser: 1000 } },
  {
    name: "null members say nothing",
    config: { secretAsEnv: null, nodeSelector: null, securityContext: null, imagePullPolicy: null },
  },
];

describe("the Kubernetes executor config", () => {
  test.for(rows.map((row) => [row.name, row] as const))("%s", async ([, row], { expect }) => {
    const [made, wanted] = await expectPod(row);
    expect(made).toEqual(wanted);
  });

  test("K46 a weight of 0 is a preference all the same", async ({ expect }) => {
    // The API server wants 1 to 100 and says so better than we could.
    const config = { nodeAffinity: [{ weight: 0, matchExpressions: [expression] }] };
    const { patch } = await stepPod({ config }, { isInvalid: true });
    expect(patch["affinity"]).toEqual({
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: { matchExpressions: [expression] } }],
      },
    });
  });
});

interface Refusal extends Omit<StepPodRequest, "config"> {
  readonly name: string;
  readonly config: JsonObject;
  /** Each must be in the message. */
  readonly says: readonly string[];
}

/** A wrong type at every member that takes its value from the run. */
const wrongNames: readonly Refusal[] = (
  [
    ["secretAsVolume", "secretNameParameter", { mountPath: "/s" }, "secret name"],
    ["secretAsEnv", "secretNameParameter", { keyToEnv: keys("E") }, "secret name"],
    ["configMapAsVolume", "configMapNameParameter", { mountPath: "/s" }, "configmap name"],
    ["configMapAsEnv", "configMapNameParameter", { keyToEnv: [{ configMapKey: "k", envVar: "E" }] }, "configmap name"],
    ["imagePullSecret", "secretNameParameter", {}, "image pull secret name"],
    ["pvcMount", "pvcNameParameter", { mountPath: "/s" }, "pvc name"],
  ] as const
).flatMap(([member, parameter, more, what]) =>
  (
    [
      ["K6 a number from an input", input("n"), "Expected a string but got: number 5"],
      ["a list from another task", output("make", "list"), "Expected a string but got: a list of 2"],
      ["K7 an empty constant", constant(""), "Expected a non-empty string"],
      ["a null constant", constant(null), "Expected a string but got: null"],
    ] as const
  ).map(([name, spec, reason]) => ({
    name: `${member}: ${name}`,
    config: { [member]: [{ ...more, [parameter]: spec }] } as JsonObject,
    inputs: { n: 5 },
    outputs: { make: { list: ["a", "b"] } },
    says: [`Cannot apply ${member}[0].${parameter} of task "root.step": failed to resolve ${what}: ${reason}`],
  })),
);

const refusals: readonly Refusal[] = [
  ...wrongNames,
  {
    name: "K5 a secret volume without a name",
    config: { secretAsVolume: [{ mountPath: "/s" }] },
    says: ['secretAsVolume[0] of task "root.step"', "missing either SecretName or SecretNameParameter for secret volume"],
  },
  {
    name: "a config map volume without a name",
    config: { configMapAsVolume: [{ configMapName: "a", mountPath: "/a" }, { mountPath: "/s" }] },
    says: ["configMapAsVolume[1]", "missing either ConfigMapName or ConfigNameParameter for config volume"],
  },
  {
    name: "variables of a secret without a name",
    config: { secretAsEnv: [{ keyToEnv: keys("E") }] },
    says: ["missing either SecretName or SecretNameParameter for secret environment variable"],
  },
  {
    name: "variables of a config map without a name",
    config: { configMapAsEnv: [{ keyToEnv: [{ configMapKey: "k", envVar: "E" }] }] },
    says: ["missing either ConfigMapName or ConfigNameParameter for configmap environment variable"],
  },
  { name: "a pull secret without a name", config: { imagePullSecret: [{}] }, says: ["for image pull secret"] },
  {
    name: "K11 a reserved variable of a secret nobody names",
    config: { secretAsEnv: [{ secretNameParameter: input("absent"), keyToEnv: keys("NAMESPACE") }] },
    optionalInputs: ["absent"],
    says: ["secretAsEnv[0].keyToEnv[0]", 'environment variable "NAMESPACE" is reserved'],
  },
  {
    name: "a reserved variable of a config map",
    config: { configMapAsEnv: [{ configMapName: "c", keyToEnv: [{ configMapKey: "k", envVar: "KFP_POD_UID" }] }] },
    says: ['"KFP_POD_UID" is reserved'],
  },
  {
    name: "a reserved variable of a field",
    config: { fieldPathAsEnv: [{ name: "KFP_POD_NAME", fieldPath: "spec.nodeName" }] },
    says: ["fieldPathAsEnv[0]", '"KFP_POD_NAME" is reserved'],
  },
  {
    name: "K21 a claim the run does not name",
    config: { pvcMount: [{ mountPath: "/d", pvcNameParameter: input("absent") }] },
    optionalInputs: ["absent"],
    says: ["pvcMount[0]", "failed to resolve pvc name"],
  },
  { name: "K22 a claim without a reference", config: { pvcMount: [{ mountPath: "/d" }] }, says: ["volume name not provided"] },
  {
    name: "an empty older reference",
    config: { pvcMount: [{ mountPath: "/d", constant: "" }, { mountPath: "/d" }] },
    says: ["pvcMount[0]", "volume name not provided"],
  },
  {
    name: "K23 a claim without a path",
    config: { pvcMount: [{ pvcNameParameter: constant("p") }] },
    says: ["missing mountpath or pvc name"],
  },
  {
    name: "K34 a label that is not a text",
    config: { nodeSelector: { nodeSelectorJson: input("ns") } },
    inputs: { ns: { x: 1 } },
    says: ["nodeSelector.nodeSelectorJson", "failed to resolve node selector", 'label "x" must be a text but is number 1'],
  },
  ...([[], "x", 1, true] as JsonValue[]).map((ns) => ({
    name: `K35 a selector that is ${JSON.stringify(ns)}`,
    config: { nodeSelector: { nodeSelectorJson: input("ns") } },
    inputs: { ns },
    says: ["failed to resolve node selector", "resolved k8s parameter is nil"],
  })),
  {
    name: "K43 a toleration that is a text",
    config: { tolerations: [{ key: "a" }, { tolerationJson: input("t") }] },
    inputs: { t: "x" },
    says: ["tolerations[1].tolerationJson", "encountered unexpected toleration proto value, must be either struct or list type"],
  },
  {
    name: "K44 seconds as a text in JSON",
    config: { tolerations: [{ tolerationJson: constant({ tolerationSeconds: "5" }) }] },
    says: ["tolerationJson.tolerationSeconds", "failed to marshal single toleration", 'string "5"'],
  },
  {
    name: "half a second in a list",
    config: { tolerations: [{ tolerationJson: constant([{}, { tolerationSeconds: 0.5 }]) }] },
    says: ["tolerationJson[1].tolerationSeconds", "failed to marshal list toleration", "number 0.5"],
  },
  {
    name: "a list with a text in it",
    config: { tolerations: [{ tolerationJson: constant(["x"]) }] },
    says: ["tolerationJson[0]", "expected an object"],
  },
  {
    name: "a key that is not a text",
    config: { tolerations: [{ tolerationJson: constant({ key: 1 }) }] },
    says: ["tolerationJson.key", "expected a text but got number 1"],
  },
  {
    name: "seconds beyond 2^53",
    config: { tolerations: [{ tolerationSeconds: "9007199254740993" }] },
    says: ["tolerations[0].tolerationSeconds", "9007199254740993 is too large a number"],
  },
  {
    name: "affinity that is a list",
    config: { nodeAffinity: [{ nodeAffinityJson: constant([]) }] },
    says: ["nodeAffinity[0].nodeAffinityJson", "failed to resolve node affinity json", "resolved k8s parameter is nil"],
  },
  {
    name: "affinity of a wrong shape, deep inside",
    config: {
      nodeAffinity: [
        {
          nodeAffinityJson: constant({
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ values: "a" }] }] },
          }),
        },
      ],
    },
    says: ["nodeSelectorTerms[0].matchExpressions[0].values", "expected a list of texts"],
  },
  {
    name: "a weight that is not whole",
    config: {
      nodeAffinity: [{ nodeAffinityJson: constant({ preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1.5 }] }) }],
    },
    says: ["[0].weight", "expected a whole number"],
  },
  { name: "pod affinity without a topology", config: { podAffinity: [{}] }, says: ["podAffinity[0].topologyKey"] },
  {
    name: "K53 a pull policy in another spelling",
    config: { imagePullPolicy: "always" },
    says: ['imagePullPolicy of task "root.step"', "unsupported value: always. ImagePullPolicy should be one of"],
  },
  {
    name: "an ephemeral volume without a size",
    config: { genericEphemeralVolume: [{ ...ephemeral, size: "" }] },
    says: ["genericEphemeralVolume[0].size", 'size of volume "e"', "quantities must match"],
  },
  {
    name: "an unknown access mode",
    config: { genericEphemeralVolume: [{ ...ephemeral, accessModes: ["RWO"] }] },
    says: ["genericEphemeralVolume[0].accessModes", 'volume "e"', '"RWO"', "ReadWriteOnce"],
  },
  {
    name: "a limit that is not a quantity",
    config: { emptyDirMounts: [{ volumeName: "d", mountPath: "/d", sizeLimit: "1gb" }] },
    says: ["emptyDirMounts[0].sizeLimit", 'limit of volume "d"', '"1gb"'],
  },
  {
    name: "a size of shared memory that is not a quantity",
    config: { enabledSharedMemory: { size: "much" } },
    says: ["enabledSharedMemory.size", '"much"'],
  },
  {
    name: "root against the administrator's word",
    config: { securityContext: { runAsUser: 0 } },
    defaults: { runAsNonRoot: true },
    says: ["securityContext.runAsUser", "runAsUser=0 (root) is not allowed: runAsNonRoot is true; use a non-root UID instead"],
  },
  {
    name: "root against the step's own word",
    config: { securityContext: { runAsUser: 0, runAsNonRoot: true } },
    says: ["runAsUser=0 (root) is not allowed"],
  },
  {
    name: "an init container without a name",
    config: { initContainers: [{ image: "i" }] },
    says: ["init container name must not be empty"],
  },
  ...["main", "kfp-launcher", "wait", "init"].map((name) => ({
    name: `UPS-13 an init container called ${name}`,
    config: { initContainers: [{ name, image: "i" }] },
    says: [`init container name "${name}" conflicts with an existing container in the pod`],
  })),
  {
    name: "two init containers of one name",
    config: {
      initContainers: [
        { name: "a", image: "i" },
        { name: "a", image: "i" },
      ],
    },
    says: ["initContainers[1].name", 'init container name "a" conflicts'],
  },
  {
    name: "an init container without an image",
    config: { initContainers: [{ name: "a" }] },
    says: ['init container "a" must specify an image'],
  },
  {
    name: "an init container with another restart policy",
    config: { initContainers: [{ name: "a", image: "i", restartPolicy: "Never" }] },
    says: ['init container "a" restart policy must be "Always", got "Never"'],
  },
  {
    name: "an init container with a bad request",
    config: { initContainers: [{ name: "a", image: "i", resources: { requests: { cpu: "x" } } }] },
    says: ['init container "a" has an invalid resource request cpu="x"'],
  },
  {
    name: "an init container with a bad limit",
    config: { initContainers: [{ name: "a", image: "i", resources: { limits: { memory: "1gb" } } }] },
    says: ['init container "a" has an invalid resource limit memory="1gb"'],
  },
  {
    name: "an init container with a variable without a name",
    config: { initContainers: [{ name: "a", image: "i", env: [{ value: "x" }] }] },
    says: ['init container "a" has an environment variable with an empty name'],
  },
  {
    name: "an init container with a mount without a volume",
    config: { initContainers: [{ name: "a", image: "i", volumeMounts: [{ mountPath: "/x" }] }] },
    says: ['init container "a" has a volume mount with an empty volume name'],
  },
  {
    name: "an init container with a relative mount",
    config: { initContainers: [{ name: "a", image: "i", volumeMounts: [{ volumeName: "v", mountPath: "x" }] }] },
    says: ['init container "a" volume mount "v" must use an absolute mount path'],
  },
  {
    name: "a device claim of an empty template",
    config: { podResourceClaims: [{ resourceClaimTemplateName: constant("") }] },
    says: ["resourceClaimTemplateName must be non-empty in resource claim"],
  },
  {
    name: "a device claim of a template that is a number",
    config: { podResourceClaims: [{ resourceClaimTemplateName: input("n") }] },
    inputs: { n: 1 },
    says: ["podResourceClaims[0].resourceClaimTemplateName", "Expected a string but got: number 1"],
  },
  {
    name: "two device claims of one name",
    config: { podResourceClaims: [{ resourceClaimTemplateName: constant("g") }, { resourceClaimJson: constant({ name: "g" }) }] },
    says: ["podResourceClaims[1]", 'duplicate resource claim name "g"'],
  },
  {
    name: "a device claim of an empty object",
    config: { podResourceClaims: [{ resourceClaimJson: constant({}) }] },
    says: ["failed to resolve resource claim"],
  },
  { name: "a device claim of nothing", config: { podResourceClaims: [{}] }, says: ["podResourceClaims[0]"] },
  {
    name: "an output of a task that does not exist",
    config: { secretAsVolume: [{ mountPath: "/s", secretNameParameter: output("nobody", "name") }] },
    says: ['Cannot resolve setting "secretAsVolume[0].secretNameParameter" of task "root.step"', '"nobody"'],
  },
  {
    name: "an output that the task does not have",
    config: { tolerations: [{ tolerationJson: output("make", "other") }] },
    outputs: { make: { name: "a" } },
    says: ['setting "tolerations[0].tolerationJson"', 'producer "make" has no output "other"'],
  },
  {
    name: "a constant that refers to an input the step does not have",
    config: {
      secretAsVolume: [{ mountPath: "/s", secretNameParameter: constant("{{$.inputs.parameters['pipelinechannel--x']}}") }],
    },
    says: ["secretAsVolume[0].secretNameParameter", 'refers to "pipelinechannel--x", which the task does not declare'],
  },
  {
    name: "an input without a name",
    config: { secretAsVolume: [{ mountPath: "/s", secretNameParameter: input("") }] },
    says: ["secretAsVolume[0].secretNameParameter", "empty"],
  },
  {
    name: "a kind of source that nobody compiles",
    config: { secretAsVolume: [{ mountPath: "/s", secretNameParameter: { runtimeValue: { runtimeParameter: "p" } } }] },
    says: ["secretAsVolume[0].secretNameParameter", "not implemented"],
  },
];

describe("a Kubernetes executor config that cannot be applied", () => {
  test.for(refusals.map((row) => [row.name, row] as const))("%s", async ([, { says, ...request }], { expect }) => {
    const error = await stepPod(request).then(
      () => new Error("it was applied"),
      (reason: unknown) => reason as Error,
    );
    for (const text of says) expect(error.message).toContain(text);
    expect(error.message).not.toContain("\n");
  });
});

describe("warnings (K8S-12)", () => {
  test.for([
    {
      name: "an input that the pipeline does not declare",
      request: { config: { secretAsVolume: [{ mountPath: "/s", secretNameParameter: input("typo") }] } },
      warning:
        "A setting is left out: the pipeline declares no such input task=root.step member=secretAsVolume[0].secretNameParameter input=typo",
    },
    {
      name: "two volumes at one path",
      request: {
        config: {
          secretAsVolume: [
            { mountPath: "/s", secretName: "a" },
            { mountPath: "/s", secretName: "b" },
          ],
        },
      },
      warning: "A volume is hidden by a later one at the same path task=root.step mountPath=/s hidden=a volume=b",
    },
    {
      name: "a volume in the launcher's place",
      request: { config: { emptyDirMounts: [{ volumeName: "d", mountPath: "/kfp-launcher" }] } },
      warning: "A volume hides a folder that the launcher needs task=root.step mountPath=/kfp-launcher volume=d",
    },
    {
      name: "wrapped affinity",
      request: { config: { nodeAffinity: [{ nodeAffinityJson: constant({ nodeAffinity: {} }) }] } },
      warning: "Unknown members are ignored task=root.step member=nodeAffinity[0].nodeAffinityJson members=nodeAffinity",
    },
    {
      name: "a term without anything",
      request: { config: { nodeAffinity: [{ weight: 1 }] } },
      warning: "A term without expressions and fields is ignored task=root.step member=nodeAffinity[0]",
    },
    {
      name: "a wish that the administrator overrules",
      request: { config: { securityContext: { runAsUser: 5 } }, defaults: { runAsUser: 7 } },
      warning: "Ignored: the administrator has set it task=root.step member=securityContext.runAsUser value=5 administrator=7",
    },
    {
      name: "another spelling",
      request: { config: { tolerations: [{ tolerationJson: constant({ Key: "k", toleration_seconds: 1 }) }] } },
      warning:
        "Members are read in another spelling task=root.step member=tolerations[0].tolerationJson members=Key as key, toleration_seconds as tolerationSeconds",
    },
    {
      name: "a selector, which does nothing here",
      request: {
        config: {
          secretAsVolume: [
            {
              mountPath: "/s",
              secretNameParameter: { ...constant("s"), parameterExpressionSelector: "parseJson(string_value)" },
            },
          ],
        },
      },
      warning: "A selector is not applied to settings of the pod task=root.step member=secretAsVolume[0].secretNameParameter",
    },
  ] as { name: string; request: StepPodRequest; warning: string }[])("$name", async ({ request, warning }, { expect }) => {
    expect((await stepPod(request)).warnings).toEqual([warning]);
  });

  test("an optional input that was not given is no reason for one", async ({ expect }) => {
    const config = { secretAsVolume: [{ mountPath: "/s", secretNameParameter: input("absent") }] };
    expect((await stepPod({ config, optionalInputs: ["absent"] })).warnings).toEqual([]);
  });
});

describe("values in a loop", () => {
  const entry = (value: JsonValue, iteration: number | undefined): JsonObject => ({
    parameterKey: "p",
    value,
    type: "ITERATOR_INPUT",
    producer: { taskName: "ROOT", ...(iteration === undefined ? {} : { iteration: String(iteration) }) },
  });
  const loop = (...parameters: JsonObject[]) => ({
    parent: fromJson(PipelineTaskSchema, {
      taskId: "parent",
      name: "for-loop-1",
      type: "LOOP",
      scopePath: "root.for-loop-1",
      inputs: { parameters },
    }),
    siblings: [],
  });
  const config = { secretAsVolume: [{ mountPath: "/s", secretNameParameter: input("p") }] };

  test.for([
    { name: "K64 the iteration's own", rows: loop(entry("a", 0), entry("b", 1)), iterationIndex: 1, volume: "b" },
    { name: "the first where none is the iteration's", rows: loop(entry("a", 0), entry("b", 1)), iterationIndex: 5, volume: "a" },
    { name: "the only one", rows: loop(entry("a", undefined)), iterationIndex: 3, volume: "a" },
  ])("$name", async ({ rows: taskRows, iterationIndex, volume }, { expect }) => {
    const { patch } = await stepPod({ config, rows: taskRows, iterationIndex });
    expect(patch["volumes"]).toEqual([secret(volume)]);
  });

  test("a null item is an item, and not a name", async ({ expect }) => {
    const made = stepPod({ config, rows: loop(entry("a", 0), entry(null, 1)), iterationIndex: 1 });
    await expect(made).rejects.toThrow("Expected a string but got: null");
  });
});
