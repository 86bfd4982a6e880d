/**
 * Places boxes of one level of a graph in layers, each below all that it comes after, with lines that bend around boxes.
 *
 * The steps are those of Sugiyama, Tagawa and Toda (1981): layers by the longest path, a bend in every layer that a line passes, order
 * within a layer by the mean place of the neighbours, and then places that draw each box towards its neighbours. Every step takes time in
 * proportion to boxes and bends. Pure.
 *
 * @module
 */

/** A box to be placed. */
export interface LayoutBox {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Ids of the boxes it comes after; unknown ones do not count. */
  readonly after: readonly string[];
}

/** A place; boxes are placed by their upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line from the lower edge of one box to the upper edge of another, with its bends. */
export interface LayoutLine {
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
}

/** All places, from 0, 0 to the size of the whole. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, Point>;
  readonly lines: readonly LayoutLine[];
}

/** Between boxes of a layer, and between layers. */
const GAP_X = 24;
const GAP_Y = 44;
const BEND_WIDTH = 12;
/** Bends of all lines at most; beyond that lines go straight. */
const MOST_BENDS = 50_000;
const SWEEPS = 6;

/** A box or a bend in its layer. */
interface Item {
  readonly box?: LayoutBox;
  readonly width: number;
  readonly layer: number;
  readonly above: Item[];
  readonly below: Item[];
  /** Middle. */
  x: number;
}

/** Places the boxes; the same boxes always get the same places. */
export function layoutLayers(boxes: readonly LayoutBox[]): Layout {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const layerOf = layersOf(boxes, byId);
  const items = new Map(
    boxes.map((box): [string, Item] => [
      box.id,
      { box, width: box.width, layer: layerOf.get(box.id) ?? 0, above: [], below: [], x: 0 },
    ]),
  );
  const depth = [...layerOf.values()].reduce((most, layer) => Math.max(most, layer + 1), 0);
  const layers: Item[][] = Array.from({ length: depth }, () => []);
  for (const item of items.values()) layers[item.layer]?.push(item);
  const chains = connect(boxes, items, layers);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) orderLayers(layers, sweep % 2 === 0 ? "above" : "below");
  for (const layer of layers) pack(layer);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) drawTogether(layers, sweep % 2 === 0 ? "above" : "below");
  return measured(layers, chains);
}

/** Longest path from the top. Boxes in a circle, which the static check refuses, come into the first layer. */
function layersOf(boxes: readonly LayoutBox[], byId: ReadonlyMap<string, LayoutBox>): Map<string, number> {
  const layers = new Map(boxes.map(({ id }) => [id, 0]));
  const waitsFor = new Map(boxes.map(({ id, after }) => [id, new Set(after.filter((before) => byId.has(before))).size]));
  const followers = new Map<string, string[]>();
  for (const { id, after } of boxes) {
    for (const before of new Set(after)) {
      const list = followers.get(before);
      if (list === undefined) followers.set(before, [id]);
      else list.push(id);
    }
  }
  const ready = boxes.map(({ id }) => id).filter((id) => waitsFor.get(id) === 0);
  // The list grows while it is read.
  for (const id of ready) {
    for (const follower of followers.get(id) ?? []) {
      layers.set(follower, Math.max(layers.get(follower) ?? 0, (layers.get(id) ?? 0) + 1));
      const left = (waitsFor.get(follower) ?? 0) - 1;
      waitsFor.set(follower, left);
      if (left === 0) ready.push(follower);
    }
  }
  return layers;
}

interface Chain {
  readonly from: Item;
  readonly to: Item;
  readonly bends: readonly Item[];
}

/** Links boxes through bends, one in each layer between them. */
function connect(boxes: readonly LayoutBox[], items: ReadonlyMap<string, Item>, layers: Item[][]): Chain[] {
  const chains: Chain[] = [];
  let bendCount = 0;
  for (const { id, after } of boxes) {
    const to = items.get(id) as Item;
    for (const beforeId of new Set(after)) {
      const from = items.get(beforeId);
      if (from === undefined || from.layer >= to.layer) continue;
      const bends: Item[] = [];
      let above = from;
      for (let layer = from.layer + 1; layer < to.layer && bendCount < MOST_BENDS; layer += 1) {
        const bend: Item = { width: BEND_WIDTH, layer, above: [above], below: [], x: 0 };
        above.below.push(bend);
        layers[layer]?.push(bend);
        bends.push(bend);
        above = bend;
        bendCount += 1;
      }
      above.below.push(to);
      to.above.push(above);
      chains.push({ from, to, bends });
    }
  }
  return chains;
}

/** Sorts each layer by the mean position of the neighbours on one side; who has none stays. */
function orderLayers(layers: Item[][], side: "above" | "below"): void {
  const positions = new Map<Item, number>();
  for (const layer of layers) for (const [index, item] of layer.entries()) positions.set(item, index);
  for (const layer of side === "above" ? layers : layers.toReversed()) {
    const wanted = new Map(
      layer.map((item, index) => {
        const neighbours = item[side];
        const sum = neighbours.reduce((total, neighbour) => total + (positions.get(neighbour) ?? 0), 0);
        return [item, neighbours.length === 0 ? index : sum / neighbours.length] as const;
      }),
    );
    layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
    for (const [index, item] of layer.entries()) positions.set(item, index);
  }
}

/** Side by side, the middle of the layer at 0. */
function pack(layer: readonly Item[]): void {
  const total = layer.reduce((sum, { width }) => sum + width, 0) + GAP_X * Math.max(0, layer.length - 1);
  let left = -total / 2;
  for (const item of layer) {
    item.x = left + item.width / 2;
    left += item.width + GAP_X;
  }
}

/** Moves each item to the mean of its neighbours on one side, as far as the others in its layer let it. */
function drawTogether(layers: readonly Item[][], side: "above" | "below"): void {
  for (const layer of side === "above" ? layers : layers.toReversed()) {
    const wanted = layer.map((item) => {
      const neighbours = item[side];
      return neighbours.length === 0 ? item.x : neighbours.reduce((sum, { x }) => sum + x, 0) / neighbours.length;
    });
    // The least places that keep all apart, and the greatest; the middle of both is fair to left and right.
    const least = [...wanted];
    for (let index = 1; index < layer.length; index += 1) {
      least[index] = Math.max(least[index] as number, (least[index - 1] as number) + distance(layer, index));
    }
    const greatest = [...wanted];
    for (let index = layer.length - 2; index >= 0; index -= 1) {
      greatest[index] = Math.min(greatest[index] as number, (greatest[index + 1] as number) - distance(layer, index + 1));
    }
    for (const [index, item] of layer.entries()) item.x = ((least[index] as number) + (greatest[index] as number)) / 2;
  }
}

/** Between the middles of an item and the one on its left, at least. */
function distance(layer: readonly Item[], index: number): number {
  return ((layer[index] as Item).width + (layer[index - 1] as Item).width) / 2 + GAP_X;
}

function measured(layers: readonly Item[][], chains: readonly Chain[]): Layout {
  const all = layers.flat();
  const left = outermost(all, -1);
  const width = outermost(all, 1) - left;
  const places = new Map<string, Point>();
  const tops: number[] = [];
  const heights: number[] = [];
  let y = 0;
  for (const layer of layers) {
    const height = layer.reduce((most, { box }) => Math.max(most, box?.height ?? 0), 0);
    tops.push(y);
    heights.push(height);
    for (const { box, x } of layer) if (box !== undefined) places.set(box.id, { x: x - box.width / 2 - left, y });
    y += height + GAP_Y;
  }
  const lines = chains.map(({ from, to, bends }): LayoutLine => {
    const source = from.box as LayoutBox;
    const bendPoints = bends.flatMap(({ x, layer }): Point[] => {
      const top = tops[layer] as number;
      return [
        { x: x - left, y: top },
        { x: x - left, y: top + (heights[layer] as number) },
      ];
    });
    return {
      from: source.id,
      to: (to.box as LayoutBox).id,
      points: [
        { x: from.x - left, y: (tops[from.layer] as number) + source.height },
        // Boxes of a layer differ in height; the line leaves its layer before it turns.
        { x: from.x - left, y: (tops[from.layer] as number) + (heights[from.layer] as number) },
        ...bendPoints,
        { x: to.x - left, y: tops[to.layer] as number },
      ],
    };
  });
  return { width, height: Math.max(0, y - GAP_Y), places, lines };
}

/** The outermost edge on one side, at least 0. */
function outermost(items: readonly Item[], side: -1 | 1): number {
  return items.reduce((edge, { x, width }) => (side < 0 ? Math.min(edge, x - width / 2) : Math.max(edge, x + width / 2)), 0);
}
