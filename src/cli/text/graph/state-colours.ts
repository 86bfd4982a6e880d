/** States of tasks as colours of a drawing: dark text on light ground, told apart by line and word as well. @module */

/** Ground, line, and whether the line is dashed; by class. */
export const STATE_COLOURS: Readonly<Record<string, { readonly fill: string; readonly stroke: string; readonly dashed?: true }>> =
  {
    succeeded: { fill: "#dafbe1", stroke: "#1a7f37" },
    cached: { fill: "#ddf4ff", stroke: "#0969da" },
    skipped: { fill: "#f6f8fa", stroke: "#8c959f", dashed: true },
    failed: { fill: "#ffebe9", stroke: "#cf222e" },
    running: { fill: "#fff8c5", stroke: "#9a6700" },
    notrun: { fill: "#ffffff", stroke: "#8c959f", dashed: true },
  };

/** The class of a state; undefined for one that has no colour. */
export function stateClass(state: string): string | undefined {
  const name = state.toLowerCase().replaceAll(" ", "");
  return Object.hasOwn(STATE_COLOURS, name) ? name : undefined;
}
