/**
 * The table of docs/real-runs.md: each pipeline once, with how it is run and why not otherwise.
 *
 * `npm run real-runs` writes it, and `--check` compares.
 *
 * @module
 */
import { KFP_LOCAL_WORDS, kfpLocalWord } from "./kfp-local.ts";
import { needsPackages, needsVolumes } from "./needs.ts";
import { pipelineFile, pipelineNames, type PipelineFolder } from "./pipeline-files.ts";
import { REFUSAL_REASONS, STUB_REASONS, type RealRun } from "./real-run.ts";
import { realRuns } from "./table.ts";

/** Rows of Markdown for the pipelines of a folder. */
export function tableOf(folder: PipelineFolder): string {
  const names = pipelineNames().get(folder) ?? [];
  const rows = names.map((name) => {
    const runs = realRuns.filter(({ pipeline }) => pipeline === name);
    const { how, reason } = howRun(runs);
    const link = `[${name}](../${pipelineFile(name).place})`;
    return `| ${link} | ${how} | ${String(runs.length)} | ${wantsOf(runs)} | ${reason} | ${KFP_LOCAL_WORDS[kfpLocalWord(name)].text} |`;
  });
  const head = "| pipeline | how | runs | with | why | kfp.local |";
  return [head, "| --- | --- | --- | --- | --- | --- |", ...rows].join("\n");
}

/** By the run that replaces least. */
function howRun(runs: readonly RealRun[]): { readonly how: string; readonly reason: string } {
  const isReal = ({ stubs, refusal }: RealRun): boolean =>
    refusal === undefined && (stubs === undefined || stubs.reason === "shows");
  if (runs.some(isReal)) return { how: "real", reason: "" };
  const stubbed = runs.find(({ stubs }) => stubs !== undefined)?.stubs;
  if (stubbed !== undefined) return { how: "stubs", reason: STUB_REASONS[stubbed.reason] };
  const refused = runs.find(({ refusal }) => refusal !== undefined)?.refusal;
  return { how: "refused", reason: refused === undefined ? "" : REFUSAL_REASONS[refused.reason] };
}

function wantsOf(runs: readonly RealRun[]): string {
  const wants = [
    ...(runs.some(needsPackages) ? ["packages"] : []),
    ...(runs.some(needsVolumes) ? ["volumes"] : []),
    ...(runs.some(({ objects }) => objects !== undefined) ? ["secrets"] : []),
    ...(runs.some(({ stored }) => stored !== undefined) ? ["stores"] : []),
  ];
  return wants.join(", ");
}
