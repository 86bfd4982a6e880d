import { describe, test } from "vitest";
import type { KubeObject } from "./kube-object.ts";
import { fieldSelector, labelSelector } from "./selectors.ts";

const object: KubeObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    ...{ name: "a", namespace: "ns", uid: "u", resourceVersion: "1", creationTimestamp: "2026-08-01T12:00:00Z" },
    labels: { "workflows.argoproj.io/completed": "false", app: "x", empty: "" },
  },
  status: { phase: "Running" },
};

describe("labelSelector()", () => {
  test.for([
    ["", true],
    ["app", true],
    ["other", false],
    ["!app", false],
    ["!other", true],
    ["app=x", true],
    ["app==x", true],
    ["app = x", true],
    ["app=y", false],
    ["empty=", true],
    ["app!=y", true],
    ["app!=x", false],
    ["other!=x", true],
    ["app in (x, y)", true],
    ["app in (y)", false],
    ["app notin (x,y)", false],
    ["app notin (y)", true],
    ["other in (x)", false],
    ["other notin (x)", true],
    ["workflows.argoproj.io/completed=false,app in (x,y),!other", true],
    ["workflows.argoproj.io/completed=false,app in (y,z)", false],
  ] as const)("%s selects the pod: %s", ([text, expected], { expect }) => {
    expect(labelSelector(text)(object)).toBe(expected);
  });

  test.for(["=x", "!", "app in x"])("refuses %s", (text, { expect }) => {
    expect(() => labelSelector(text)).toThrow(/unable to parse requirement/);
  });
});

describe("fieldSelector()", () => {
  test.for([
    ["", true],
    ["metadata.name=a", true],
    ["metadata.name=b", false],
    ["metadata.name!=b", true],
    ["status.phase==Running,metadata.namespace=ns", true],
    ["spec.nodeName=", true],
  ] as const)("%s selects the pod: %s", ([text, expected], { expect }) => {
    expect(fieldSelector(text)(object)).toBe(expected);
  });

  test("refuses what is no comparison", ({ expect }) => {
    expect(() => fieldSelector("metadata.name")).toThrow(/unable to parse requirement/);
  });
});
