/**
 * Every member of the Kubernetes executor config that takes its value from the run, with each kind of source: a literal, an input, the
 * output of another task, an optional input that was not given, a value of a wrong type.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../../src/core/values/value.ts";
import { KubernetesExecutorConfigSchema } from "../../../../src/gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { constant, input, output, stepPod } from "../../../support/step-pod.ts";

interface DynamicMember {
  readonly member: string;
  readonly field: string;
  /** The entry beside the field. */
  readonly more?: JsonObject;
  readonly value: JsonValue;
  /** Where the value must be found in the patch: a text of its JSON. */
  readonly makes: string;
  readonly wrong: JsonValue;
  /** What the error says of a wrong type, besides member and task. */
  readonly says: string;
  /** What it says where nothing was given; absent: the entry is left out. */
  readonly missing?: string;
}

const text = { wrong: 5, says: "Expected a string but got: number 5" };
const TABLE: readonly DynamicMember[] = [
  {
    ...{ member: "pvcMount", field: "pvcNameParameter", more: { mountPath: "/d" }, value: "v", ...text },
    ...{ makes: '{"name":"v","persistentVolumeClaim":{"claimName":"v"}}', missing: "failed to resolve pvc name" },
  },
  {
    ...{ member: "secretAsVolume", field: "secretNameParameter", more: { mountPath: "/s" }, value: "v", ...text },
    makes: '{"name":"v","secret":{"secretName":"v"',
  },
  {
    ...{ member: "secretAsEnv", field: "secretNameParameter", value: "v", ...text },
    ...{
      more: { keyToEnv: [{ secretKey: "k", envVar: "E" }] },
      makes: '{"name":"E","valueFrom":{"secretKeyRef":{"name":"v","key":"k"}}}',
    },
  },
  {
    ...{ member: "configMapAsVolume", field: "configMapNameParameter", more: { mountPath: "/c" }, value: "v", ...text },
    makes: '{"name":"v","configMap":{"name":"v"',
  },
  {
    ...{ member: "configMapAsEnv", field: "configMapNameParameter", value: "v", ...text },
    ...{
      more: { keyToEnv: [{ configMapKey: "k", envVar: "E" }] },
      makes: '{"name":"E","valueFrom":{"configMapKeyRef":{"name":"v","key":"k"}}}',
    },
  },
  {
    ...{ member: "imagePullSecret", field: "secretNameParameter", value: "v", ...text },
    makes: '"imagePullSecrets":[{"name":"v"}]',
  },
  {
    ...{ member: "tolerations", field: "tolerationJson", value: { key: "v" }, makes: '"tolerations":[{"key":"v"}]' },
    ...{ wrong: "v", says: "encountered unexpected toleration proto value" },
  },
  {
    ...{ member: "nodeAffinity", field: "nodeAffinityJson" },
    value: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: "v", operator: "Exists" }] }],
      },
    },
    makes: '"nodeSelectorTerms":[{"matchFields":[{"key":"v","operator":"Exists"}]}]',
    ...{ wrong: ["v"], says: "failed to resolve node affinity json" },
  },
  {
    ...{ member: "nodeSelector", field: "nodeSelectorJson", value: { a: "v" }, makes: '"nodeSelector":{"a":"v"}' },
    ...{ wrong: ["v"], says: "failed to resolve node selector" },
  },
  {
    ...{ member: "podResourceClaims", field: "resourceClaimTemplateName", value: "v", ...text },
    makes: '"resourceClaims":[{"name":"v","resourceClaimTemplateName":"v"}]',
  },
  {
    ...{ member: "podResourceClaims", field: "resourceClaimJson", value: { name: "v", resourceClaimName: "c" } },
    makes: '"resourceClaims":[{"name":"v","resourceClaimName":"c"}]',
    ...{ wrong: "v", says: "failed to resolve resource claim" },
  },
];

const isDynamic = ({ typeName }: DescMessage): boolean => typeName.endsWith("TaskInputsSpec.InputParameterSpec");
const messageOf = (field: DescField): DescMessage | undefined =>
  field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message") ? field.message : undefined;

function configOf({ member, field, more = {} }: DynamicMember, source: JsonObject | undefined): JsonObject {
  if (source === undefined) return {};
  const entry = { ...more, [field]: source };
  return { [member]: member === "nodeSelector" ? entry : [entry] };
}

describe("a member of the Kubernetes config that the run gives", () => {
  test("is every one that can be", ({ expect }) => {
    const dynamic = KubernetesExecutorConfigSchema.fields.flatMap((member) =>
      (messageOf(member)?.fields ?? []).flatMap((field) => {
        const message = messageOf(field);
        return message !== undefined && isDynamic(message) ? [`${member.jsonName}.${field.jsonName}`] : [];
      }),
    );
    expect(TABLE.map(({ member, field }) => `${member}.${field}`).toSorted()).toEqual(dynamic.toSorted());
  });

  describe.for(TABLE.map((row) => [`${row.member}.${row.field}`, row] as const))("%s", ([, row]) => {
    test("takes a literal, an input and an output alike", async ({ expect }) => {
      const given = { inputs: { i: row.value }, outputs: { make: { o: row.value } } };
      const [literal, ...others] = await Promise.all(
        [constant(row.value), input("i"), output("make", "o")].map(async (source) => {
          const { patch, warnings } = await stepPod({ config: configOf(row, source), ...given });
          expect(warnings).toEqual([]);
          return JSON.stringify(patch);
        }),
      );
      expect(literal).toContain(row.makes);
      expect(others).toEqual([literal, literal]);
    });

    test("without a value of its optional input", async ({ expect }) => {
      for (const given of [{ optionalInputs: ["i"] }, { inputs: { i: null } }]) {
        const made = stepPod({ config: configOf(row, input("i")), ...given });
        if (row.missing === undefined) {
          expect((await made).patch).toEqual((await stepPod({ config: {} })).patch);
          continue;
        }
        await expect(made).rejects.toThrow(row.missing);
        await expect(made).rejects.toThrow(`${row.member}[0]`);
      }
    });

    test("refuses a wrong type from every source, and names task, member and value", async ({ expect }) => {
      const given = { inputs: { i: row.wrong }, outputs: { make: { o: row.wrong } } };
      for (const source of [constant(row.wrong), input("i"), output("make", "o")]) {
        const made = stepPod({ config: configOf(row, source), ...given });
        await expect(made).rejects.toThrow(row.says);
        await expect(made).rejects.toThrow(new RegExp(`${row.member}(\\[0\\])?\\.${row.field} of task "root\\.step"`));
      }
    });
  });
});
