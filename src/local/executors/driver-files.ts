/**
 * Reads the files a driver process wrote, the way Argo does: a missing file means its default.
 *
 * Source: docs/spec/argo-workflows.md#how-argo-invokes-the-driver (outputs and their defaults).
 *
 * @module
 */
import { InternalError } from "../../core/errors.ts";
import type { DriverOptions } from "../../driver/options.ts";
import type { PodSpecPatch } from "../../driver/pod-spec-patch/pod-spec.ts";
import type { DriverResult } from "../../driver/result.ts";
import type { FileSystem } from "../../ports/file-system.ts";

/** @throws {InternalError} INVARIANT_BROKEN when a file holds something no driver writes. */
export async function readDriverFiles(files: Pick<FileSystem, "readText">, options: DriverOptions): Promise<DriverResult> {
  const condition = readCondition(await files.readText(options.conditionPath));
  const common = condition === undefined ? {} : { condition };
  if (options.type === "CONTAINER") {
    const cached = (await files.readText(options.cachedDecisionPath)) === "true";
    const patch = (await files.readText(options.podSpecPatchPath)) ?? "";
    // A container driver does not say its task's id; whoever needs it finds it in the launcher's command line.
    return { taskId: "", ...common, cached, ...(patch === "" ? {} : { podSpecPatch: JSON.parse(patch) as PodSpecPatch }) };
  }
  const taskId = (await files.readText(options.parentTaskIdPath)) ?? "";
  if (taskId === "")
    throw new InternalError("INVARIANT_BROKEN", `The driver ended well but wrote no task id to ${options.parentTaskIdPath}`);
  const iterationCount = Number((await files.readText(options.iterationCountPath)) ?? "0");
  return { taskId, ...common, iterationCount };
}

function readCondition(text: string | undefined): boolean | undefined {
  switch (text) {
    case "true":
      return true;
    case "false":
      return false;
    case "nil":
    case undefined:
      return undefined;
    default:
      throw new InternalError("INVARIANT_BROKEN", `The driver wrote "${text}" as its condition`);
  }
}
