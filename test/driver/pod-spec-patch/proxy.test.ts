import { describe, test } from "vitest";
import { proxyEnvironment } from "../../../src/driver/pod-spec-patch/proxy.ts";

const DEFAULTS =
  "localhost,127.0.0.1,.svc,.svc.cluster.local,kubernetes.default.svc,minio-service.kubeflow,minio-service.kubeflow.svc," +
  "seaweedfs.kubeflow,seaweedfs.kubeflow.svc,metadata-grpc-service,metadata-grpc-service.kubeflow,metadata-grpc-service.kubeflow.svc," +
  "ml-pipeline.kubeflow,ml-pipeline.kubeflow.svc";

describe("proxyEnvironment()", () => {
  test("says nothing without settings", ({ expect }) => {
    expect(proxyEnvironment({ httpProxy: "", httpsProxy: "", noProxy: "" })).toEqual([]);
  });

  test("passes no_proxy on untouched when there is no proxy", ({ expect }) => {
    expect(proxyEnvironment({ httpProxy: "", httpsProxy: "", noProxy: " a,,b" })).toEqual([
      { name: "no_proxy", value: " a,,b" },
      { name: "NO_PROXY", value: " a,,b" },
    ]);
  });

  test("writes both spellings in order and appends the cluster's own names once", ({ expect }) => {
    expect(proxyEnvironment({ httpProxy: "http://p", httpsProxy: "https://q", noProxy: " corp , ,localhost" })).toEqual([
      { name: "http_proxy", value: "http://p" },
      { name: "HTTP_PROXY", value: "http://p" },
      { name: "https_proxy", value: "https://q" },
      { name: "HTTPS_PROXY", value: "https://q" },
      { name: "no_proxy", value: `corp,${DEFAULTS}` },
      { name: "NO_PROXY", value: `corp,${DEFAULTS}` },
    ]);
  });
});
