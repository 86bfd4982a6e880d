/** Models in images: the containers of the pod, and their scripts in a real shell. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { isImageReference } from "../../../src/driver/pod-spec-patch/image-reference.ts";
import { assertValidPod, mainOf, stepPod } from "../../support/step-pod.ts";

const inputs = (lists: Record<string, string[]>): JsonObject => ({
  inputs: {
    artifacts: Object.fromEntries(
      Object.entries(lists).map(([name, uris]) => [name, { artifacts: uris.map((uri) => ({ name, uri })) }]),
    ),
  },
});
const named = (patch: JsonObject, list: string): string[] =>
  (patch[list] as { name: string }[] | undefined)?.map(({ name }) => name) ?? [];
function scriptOf(patch: JsonObject, list: string, name: string): string {
  const container = (patch[list] as { name: string; command: string[] }[]).find((each) => each.name === name);
  return container?.command[2] ?? "";
}

/** As the kubelet hands it to the container. */
const expanded = (script: string): string => script.replaceAll("$$", () => "$");

const SECURITY = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

describe("a model in an image (K8S-16)", () => {
  test("M1 brings a check of the image, a folder, and a container beside the user's", async () => {
    const { patch } = await stepPod({
      config: null,
      container: { image: "img", command: ["c"], env: [{ name: "A", value: "1" }] },
      executorInput: inputs({ m: ["oci://h/o/r:1"] }),
    });
    const mount = { name: "oci-0", mountPath: "/oci/h_o_r:1", subPath: "h_o_r:1" };
    const main = mainOf(patch);
    expect(patch["shareProcessNamespace"]).toBe(true);
    expect(patch["volumes"]).toEqual([{ name: "oci-0", emptyDir: {} }]);
    expect(main["volumeMounts"]).toEqual([mount]);
    const common = {
      image: "h/o/r:1",
      env: main["env"],
      resources: {},
      securityContext: SECURITY,
      terminationMessagePolicy: "FallbackToLogsOnError",
    };
    const command = ["sh", "-c", expect.any(String) as unknown];
    expect(patch["initContainers"]).toEqual([{ name: "oci-prepull-0", ...common, command }]);
    expect((patch["containers"] as JsonObject[])[1]).toEqual({
      name: "oci-0",
      ...common,
      command,
      imagePullPolicy: "IfNotPresent",
      volumeMounts: [mount],
    });
    expect((main["env"] as { name: string }[]).map(({ name }) => name)).toEqual([
      "A",
      "KFP_POD_NAME",
      "KFP_POD_UID",
      "NAMESPACE",
    ]);
  });

  test("M2 comes in the order of input and index, as texts", async () => {
    const { patch } = await stepPod({ config: {}, executorInput: inputs({ b: ["oci://x"], a: ["oci://y"] }) });
    expect((patch["initContainers"] as JsonObject[]).map(({ name, image }) => [name, image])).toEqual([
      ["oci-prepull-0", "y"],
      ["oci-prepull-1", "x"],
    ]);
    const many = Array.from({ length: 11 }, (_, index) => `oci://i${index}`);
    const { patch: sorted } = await stepPod({ config: {}, executorInput: inputs({ m: many }) });
    expect((sorted["containers"] as JsonObject[]).slice(1, 5).map(({ image }) => image)).toEqual(["i0", "i1", "i10", "i2"]);
  });

  test("M3 may be anywhere in a list, and comes once however many inputs have it", async () => {
    const { patch } = await stepPod({
      config: {},
      executorInput: inputs({ m: ["oci://a", "s3://b", "oci://c"], again: ["oci://c"] }),
    });
    expect(named(patch, "containers")).toEqual(["main", "oci-0", "oci-1"]);
    expect((patch["containers"] as JsonObject[]).slice(1).map(({ image }) => image)).toEqual(["c", "a"]);
  });

  test("M4 is nothing to do for other inputs", async () => {
    const { patch } = await stepPod({ config: {}, executorInput: inputs({ m: ["s3://b/k"], n: [] }) });
    expect(Object.keys(patch)).toEqual(["containers"]);
    expect(named(patch, "containers")).toEqual(["main"]);
  });

  test("comes before the workspace and the volumes of the config, and is never taken as task configuration", async () => {
    const { patch, taskConfig } = await stepPod({
      config: { pvcMount: [{ mountPath: "/d", constant: "p" }] },
      component: { taskConfigPassthroughs: [{ field: "KUBERNETES_VOLUMES", applyToTask: true }] },
      executorInput: {
        inputs: {
          parameterValues: { p: "/kfp-workspace" },
          artifacts: { m: { artifacts: [{ uri: "oci://x" }] } },
        },
      },
    });
    expect(named(patch, "volumes")).toEqual(["oci-0", "kfp-workspace", "p"]);
    expect((taskConfig["volumes"] as { name: string }[]).map(({ name }) => name)).toEqual(["kfp-workspace", "p"]);
  });

  test("has its variables without those of the config", async () => {
    const { patch } = await stepPod({
      config: { fieldPathAsEnv: [{ name: "N", fieldPath: "spec.nodeName" }] },
      executorInput: inputs({ m: ["oci://x"] }),
    });
    const [, car] = patch["containers"] as { env: { name: string }[] }[];
    expect(car?.env.map(({ name }) => name)).toEqual(["KFP_POD_NAME", "KFP_POD_UID", "NAMESPACE"]);
  });

  test.for([
    { name: "the administrator", config: null, runAs: { runAsUser: 1000, runAsGroup: 0 } },
    { name: "the step", config: { securityContext: { runAsUser: "65534" } }, runAs: { runAsUser: 65534 } },
  ])("runs as the user whom $name chose for the user's container", async ({ config, runAs }) => {
    const { patch } = await stepPod({
      config,
      defaults: config === null ? runAs : {},
      executorInput: inputs({ m: ["oci://x"] }),
    });
    expect((patch["containers"] as JsonObject[])[1]?.["securityContext"]).toEqual({ ...SECURITY, ...runAs });
  });

  test("lies where the launcher of this driver looks for it", async () => {
    const { patch } = await stepPod({ config: {}, executorInput: inputs({ m: ["oci://h/r"] }), artifactLocalPath: "/data" });
    expect(mainOf(patch)["volumeMounts"]).toEqual([{ name: "oci-0", mountPath: "/data/oci/h_r", subPath: "h_r" }]);
    assertValidPod(patch);
  });

  test.for(["oci://", "oci://x; rm -rf /", "oci://h/$(id)", "oci://h/UPPER/x y", "oci://h/..", "oci://{{workflow.name}}"])(
    "is refused where the URI names no image: %s",
    async (uri) => {
      await expect(stepPod({ config: {}, executorInput: inputs({ m: [uri] }) })).rejects.toMatchObject({
        code: "SPEC_INVALID",
        message: `Cannot mount input artifact "m": ${JSON.stringify(uri)} does not name an image`,
      });
    },
  );

  test("is refused where two images would lie in one folder", async () => {
    await expect(stepPod({ config: {}, executorInput: inputs({ a: ["oci://x/y_z"], b: ["oci://x_y/z"] }) })).rejects.toThrow(
      "Cannot mount model images oci://x/y_z and oci://x_y/z: both would be at /oci/x_y_z/models",
    );
  });
});

describe("references of images (K8S-16)", () => {
  test.for([
    ...["x", "a/b/c", "registry.example.com/team/llama:1.0", "localhost:5000/x", "[::1]:5000/x:T_1", "h/o/r:1", "a__b/c-d.e"],
    `x@sha256:${"0".repeat(64)}`,
    `registry:5000/x:1@sha256:${"a".repeat(64)}`,
  ])("%s is one", (text) => expect(isImageReference(text)).toBe(true));

  test("hold nothing that a shell, the kubelet or Argo reads as its own", () => {
    const hostile = fc.stringMatching(/^[a-z0-9./:@_${}()'"` -]*$/);
    const harmless = (text: string): boolean => !isImageReference(text) || /^[A-Za-z0-9._:/@+[\]-]+$/.test(text);
    expect(() => fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), hostile), harmless))).not.toThrow();
  });
});

describe("the scripts", () => {
  async function patchAt(folder: string): Promise<JsonObject> {
    const made = await stepPod({ config: {}, executorInput: inputs({ m: ["oci://h/o/r:1"] }), artifactLocalPath: folder });
    return made.patch;
  }

  async function temporaryFolder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "kfp modelcar's $HOME-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  async function shell(script: string): Promise<{ code: number | null; output: string }> {
    const child = spawn("sh", ["-c", script]);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, output };
  }

  test("M5 leave no dollar to the kubelet", async () => {
    const patch = await patchAt("");
    for (const script of [scriptOf(patch, "initContainers", "oci-prepull-0"), scriptOf(patch, "containers", "oci-0")]) {
      expect(script).toContain("$$");
      expect(script.replaceAll("$$", "")).not.toContain("$");
    }
  });

  test("let an image with a model pass, and refuse one without", async () => {
    const folder = await temporaryFolder();
    const models = path.join(folder, "models");
    const script = expanded(scriptOf(await patchAt(""), "initContainers", "oci-prepull-0")).replaceAll(
      /(?<=-d |ls -A )\/models/g,
      `"${models.replaceAll("$", "\\$")}"`,
    );
    expect(await shell(script)).toEqual({ code: 1, output: "Model image h/o/r:1 has no files in /models\n" });
    await mkdir(models);
    expect((await shell(script)).code).toBe(1);
    await writeFile(path.join(models, "weights"), "");
    expect(await shell(script)).toEqual({ code: 0, output: "Model image h/o/r:1 is there\n" });
  });

  test("link the model of their own process, also after a restart, and end when the launcher says so", async () => {
    const folder = await temporaryFolder();
    const mount = path.join(folder, "oci/h_o_r:1");
    await mkdir(mount, { recursive: true });
    const script = expanded(scriptOf(await patchAt(folder), "containers", "oci-0"));
    for (const restart of [false, true]) {
      const child = spawn("sh", ["-c", script], { stdio: "ignore" });
      const closed = once(child, "close");
      const link = `/proc/${child.pid}/root/models`;
      await expect.poll(() => readlink(path.join(mount, "models")).catch(() => ""), { timeout: 10_000 }).toBe(link);
      if (restart) await writeFile(path.join(mount, "launcher-complete"), "");
      else child.kill();
      const [code] = (await closed) as [number | null];
      expect(code).toBe(restart ? 0 : null);
    }
  });
});
