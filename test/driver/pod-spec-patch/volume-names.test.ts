import fc from "fast-check";
import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { nameVolumes } from "../../../src/driver/pod-spec-patch/volume-names.ts";
import { constant, mainOf, stepPod } from "../../support/step-pod.ts";

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const secretAt = (secretName: string, mountPath: string, more: JsonObject = {}): JsonObject => ({
  secretName,
  mountPath,
  ...more,
});

async function volumesOf(config: JsonObject): Promise<{ names: string[]; mounts: string[]; patch: JsonObject }> {
  const { patch } = await stepPod({ config });
  const nameOf = ({ name }: JsonObject): string => name as string;
  return {
    names: (patch["volumes"] as JsonObject[]).map(nameOf),
    mounts: (mainOf(patch)["volumeMounts"] as JsonObject[]).map(nameOf),
    patch,
  };
}

describe("names of volumes (K8S-7)", () => {
  test("a secret and a config map of one name are two volumes", async ({ expect }) => {
    const { names, mounts } = await volumesOf({
      secretAsVolume: [secretAt("app", "/s")],
      configMapAsVolume: [{ configMapName: "app", mountPath: "/c" }],
    });
    expect(names[0]).toBe("app");
    expect(names[1]).toMatch(/^app-[0-9a-f]{10}$/);
    expect(mounts).toEqual(names);
  });

  test.for([
    ["dots", "db.prod.v1", /^db-prod-v1-[0-9a-f]{10}$/],
    ["more than 63 characters", "a".repeat(100), /^a{50}-[0-9a-f]{10}$/],
    ["a volume of the compiled template", "kfp-launcher", /^kfp-launcher-[0-9a-f]{10}$/],
    ["a volume of Argo", "var-run-argo", /^var-run-argo-[0-9a-f]{10}$/],
    ["the workspace, which this step does not have", "kfp-workspace", /^kfp-workspace-[0-9a-f]{10}$/],
  ] as const)("a secret called like %s", async ([, name, wanted], { expect }) => {
    const { names, patch } = await volumesOf({ secretAsVolume: [secretAt(name, "/s")] });
    expect(names[0]).toMatch(wanted);
    expect((patch["volumes"] as JsonObject[])[0]?.["secret"]).toEqual({ secretName: name, optional: false });
  });

  test("one secret at two places is one volume; optional and not optional are two", async ({ expect }) => {
    const { names } = await volumesOf({
      secretAsVolume: [secretAt("s", "/a"), secretAt("s", "/b"), secretAt("s", "/c", { optional: true })],
    });
    expect(names.slice(0, 2)).toEqual(["s", "s"]);
    expect(names[2]).not.toBe("s");
  });

  test("do not depend on what else the pod has", async ({ expect }) => {
    const alone = await volumesOf({ configMapAsVolume: [{ configMapName: "db.prod", mountPath: "/c" }] });
    const among = await volumesOf({
      secretAsVolume: [secretAt("a", "/a"), secretAt("db.prod", "/b")],
      configMapAsVolume: [{ configMapName: "db.prod", mountPath: "/c" }],
    });
    expect(among.names).toContain(alone.names[0]);
    expect(new Set(among.names).size).toBe(3);
  });

  test("init containers find a volume under the name it was declared with", async ({ expect }) => {
    const { names, patch } = await volumesOf({
      secretAsVolume: [{ secretNameParameter: constant("db.prod"), mountPath: "/s" }],
      initContainers: [{ name: "a", image: "i", volumeMounts: [{ volumeName: "db.prod", mountPath: "/s" }] }],
    });
    const [init] = patch["initContainers"] as JsonObject[];
    expect(init?.["volumeMounts"]).toEqual([{ name: names[0], mountPath: "/s" }]);
  });

  test("a fixed name is kept, whoever asks for it first", ({ expect }) => {
    const own = { persistentVolumeClaim: { claimName: "mine" } };
    const fixed = { persistentVolumeClaim: { claimName: "wf-kfp-workspace" } };
    const [first, second] = nameVolumes([
      { member: "a", volumes: [{ preferredName: "oci-0", source: own, mount: { mountPath: "/a" } }] },
      { member: "b", volumes: [{ preferredName: "oci-0", isFixedName: true, source: fixed, mount: { mountPath: "/b" } }] },
    ]);
    expect(first?.volumes[0]?.name).toMatch(/^oci-0-/);
    expect(second?.volumes[0]?.name).toBe("oci-0");
  });

  test("are always valid, and the same exactly for the same source", ({ expect }) => {
    const volume = fc.record({ name: fc.string({ minLength: 1, maxLength: 80 }), kind: fc.constantFrom("secret", "configMap") });
    fc.assert(
      fc.property(fc.array(volume, { maxLength: 8 }), (wanted) => {
        const sources = wanted.map(({ name, kind }) =>
          kind === "secret" ? { secret: { secretName: name } } : { configMap: { name } },
        );
        const [named] = nameVolumes([
          {
            member: "any",
            volumes: wanted.map(({ name }, index) => ({
              preferredName: name,
              source: sources[index] ?? {},
              mount: { mountPath: `/${index}` },
            })),
          },
        ]);
        const names = (named?.volumes ?? []).map(({ name }) => name);
        for (const name of names) expect(name).toMatch(LABEL);
        for (const [i, a] of names.entries()) {
          for (const [j, b] of names.entries()) {
            expect(a === b).toBe(JSON.stringify(sources[i]) === JSON.stringify(sources[j]));
          }
        }
      }),
    );
  });
});
