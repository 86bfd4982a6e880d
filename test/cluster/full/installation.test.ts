import { describe, expect, it } from "vitest";
import type { Manifest } from "./apply-objects.ts";
import { argoDefinitions, installedObjects } from "./installation.ts";

interface Bound {
  readonly subjects: readonly { readonly name: string }[];
  readonly roleRef: { readonly name: string };
}

interface Role {
  readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

describe("what a whole Kubernetes has installed", () => {
  it("gives drivers and launchers the rights of our manifests, and the executor's own beside them", async () => {
    const objects = await installedObjects({ apiServer: 1, objectStore: 2 });
    const named = (kind: string): readonly Manifest[] => objects.filter((one) => one.kind === kind);
    const roles = named("RoleBinding")
      .filter((one) => (one as unknown as Bound).subjects.some(({ name }) => name === "pipeline-runner"))
      .map((one) => (one as unknown as Bound).roleRef.name);
    expect(roles.toSorted()).toEqual(["kfp-runtime", "pipeline-runner-role"]);
    const rules = named("Role")
      .filter(({ metadata }) => roles.includes(metadata.name))
      .flatMap((one) => (one as unknown as Role).rules);
    expect(rules.flatMap(({ resources, verbs }) => resources.map((name) => `${name}: ${verbs.join(" ")}`)).toSorted()).toEqual([
      "configmaps: get",
      "persistentvolumeclaims: create get delete",
      "pods: get",
      "secrets: get",
      "workflowtaskresults: create patch",
    ]);
    for (const { metadata } of [...named("Role"), ...named("RoleBinding")]) expect(metadata.namespace).toBe("kubeflow");
  });

  it("defines Argo's resources by group and plural", () => {
    expect(argoDefinitions().map(({ metadata }) => metadata.name)).toContain("workflowtasksets.argoproj.io");
  });
});
