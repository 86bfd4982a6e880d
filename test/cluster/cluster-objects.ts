/**
 * What is installed in a test cluster before the first run.
 *
 * @module
 */
import type { S3Server } from "../support/s3-server.ts";
import type { KubeObjectInput } from "./kube-api/kube-object.ts";

export const NAMESPACE = "kubeflow";
const STORE_SECRET = "mlpipeline-minio-artifact";

/** Name of the resource, and an object of it. */
export function clusterObjects(
  store: Pick<S3Server, "endpoint" | "accessKeyId" | "secretAccessKey">,
): [string, KubeObjectInput][] {
  const named = (name: string) => ({ metadata: { name, namespace: NAMESPACE } });
  const { host } = new URL(store.endpoint);
  const provider = (name: string): string =>
    [
      ...[`${name}:`, "  default:", `    endpoint: ${name === "s3" ? store.endpoint : host}`, "    region: us-east-1"],
      ...["    disableSSL: true", "    forcePathStyle: true", "    credentials:", "      fromEnv: false", "      secretRef:"],
      ...[`        secretName: ${STORE_SECRET}`, "        accessKeyKey: accesskey", "        secretKeyKey: secretkey", ""],
    ].join("\n");
  return [
    ["namespaces", { metadata: { name: NAMESPACE } }],
    ["serviceaccounts", named("default")],
    ["serviceaccounts", named("pipeline-runner")],
    [
      "configmaps",
      { ...named("workflow-controller-configmap"), data: { metricsConfig: "enabled: false\n", executor: EXECUTOR } },
    ],
    [
      "configmaps",
      {
        ...named("kfp-launcher"),
        data: {
          defaultPipelineRoot: "minio://mlpipeline/v2/artifacts",
          providers: `${provider("minio")}${provider("s3")}`,
        },
      },
    ],
    [
      "secrets",
      { ...named(STORE_SECRET), data: { accesskey: base64(store.accessKeyId), secretkey: base64(store.secretAccessKey) } },
    ],
  ];
}

/** As KFP installs it. */
const EXECUTOR = `imagePullPolicy: IfNotPresent
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  allowPrivilegeEscalation: false
  capabilities:
    drop:
      - ALL
  seccompProfile:
    type: RuntimeDefault
`;

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
