import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { parseTaskSet } from "../../../src/resident/agent/task-set.ts";

const owner = { kind: "Workflow", name: "wf", uid: "uid-1", apiVersion: "argoproj.io/v1alpha1" };
const ours = { plugin: { "kfp-runtime-driver": { v: 1 } } };
const object: JsonObject = {
  metadata: { name: "wf", namespace: "a", resourceVersion: "42", ownerReferences: [{ kind: "Other" }, owner] },
  spec: { tasks: { n1: ours, n2: { http: {} }, n3: { plugin: { other: {} } } } },
  status: { nodes: { n1: { phase: "Succeeded" } } },
};

describe("parseTaskSet()", () => {
  test("reads nodes of ours, results, owner and version", ({ expect }) => {
    expect(parseTaskSet(object)).toEqual({
      ...{ name: "wf", namespace: "a", workflowUid: "uid-1", version: 42n, foreignTasks: 2 },
      tasks: new Map([["n1", ours]]),
      delivered: new Set(["n1"]),
      deliveredBytes: JSON.stringify({ n1: { phase: "Succeeded" } }).length,
    });
  });

  test("reads one without anything in it", ({ expect }) => {
    const empty = { metadata: { name: "wf", namespace: "a", ownerReferences: [owner], resourceVersion: "x" } };
    expect(parseTaskSet(empty)).toMatchObject({ tasks: new Map(), delivered: new Set(), deliveredBytes: 0, version: undefined });
  });

  test("a node may be called as something of JavaScript's own", ({ expect }) => {
    const json = JSON.parse(JSON.stringify(object).replace('"n1":{"plugin"', '"__proto__":{"plugin"')) as JsonObject;
    expect(parseTaskSet(json)).toMatchObject({ tasks: new Map([["__proto__", ours]]) });
  });

  test.for<{ name: string; metadata: JsonObject }>([
    { name: "no owner", metadata: { name: "wf", namespace: "a" } },
    { name: "an owner of another name", metadata: { name: "wf", namespace: "a", ownerReferences: [{ ...owner, name: "x" }] } },
    {
      name: "an owner without uid",
      metadata: { name: "wf", namespace: "a", ownerReferences: [{ kind: "Workflow", name: "wf" }] },
    },
    { name: "no namespace", metadata: { name: "wf", ownerReferences: [owner] } },
  ])("is no use with $name", ({ metadata }, { expect }) => {
    expect(parseTaskSet({ ...object, metadata })).toEqual({ problem: expect.any(String) as string });
  });
});
