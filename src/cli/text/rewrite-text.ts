/** What a rewrite has changed in a workflow, as lines. @module */
import type { JsonValue } from "../../core/values/value.ts";
import { RESIDENT_LABEL, REWRITTEN_BY, RUN_LABEL } from "../../resident/rewrite/marks.ts";
import { runIdOf, type RewriteOutcome } from "../../resident/rewrite/rewrite-workflow.ts";
import { say, type TerminalText } from "./terminal-text.ts";

/** A workflow before and after. */
export interface ShownRewrite {
  readonly before: JsonValue;
  readonly after: JsonValue;
  readonly outcome: Exclude<RewriteOutcome, { readonly kind: "left-alone" }>;
}

/** @param name What the workflow is called. */
export function rewriteLines(name: string, { before, after, outcome }: ShownRewrite): TerminalText[] {
  if (outcome.kind === "already-rewritten") return [say`${name}: it was rewritten before, nothing has changed`];
  const size = (value: JsonValue): string => Buffer.byteLength(JSON.stringify(value)).toLocaleString("en");
  return [
    say`${name}: rewritten, ${size(before)} bytes before, ${size(after)} now`,
    ...outcome.templates.map((template) => say`  template ${template}: a plugin template, without container and volumes`),
    ...outcome.limitedLoops.map(({ name: template, parallelism }) => say`  template ${template}: parallelism ${parallelism}`),
    say`  label ${RESIDENT_LABEL} on the workflow and on its pods, annotation ${REWRITTEN_BY}`,
    ...(runIdOf(after) === undefined
      ? [say`  it has no label ${RUN_LABEL}: KFP's API server has not created it, and no agent will drive it`]
      : []),
  ];
}
