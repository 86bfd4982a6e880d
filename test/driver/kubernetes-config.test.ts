import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { parseKubernetesConfig, sourcesOfConfig, type ConfigSources } from "../../src/driver/kubernetes-config.ts";
import { kubernetesFeatures } from "../../src/driver/pod-spec-patch/kubernetes/features.ts";
import {
  ConfigMapAsEnvSchema,
  KubernetesExecutorConfigSchema,
  SecretAsEnvSchema,
} from "../../src/gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

const fields = KubernetesExecutorConfigSchema.fields;

describe("the features", () => {
  test("are one for every member of the message, but for the compiler's", ({ expect }) => {
    const members = fields.map(({ jsonName }) => jsonName).filter((name) => name !== "podMetadata");
    const featured = kubernetesFeatures({}).map(({ member }) => member);
    expect(featured.filter((member) => member !== "administrator defaults").toSorted()).toEqual(members.toSorted());
  });
});

describe("sourcesOfConfig()", () => {
  const isDynamic = ({ typeName }: DescMessage): boolean => typeName.endsWith("TaskInputsSpec.InputParameterSpec");
  const messageOf = (field: DescField): DescMessage | undefined =>
    field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message") ? field.message : undefined;

  /** Every member that can take its value from the run, found in the message itself. */
  const dynamic = fields.flatMap((member) =>
    (messageOf(member)?.fields ?? []).flatMap((field) => {
      const message = messageOf(field);
      return message !== undefined && isDynamic(message) ? [{ member, field: field.jsonName }] : [];
    }),
  );

  test("there are as many dynamic members as the message documents", ({ expect }) => {
    expect(dynamic).toHaveLength(11);
  });

  test.for(dynamic.map(({ member, field }) => ({ name: `${member.jsonName}.${field}`, member, field })))(
    "names the task behind $name",
    ({ member, field }, { expect }) => {
      const entry = { [field]: { taskOutputParameter: { producerTask: "make", outputParameterKey: "o" } } };
      const config = { [member.jsonName]: member.fieldKind === "list" ? [entry] : entry } as JsonObject;
      expect(sourcesOf(config)).toEqual({ producers: ["make"], inputs: [] });
    },
  );

  test.for(dynamic.map(({ member, field }) => ({ name: `${member.jsonName}.${field}`, member, field })))(
    "names the input behind $name",
    ({ member, field }, { expect }) => {
      const entry = { [field]: { componentInputParameter: "given" } };
      const config = { [member.jsonName]: member.fieldKind === "list" ? [entry] : entry } as JsonObject;
      expect(sourcesOf(config)).toEqual({ producers: [], inputs: ["given"] });
    },
  );

  test("knows the older form of a claim, sorts, and leaves out what takes nothing from a task", ({ expect }) => {
    const from = (producerTask: string): JsonObject => ({ taskOutputParameter: { producerTask, outputParameterKey: "o" } });
    const config = {
      pvcMount: [
        ...[from("b"), { pvcNameParameter: from("a") }, { pvcNameParameter: { componentInputParameter: "x" } }, from("b")],
        { componentInputParameter: "w" },
      ],
      imagePullSecret: [{ secretName: "s" }],
    };
    expect(sourcesOf(config)).toEqual({ producers: ["a", "b"], inputs: ["w", "x"] });
  });

  function sourcesOf(config: JsonObject): ConfigSources | undefined {
    const parsed = parseKubernetesConfig(JSON.stringify(config));
    return parsed === undefined ? undefined : sourcesOfConfig(parsed.config);
  }
});

test("K12 the two kinds of variables have other numbers on the wire than their order says", ({ expect }) => {
  const numbers = ({
    field,
  }: {
    readonly field: Readonly<Record<string, { readonly number: number }>>;
  }): Record<string, number> => Object.fromEntries(Object.entries(field).map(([name, { number }]) => [name, number]));
  expect(numbers(ConfigMapAsEnvSchema)).toEqual({ configMapName: 1, keyToEnv: 2, configMapNameParameter: 3, optional: 4 });
  expect(numbers(SecretAsEnvSchema)).toEqual({ secretName: 1, keyToEnv: 2, optional: 3, secretNameParameter: 4 });
});

describe("parseKubernetesConfig()", () => {
  test("takes the empty text for no config, and an empty object for an empty one", ({ expect }) => {
    expect(parseKubernetesConfig("")).toBeUndefined();
    expect(parseKubernetesConfig("{}")?.config.pvcMount).toEqual([]);
  });

  test("reads both spellings of every member and names what it does not know", ({ expect }) => {
    for (const field of fields) {
      const value: JsonValue =
        field.fieldKind === "list" ? [{}] : field.fieldKind === "message" ? {} : field.scalar === ScalarType.STRING ? "x" : "1";
      for (const spelled of [field.name, field.jsonName]) {
        const parsed = parseKubernetesConfig(JSON.stringify({ [spelled]: value, zz: 1 }));
        expect(parsed?.unknownFields, spelled).toEqual(["zz"]);
      }
    }
  });

  test.for(['{"tolerations":"all"}', "[]", "{", '{"imagePullPolicy":1}', '{"activeDeadlineSeconds":"soon"}'])(
    "refuses %s",
    (text, { expect }) => {
      expect(() => parseKubernetesConfig(text)).toThrow("--kubernetes_config");
    },
  );
});
