/**
 * What a row needs of the machine, read from its pipeline.
 *
 * @module
 */
import { parseAllDocuments } from "yaml";
import { pipelineFile } from "./pipeline-files.ts";
import type { RealRun } from "./real-run.ts";

interface Container {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

interface Spec {
  readonly deploymentSpec: { readonly executors: Readonly<Record<string, { readonly container?: Container }>> };
}

/** Commands and arguments of its containers, by executor label. */
function containerTexts(pipeline: string): ReadonlyMap<string, string> {
  const [spec] = parseAllDocuments(pipelineFile(pipeline).text).map((document) => document.toJS() as Spec);
  const executors = Object.entries(spec?.deploymentSpec.executors ?? {});
  return new Map(
    executors.flatMap(([label, { container }]) => {
      if (container === undefined) return [];
      return [[label, [...(container.command ?? []), ...(container.args ?? [])].join("\n")]];
    }),
  );
}

/** Whether its steps want packages, which an environment is made for. */
export function needsPackages({ pipeline, stubs, refusal }: RealRun): boolean {
  if (refusal !== undefined) return false;
  return [...containerTexts(pipeline)].some(
    ([label, text]) => stubs?.programs[label] === undefined && text.includes("pip install"),
  );
}

/** Whether a step wants packages besides the SDK. */
export function installsMore(pipeline: string): boolean {
  return [...containerTexts(pipeline).values()].some((text) =>
    [...text.matchAll(/pip install (.*)/g)].some(([, packages = ""]) => /'(?!kfp==|typing-extensions|--)\w/.test(packages)),
  );
}

/** Whether a step is something else than a Python component. */
export function hasContainers(pipeline: string): boolean {
  return [...containerTexts(pipeline).values()].some((text) => !text.includes("kfp.dsl.executor_main"));
}

/** Whether its steps see volumes: those of the platform spec, or the workspace. */
export function needsVolumes({ pipeline }: RealRun): boolean {
  return /mountPath: |workspace_path|downloadToWorkspace: true/.test(pipelineFile(pipeline).text);
}

/** Where its platform spec mounts volumes. */
export function mountPathsOf({ pipeline }: RealRun): string[] {
  return [...pipelineFile(pipeline).text.matchAll(/mountPath: (.+)/g)].map(([, mountPath = ""]) => mountPath.trim());
}
