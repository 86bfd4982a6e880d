import { describe, expect, test } from "vitest";
import { LocalObjects } from "../../../src/local/objects/local-objects.ts";
import { variableFrom } from "../../../src/local/pods/pod-variables.ts";

const objects = new LocalObjects();
objects.add("Secret", "login", new Map([["password", Buffer.from("öde")]]));
objects.add("ConfigMap", "paint", new Map([["colour", Buffer.from("blue")]]));
const sources = { objects, host: { TAKEN: "mine" }, hostName: "laptop" };
const pod = { name: "p-1", uid: "u-1", namespace: "local" };

describe("variableFrom()", () => {
  test.for([
    { from: { secretKeyRef: { name: "login", key: "password" } }, value: "öde" },
    { from: { configMapKeyRef: { name: "paint", key: "colour" } }, value: "blue" },
    { from: { configMapKeyRef: { name: "login", key: "password", optional: true } }, value: undefined },
    { from: { secretKeyRef: { name: "login", key: "none", optional: true } }, value: undefined },
    { from: { fieldRef: { fieldPath: "metadata.name" } }, value: "p-1" },
    { from: { fieldRef: { fieldPath: "metadata.namespace" } }, value: "local" },
    { from: { fieldRef: { fieldPath: "spec.nodeName" } }, value: "laptop" },
    { from: { fieldRef: { fieldPath: "status.podIP" } }, value: "127.0.0.1" },
    { from: { fieldRef: { fieldPath: "metadata.labels['a/b']" } }, value: "" },
  ])("$from is $value", ({ from, value }) => {
    expect(variableFrom(sources, pod, "V", from)).toBe(value);
  });

  test("takes a variable of this machine where the object is not there, never instead of it", () => {
    expect(variableFrom(sources, pod, "TAKEN", { secretKeyRef: { name: "gone", key: "k" } })).toBe("mine");
    expect(variableFrom(sources, pod, "TAKEN", { secretKeyRef: { name: "login", key: "password" } })).toBe("öde");
  });

  test.for([
    {
      from: { secretKeyRef: { name: "gone", key: "k" } },
      says: /Cannot set variable V: there is no secret "gone"; pass it with/,
    },
    { from: { configMapKeyRef: { name: "paint", key: "k" } }, says: /config map "paint" has no key "k"/ },
    { from: { fieldRef: { fieldPath: "spec.future" } }, says: /no pod field "spec\.future": known are metadata\.name/ },
    { from: { resourceFieldRef: { resource: "limits.cpu" } }, says: /only keys and fields are known/ },
  ])("refuses $from", ({ from, says }) => {
    expect(() => variableFrom(sources, pod, "V", from)).toThrow(says);
  });
});
