/**
 * The pod that Argo makes of a container template, before it applies the patch: its own containers around those of the template.
 *
 * Source: docs/spec/argo-workflows.md#what-the-compiler-does.
 *
 * @module
 */
import type { JsonObject } from "../../src/core/values/value.ts";
import type { StartedTemplate } from "./workflows.ts";

export interface PodOfStep {
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

const EXECUTOR_IMAGE = "quay.io/argoproj/argoexec:v3.7.3";
const SHARED = { name: "var-run-argo", mountPath: "/var/run/argo" };

export function argoPod({ main, initContainers, metadata, podSecurityContext, volumes }: StartedTemplate): PodOfStep {
  const { command, volumeMounts = [], ...rest } = main;
  return {
    metadata: { name: "step", ...metadata },
    spec: {
      restartPolicy: "Never",
      securityContext: podSecurityContext,
      initContainers: [
        { name: "init", image: EXECUTOR_IMAGE, command: ["argoexec", "init"], volumeMounts: [SHARED] },
        ...initContainers,
      ],
      containers: [
        { name: "wait", image: EXECUTOR_IMAGE, command: ["argoexec", "wait"], volumeMounts: [SHARED] },
        {
          ...rest,
          name: "main",
          command: ["/var/run/argo/argoexec", "emissary", "--", ...command],
          volumeMounts: [SHARED, ...(volumeMounts as JsonObject[])],
        },
      ],
      volumes: [{ name: "var-run-argo", emptyDir: {} }, { name: "tmp-dir-argo", emptyDir: {} }, ...volumes],
    },
  };
}
