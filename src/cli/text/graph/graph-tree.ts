/** The graph as a tree of text: what is in what, and what comes after what. @module */
import type { TextPlace } from "../summary-text.ts";
import { fitColumns, hasColours, painter, paintState, say, type Painter, type TerminalText } from "../terminal-text.ts";
import { detailText, nameText, type Graph, type GraphTask } from "./graph-model.ts";

/** A line for the pipeline and for each task. */
export function graphTreeLines({ pipeline, runId, state, tasks }: Graph, place: TextPlace): TerminalText[] {
  const paint = painter(hasColours(place.isTerminal, place.environment));
  const run = runId === undefined ? say`` : say` run ${runId} ${paintState(paint, state ?? "")}`;
  const lines = [say`${paint("bold", pipeline)}${run}`];
  const visit = (siblings: readonly GraphTask[], indent: string): void => {
    for (const [index, task] of siblings.entries()) {
      const isLast = index === siblings.length - 1;
      lines.push(say`${indent}${isLast ? "└─" : "├─"} ${taskText(task, paint)}`);
      visit(task.tasks, `${indent}${isLast ? "   " : "│  "}`);
    }
  };
  visit(tasks, "");
  return lines.map((line) => fitColumns(line, place.columns));
}

function taskText(task: GraphTask, paint: Painter): TerminalText {
  const { state, states, after, ...rest } = task;
  const shown = state === undefined || states !== undefined ? say`` : say` ${paintState(paint, state)}`;
  const detail = detailText({ ...rest, after, ...(states === undefined ? {} : { states }) });
  return say`${nameText(task)}${shown}${detail === "" ? "" : ` (${detail})`}${after.length === 0 ? "" : ` <- ${after.join(", ")}`}`;
}
