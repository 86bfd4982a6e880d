/**
 * The graph as a Mermaid flowchart, which code hosts and notebooks draw.
 *
 * Labels are other people's text: characters that mean something to Mermaid or to HTML become its entity codes.
 *
 * Standard: mermaid.js.org/syntax/flowchart.html ("Special characters that break syntax", "Entity codes to escape characters").
 *
 * @module
 */
import { escapeControls, say, type TerminalText } from "../terminal-text.ts";
import { detailText, nameText, type Graph, type GraphTask } from "./graph-model.ts";
import { STATE_COLOURS, stateClass } from "./state-colours.ts";

const LONGEST_LABEL = 120;

/** The flowchart, line by line. */
export function mermaidLines({ pipeline, tasks }: Graph): TerminalText[] {
  const lines = ["flowchart TD", `  %% pipeline ${escapeControls(pipeline).replaceAll(/[{}]/g, "")}`];
  const classes = new Map<string, string[]>();
  let count = 0;
  const visit = (siblings: readonly GraphTask[], indent: string): void => {
    const ids = new Map<string, string>();
    for (const task of siblings) {
      const id = `t${(count += 1)}`;
      ids.set(task.name, id);
      const name = task.state === undefined ? undefined : stateClass(task.state);
      if (name !== undefined) classes.set(name, [...(classes.get(name) ?? []), id]);
      if (task.tasks.length === 0) {
        lines.push(`${indent}${id}${task.kind === "importer" ? `(["${label(task)}"])` : `["${label(task)}"]`}`);
        continue;
      }
      lines.push(`${indent}subgraph ${id}["${label(task)}"]`);
      visit(task.tasks, `${indent}  `);
      lines.push(`${indent}end`);
    }
    for (const { name, after, always } of siblings) {
      for (const before of after) {
        const [from, to] = [ids.get(before), ids.get(name)];
        if (from !== undefined && to !== undefined) lines.push(`${indent}${from} ${always === true ? "-.->" : "-->"} ${to}`);
      }
    }
  };
  visit(tasks, "  ");
  for (const [name, ids] of classes) {
    const { fill, stroke, dashed } = STATE_COLOURS[name] as (typeof STATE_COLOURS)[string];
    lines.push(`  classDef ${name} fill:${fill},stroke:${stroke},color:#1f2328${dashed === true ? ",stroke-dasharray:4 3" : ""}`);
    lines.push(`  class ${ids.join(",")} ${name}`);
  }
  return lines.map((line) => say`${line}`);
}

function label(task: GraphTask): string {
  const detail = detailText(task);
  return detail === "" ? entityCodes(nameText(task)) : `${entityCodes(nameText(task))}<br/>${entityCodes(detail)}`;
}

/** Letters, digits and harmless signs stay; everything else that is ASCII becomes `#CODE;`. */
function entityCodes(text: string): string {
  const shown = escapeControls(text);
  const cut = shown.length <= LONGEST_LABEL ? shown : `${shown.slice(0, LONGEST_LABEL - 1).toWellFormed()}…`;
  return cut.replaceAll(/[^\w .,:…\u{80}-\u{10ffff}-]/gu, (sign) => `#${String(sign.codePointAt(0))};`);
}
