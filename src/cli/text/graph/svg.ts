/**
 * The graph as a drawing: boxes in layers, sub-pipelines and loops as frames around what is in them, states as colours.
 *
 * Valid XML whatever the names are: they are escaped, and characters that XML does not have are shown as escapes.
 *
 * Standard: W3C XML 1.0 2.2 (Char), W3C SVG 1.1.
 *
 * @module
 */
import stringWidth from "string-width";
import { escapeControls, fitColumns, TerminalText } from "../terminal-text.ts";
import { detailText, nameText, type Graph, type GraphTask } from "./graph-model.ts";
import { layoutLayers, type Layout, type LayoutLine, type Point } from "./layered-layout.ts";
import { STATE_COLOURS, stateClass } from "./state-colours.ts";

/** Pixels of a column of the monospaced font at its size. */
const COLUMN = 7.25;
const FONT_SIZE = 12;
const LINE = 17;
const PADDING = 12;
const MARGIN = 20;
const TITLE_HEIGHT = 34;
/** Columns of a label at most; the whole text is the tooltip. */
const LONGEST_LABEL = 44;

/** A task with its size, and the places of what is in it. */
interface Box {
  readonly task: GraphTask;
  readonly labels: readonly string[];
  readonly width: number;
  readonly height: number;
  /** Absent for a step. */
  readonly inside?: { readonly boxes: readonly Box[]; readonly layout: Layout };
}

/** The drawing as one text with line ends. */
export function svgText(graph: Graph): string {
  const { boxes, layout } = arranged(graph.tasks);
  const title = [graph.pipeline, ...(graph.runId === undefined ? [] : [`run ${graph.runId}`, graph.state ?? ""])].join(" · ");
  const width = Math.ceil(Math.max(layout.width, columnsOf(title) * COLUMN * 1.2) + 2 * MARGIN);
  const height = Math.ceil(layout.height + TITLE_HEIGHT + 2 * MARGIN);
  const origin = { x: Math.round((width - layout.width) / 2), y: MARGIN + TITLE_HEIGHT };
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${xml(title)}</title>`,
    `<style>${styles()}</style>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">` +
      `<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 14}">${xml(title)}</text>`,
    ...drawn(boxes, layout, origin),
    `</svg>`,
  ].join("\n")}\n`;
}

function styles(): string {
  const states = Object.entries(STATE_COLOURS).map(
    ([name, { fill, stroke, dashed }]) =>
      `.${name}{fill:${fill};stroke:${stroke}${dashed === true ? ";stroke-dasharray:4 3" : ""}}`,
  );
  return [
    ".ground{fill:#ffffff}",
    "rect.task,rect.frame{fill:#ffffff;stroke:#57606a;stroke-width:1.2}",
    "rect.frame{fill:#f6f8fa}",
    ...states.map((rule) => `rect${rule}`),
    "rect.frame{fill-opacity:.45}",
    "path.line{fill:none;stroke:#57606a;stroke-width:1.2}",
    "path.always{stroke-dasharray:4 3}",
    `text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:${FONT_SIZE}px;fill:#1f2328}`,
    "text.detail{fill:#57606a}",
    "text.title{font-size:14px;font-weight:600}",
  ].join("");
}

function arranged(tasks: readonly GraphTask[]): { readonly boxes: readonly Box[]; readonly layout: Layout } {
  const boxes = tasks.map(boxOf);
  const layout = layoutLayers(boxes.map(({ task, width, height }) => ({ id: task.name, width, height, after: task.after })));
  return { boxes, layout };
}

function boxOf(task: GraphTask): Box {
  const detail = detailText(task);
  const labels = [nameText(task), ...(detail === "" ? [] : [detail])].map(shortened);
  const ownWidth = Math.max(...labels.map((label) => columnsOf(label) * COLUMN)) + 2 * PADDING;
  const ownHeight = labels.length * LINE + PADDING;
  if (task.tasks.length === 0) return { task, labels, width: Math.max(ownWidth, 70), height: ownHeight + 2 };
  const inside = arranged(task.tasks);
  return {
    ...{ task, labels, inside },
    width: Math.max(ownWidth, inside.layout.width + 2 * PADDING),
    height: ownHeight + inside.layout.height + PADDING,
  };
}

function drawn(boxes: readonly Box[], layout: Layout, origin: Point): string[] {
  const always = new Set(boxes.filter(({ task }) => task.always === true).map(({ task }) => task.name));
  return [
    ...layout.lines.map((line) => lineElement(line, origin, always.has(line.to))),
    ...boxes.flatMap((box) => {
      const place = layout.places.get(box.task.name) ?? { x: 0, y: 0 };
      return boxElements(box, { x: origin.x + place.x, y: origin.y + place.y });
    }),
  ];
}

function boxElements({ task, labels, width, height, inside }: Box, { x, y }: Point): string[] {
  const kind = inside === undefined ? "task" : "frame";
  const state = task.state === undefined ? undefined : stateClass(task.state);
  const radius = task.kind === "importer" ? height / 2 : 5;
  const middle = inside === undefined ? x + width / 2 : x + PADDING;
  const anchor = inside === undefined ? ' text-anchor="middle"' : "";
  const texts = labels.map((label, index) => {
    const baseline = y + PADDING / 2 + LINE * (index + 0.75);
    return `<text${index === 0 ? "" : ' class="detail"'} x="${round(middle)}" y="${round(baseline)}"${anchor}>${xml(label)}</text>`;
  });
  const tooltip = [task.scopePath, detailText(task)].filter((text) => text !== "").join("\n");
  const start = { x: x + (width - (inside?.layout.width ?? 0)) / 2, y: y + labels.length * LINE + PADDING };
  return [
    `<g>`,
    `<title>${xml(tooltip)}</title>`,
    `<rect class="${kind}${state === undefined ? "" : ` ${state}`}" x="${round(x)}" y="${round(y)}" width="${round(width)}"` +
      ` height="${round(height)}" rx="${round(radius)}"/>`,
    ...texts,
    ...(inside === undefined ? [] : drawn(inside.boxes, inside.layout, start)),
    `</g>`,
  ];
}

/** Straight down through its layers, curved between them. */
function lineElement({ points }: LayoutLine, origin: Point, isDashed: boolean): string {
  const [first, ...others] = points.map(({ x, y }) => ({ x: origin.x + x, y: origin.y + y }));
  let path = first === undefined ? "" : `M${round(first.x)} ${round(first.y)}`;
  let before = first;
  for (const point of others) {
    if (before === undefined || (before.x === point.x && before.y === point.y)) continue;
    if (before.x === point.x) path += `L${round(point.x)} ${round(point.y)}`;
    else {
      const half = round((before.y + point.y) / 2);
      path += `C${round(before.x)} ${half} ${round(point.x)} ${half} ${round(point.x)} ${round(point.y)}`;
    }
    before = point;
  }
  return `<path class="line${isDashed ? " always" : ""}" d="${path}" marker-end="url(#arrow)"/>`;
}

function shortened(text: string): string {
  return fitColumns(TerminalText.escape(text), LONGEST_LABEL).toString();
}

function columnsOf(text: string): number {
  return stringWidth(escapeControls(text));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** A line end stays in a tooltip; what XML has no character for is shown escaped or replaced. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .split("\n")
    .map(escapeControls)
    .join("\n")
    .replaceAll(/[\u{fffe}\u{ffff}]/gu, "\u{fffd}")
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string);
}
