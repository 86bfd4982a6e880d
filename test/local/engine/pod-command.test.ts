import { describe, test } from "vitest";
import { expandReferences, podCommand, podIdentityFields } from "../../../src/local/engine/pod-command.ts";

describe("podCommand()", () => {
  test("expands the pod's identity and the container's own variables", ({ expect }) => {
    const command = podCommand(
      {
        name: "main",
        command: ["/kfp-launcher/launch", "--pod_name", "$(KFP_POD_NAME)", "--namespace", "$(NAMESPACE)", "--"],
        args: ["sh", "-c", "echo $(MODE) $(date) $$HOME"],
        env: [
          { name: "MODE", value: "fast" },
          { name: "LATER", value: "$(MODE)-$(NOT_YET)" },
          { name: "EMPTY" },
          { name: "KFP_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "KFP_POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
          { name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
        ],
        resources: {},
      },
      podIdentityFields({ name: "pod-1", uid: "u-1", namespace: "ns" }),
    );
    expect(command.argv).toEqual([
      ...["/kfp-launcher/launch", "--pod_name", "pod-1", "--namespace", "ns", "--"],
      ...["sh", "-c", "echo fast $(date) $HOME"],
    ]);
    expect(command.environment).toEqual({
      MODE: "fast",
      LATER: "fast-$(NOT_YET)",
      EMPTY: "",
      KFP_POD_NAME: "pod-1",
      KFP_POD_UID: "u-1",
      NAMESPACE: "ns",
    });
  });
});

describe("expandReferences()", () => {
  test.for([
    ["$(A)", "1"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$(B)", "$(B)"],
    ["$(A", "$(A"],
    ["$A ${A}", "$A ${A}"],
    ["$(SELF)", "$(A)"],
    ["$(toString)", "$(toString)"],
  ])("%s becomes %s", ([text, expected], { expect }) => {
    expect(expandReferences(text as string, { A: "1", SELF: "$(A)" })).toBe(expected);
  });
});
