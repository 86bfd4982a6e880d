/**
 * Proxy variables of the user's container. Only the driver's flags count, never its own environment.
 *
 * Source: docs/spec/connections.md#proxy-variables-of-the-user-container.
 *
 * @module
 */
export interface ProxySettings {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

/** What must never go through a proxy inside a cluster, in the order the reference appends it. */
const NO_PROXY_DEFAULTS = [
  "localhost",
  "127.0.0.1",
  ".svc",
  ".svc.cluster.local",
  "kubernetes.default.svc",
  "minio-service.kubeflow",
  "minio-service.kubeflow.svc",
  "seaweedfs.kubeflow",
  "seaweedfs.kubeflow.svc",
  "metadata-grpc-service",
  "metadata-grpc-service.kubeflow",
  "metadata-grpc-service.kubeflow.svc",
  "ml-pipeline.kubeflow",
  "ml-pipeline.kubeflow.svc",
];

/** Name and value pairs in the order they are put on the container; both spellings, empty settings left out. */
export function proxyEnvironment(settings: ProxySettings): Array<{ name: string; value: string }> {
  const pairs: Array<[string, string]> = [
    ["http_proxy", settings.httpProxy],
    ["https_proxy", settings.httpsProxy],
    ["no_proxy", effectiveNoProxy(settings)],
  ];
  return pairs
    .filter(([, value]) => value !== "")
    .flatMap(([name, value]) => [
      { name, value },
      { name: name.toUpperCase(), value },
    ]);
}

function effectiveNoProxy({ httpProxy, httpsProxy, noProxy }: ProxySettings): string {
  if (httpProxy === "" && httpsProxy === "") return noProxy;
  const entries = [...noProxy.split(","), ...NO_PROXY_DEFAULTS].map((entry) => entry.trim()).filter((entry) => entry !== "");
  return [...new Set(entries)].join(",");
}
