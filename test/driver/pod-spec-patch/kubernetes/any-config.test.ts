/** Whatever a Kubernetes config holds: a valid pod, the same every time, or an error of ours that names the member. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { KfpError } from "../../../../src/core/errors.ts";
import type { JsonObject, JsonValue } from "../../../../src/core/values/value.ts";
import { constant, input, output, stepPod } from "../../../support/step-pod.ts";

const INPUTS: Readonly<Record<string, JsonValue>> = {
  text: "from-input",
  empty: "",
  nothing: null,
  number: 5,
  flag: true,
  list: [{ key: "l", operator: "Exists" }],
  object: { key: "o" },
  labels: { "a/b": "c", __proto: "x" },
};
const OUTPUTS = { make: { text: "from-task", list: [], object: { name: "n", resourceClaimName: "m" } } };

const name = fc.constantFrom("a", "b", "db.prod", "kfp-launcher", "x".repeat(70), "Upper_Case", "kfp-workspace");
const anything = fc.oneof(
  fc.constantFrom(...Object.keys(INPUTS), "absent").map(input),
  fc.constantFrom(...Object.keys(OUTPUTS.make)).map((key) => output("make", key)),
  fc.jsonValue({ maxDepth: 2 }).map((value) => constant(value as JsonValue)),
);
/** Mostly what the member takes, sometimes anything. */
const mostly = (...fitting: readonly fc.Arbitrary<JsonObject>[]) =>
  fc.oneof({ weight: 40, arbitrary: fc.oneof(...fitting) }, { weight: 1, arbitrary: anything });
const given = (...names: string[]) => fc.constantFrom(...names).map(input);
const dynamicName = mostly(given("text", "absent", "nothing"), name.map(constant), fc.constant(output("make", "text")));
const dynamicClaim = mostly(given("text"), name.map(constant), fc.constant(output("make", "text")));
const dynamicLabels = mostly(given("labels", "absent"), fc.constant(constant({ a: "b" })));
const dynamicTolerations = mostly(given("list", "object", "absent"), fc.constant(output("make", "list")));
const dynamicAffinity = mostly(given("absent", "object"), fc.constant(constant({})));
const path = fc.constantFrom("/a", "/b", "/c", "/a/b", "/kfp-launcher", "/.cache");
const optional = fc.boolean();
const some = (record: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[] = []) =>
  fc.array(fc.record(record, { requiredKeys }), { maxLength: 3 });
const variables = (key: string) =>
  fc.array(fc.record({ [key]: fc.constantFrom("k", "l"), envVar: fc.constantFrom("A", "B", "C", "NAMESPACE_X") }), {
    maxLength: 3,
  });
const requirement = fc.record({
  key: fc.constantFrom("disk", "zone"),
  operator: fc.constantFrom("In", "NotIn", "Exists"),
  values: fc.array(fc.constantFrom("x", "y"), { maxLength: 2 }),
});
const requirements = fc.array(requirement, { maxLength: 2 });
const quantity = fc.constantFrom("1Gi", "1.5Gi", "100M", "0", "7");

const config = fc.record(
  {
    secretAsVolume: some({ secretName: name, secretNameParameter: dynamicName, mountPath: path, optional }, [
      "secretName",
      "mountPath",
    ]),
    configMapAsVolume: some({ configMapName: name, configMapNameParameter: dynamicName, mountPath: path, optional }, [
      "configMapName",
      "mountPath",
    ]),
    secretAsEnv: some({ secretName: name, secretNameParameter: dynamicName, optional, keyToEnv: variables("secretKey") }, [
      "secretName",
    ]),
    configMapAsEnv: some(
      { configMapName: name, configMapNameParameter: dynamicName, optional, keyToEnv: variables("configMapKey") },
      ["configMapName"],
    ),
    pvcMount: some({ constant: name, pvcNameParameter: dynamicClaim, mountPath: path, subPath: fc.constantFrom("", "s/t") }, [
      "constant",
      "mountPath",
    ]),
    nodeSelector: fc.record({ labels: fc.constant({ a: "b" }), nodeSelectorJson: dynamicLabels }, { requiredKeys: [] }),
    imagePullSecret: some({ secretName: name, secretNameParameter: dynamicName }, ["secretName"]),
    imagePullPolicy: fc.constantFrom("", "Always", "Never", "IfNotPresent", "Always", "Never", "never"),
    activeDeadlineSeconds: fc.integer({ min: -5, max: 100 }).map(String),
    fieldPathAsEnv: fc.array(
      fc.record({ name: fc.constantFrom("A", "D"), fieldPath: fc.constantFrom("spec.nodeName", "status.podIP") }),
      { maxLength: 2 },
    ),
    tolerations: some({
      key: fc.constantFrom("k", ""),
      operator: fc.constantFrom("Exists", "Equal", ""),
      tolerationSeconds: fc.maxSafeInteger().map(String),
      tolerationJson: dynamicTolerations,
    }),
    genericEphemeralVolume: fc.array(
      fc.record({
        volumeName: name,
        mountPath: path,
        size: quantity,
        accessModes: fc.constantFrom([], ["ReadWriteOnce"]),
        defaultStorageClass: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    nodeAffinity: some({
      matchExpressions: requirements,
      matchFields: requirements,
      weight: fc.integer({ min: 1, max: 100 }),
      nodeAffinityJson: dynamicAffinity,
    }),
    podAffinity: fc.array(
      fc.record({ topologyKey: fc.constantFrom("zone", "host"), matchPodExpressions: requirements, anti: fc.boolean() }),
      { maxLength: 2 },
    ),
    enabledSharedMemory: fc.record({ volumeName: name, size: quantity }),
    emptyDirMounts: some({ volumeName: name, mountPath: path, medium: fc.constantFrom("", "Memory"), sizeLimit: quantity }, [
      "volumeName",
      "mountPath",
    ]),
    securityContext: fc.record(
      { runAsUser: fc.constantFrom("0", "1000"), runAsGroup: fc.constant("0"), runAsNonRoot: fc.boolean() },
      { requiredKeys: [] },
    ),
    podResourceClaims: fc.constantFrom(
      [],
      [{ resourceClaimTemplateName: constant("gpu") }],
      [{ resourceClaimTemplateName: input("absent") }],
    ),
  },
  { requiredKeys: [] },
);

describe("any Kubernetes config", () => {
  test("makes a valid pod, the same every time, or an error that says where", async ({ expect }) => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(config, fc.constantFrom({}, { runAsUser: 7, runAsNonRoot: true }), async (json, defaults) => {
        const request = {
          config: json as JsonObject,
          ...{ inputs: INPUTS, outputs: OUTPUTS, optionalInputs: ["absent"], defaults },
          container: { image: "img", command: ["c"], env: [{ name: "A", value: "1" }] },
        };
        let text: string;
        try {
          // Checked to be a valid pod in there.
          text = JSON.stringify((await stepPod(request)).patch);
        } catch (error) {
          if (!(error instanceof KfpError)) throw error;
          expect(
            Object.keys(json).some((member) => error.message.includes(member)),
            error.message,
          ).toBe(true);
          expect(error.message).toContain("root.step");
          return;
        }
        made += 1;
        expect(JSON.stringify((await stepPod(request)).patch)).toBe(text);
        expect(text).not.toContain("null");
      }),
      { numRuns: 150 },
    );
    expect(made).toBeGreaterThan(40);
  });
});
