/** The artifacts of a run as a table: places are never cut. @module */
import type { ListedArtifact } from "../../commands/history/perform-artifacts.ts";
import { sizeText } from "../size-text.ts";
import { fitColumns, say, type TerminalText } from "../terminal-text.ts";
import { wordTable } from "../text-table.ts";

/** Artifacts with name, type and size; the place on a line of its own where the line would not hold it. */
export function artifactTableLines(artifacts: readonly ListedArtifact[], columns: number): TerminalText[] {
  const rows = artifacts.map(({ task, key, name, type, place, sizeBytes, numberValue }) => [
    // The numbers of one output differ in name only.
    numberValue === undefined ? `${task}.${key}` : `${task}.${key} ${name}`,
    type,
    sizeBytes === undefined ? (numberValue === undefined ? place : String(numberValue)) : sizeText(sizeBytes),
  ]);
  const heads = wordTable([["ARTIFACT", "TYPE", "SIZE", ""], ...rows.map((row) => [...row, ""])], { columns, flexible: 0 });
  const widest = Math.max(...artifacts.map(({ uri }) => uri.length));
  const fits = (heads[0]?.width ?? 0) + widest <= columns;
  return heads.flatMap((head, index) => {
    const uri = index === 0 ? "PLACE" : (artifacts[index - 1]?.uri ?? "");
    if (fits) return [say`${head}${uri}`];
    return index === 0 || uri === "" ? [fitColumns(head, columns)] : [head, say`  ${uri}`];
  });
}
