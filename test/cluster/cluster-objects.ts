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
  const secretRef = { secretName: STORE_SECRET, accessKeyKey: "accesskey", secretKeyKey: "secretkey" };
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
          providers: storeProviders(store, { fromEnv: false, secretRef }),
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

/** The key `providers` of a launcher configuration; JSON is YAML. The bucket of importers lies outside of every pipeline root. */
export function storeProviders({ endpoint }: Pick<S3Server, "endpoint">, credentials: object): string {
  const common = { region: "us-east-1", disableSSL: true, forcePathStyle: true, credentials };
  const s3 = { endpoint, ...common };
  return JSON.stringify({
    minio: { default: { endpoint: new URL(endpoint).host, ...common } },
    s3: { default: s3, overrides: [{ bucketName: "bucket", keyPrefix: "data", ...s3 }] },
  });
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
