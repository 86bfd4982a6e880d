import { test } from "vitest";
import { parseRequestPath } from "./request-path.ts";

test.for([
  ["/api/v1/namespaces/ns/pods", "pods ns  "],
  ["/api/v1/namespaces/ns/pods/", "pods ns  "],
  ["/api/v1/pods", "pods   "],
  ["/api/v1/namespaces/ns/pods/a", "pods ns a "],
  ["/api/v1/namespaces/ns/pods/a/log", "pods ns a log"],
  ["/api/v1/namespaces", "namespaces   "],
  ["/api/v1/namespaces/ns", "namespaces  ns "],
  ["/apis/argoproj.io/v1alpha1/namespaces/ns/workflows/w", "workflows ns w "],
  ["/apis/argoproj.io/v1alpha1/clusterworkflowtemplates/t", "clusterworkflowtemplates  t "],
  ["/api/v1/namespaces/ns/configmaps/a%2Eb", "configmaps ns a.b "],
] as const)("%s", ([path, expected], { expect }) => {
  const { resource, namespace, name, subresource } = parseRequestPath(path)!;
  expect([resource.plural, namespace, name, subresource].join(" ")).toBe(expected);
});

test.for([
  "/",
  "/api",
  "/api/v1",
  "/api/v1/namespaces/ns/nothing",
  "/apis/argoproj.io/v1/namespaces/ns/workflows",
  "/api/v1/pods/a",
  "/api/v1/namespaces/ns/pods/a/log/more",
  "/apis/argoproj.io/v1alpha1/namespaces/ns/clusterworkflowtemplates",
])("serves nothing at %s", (path, { expect }) => {
  expect(parseRequestPath(path)).toBeUndefined();
});
