/**
 * Names of schedules and of their runs. Pure.
 *
 * Source: docs/spec/pipelines-and-python-client.md#scheduling (run produced), #api-36.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { expandMacros, type MacroFacts } from "./macros.ts";

const MAX_SCHEDULE_NAME_LENGTH = 25;

/**
 * What the names of a schedule's runs begin with: its display name in small letters, digits and dashes, and a suffix.
 *
 * @param suffix Random, so that two schedules of one name have different runs.
 */
export function scheduleName(displayName: string, suffix: string): string {
  const words = displayName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_SCHEDULE_NAME_LENGTH)
    .replaceAll(/^-+|-+$/g, "");
  return words === "" ? suffix : `${words}-${suffix}`;
}

/** The display name of a run: the schedule's own with its macros replaced, where it has some, else `<schedule>-<index>-<hash>`. */
export function scheduledRunName(
  schedule: { readonly displayName: string; readonly scheduleName: string },
  facts: Required<MacroFacts>,
): string {
  const expanded = expandMacros(schedule.displayName, facts);
  if (expanded !== schedule.displayName) return expanded;
  const hash = createHash("sha256").update(`${schedule.scheduleName}/${facts.index}/${facts.scheduledSeconds}`).digest("hex");
  return `${schedule.scheduleName}-${facts.index}-${hash.slice(0, 10)}`;
}
