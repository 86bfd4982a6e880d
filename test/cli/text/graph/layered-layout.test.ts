import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layoutLayers, type LayoutBox } from "../../../../src/cli/text/graph/layered-layout.ts";

const box = (id: string, after: string[] = [], width = 80, height = 40): LayoutBox => ({ id, width, height, after });

/** Boxes that come after some of those before them, of any size. */
const graphs = fc
  .array(fc.record({ width: fc.integer({ min: 10, max: 300 }), height: fc.integer({ min: 10, max: 200 }), seed: fc.nat() }), {
    maxLength: 25,
  })
  .map((list) =>
    list.map(({ width, height, seed }, index) => {
      const after = Array.from({ length: index }, (_, before) => before).filter((before) => (seed >> (before % 20)) % 3 === 1);
      return box(
        `b${index}`,
        after.map((before) => `b${before}`),
        width,
        height,
      );
    }),
  );

describe("layoutLayers()", () => {
  test("puts a box below what it comes after, and its only follower right under it", () => {
    const { places } = layoutLayers([box("c", ["b"]), box("a"), box("b", ["a"])]);
    expect(["a", "b", "c"].map((id) => places.get(id))).toEqual([
      { x: 0, y: 0 },
      { x: 0, y: 84 },
      { x: 0, y: 168 },
    ]);
  });

  test("bends a line around the boxes of the layers it passes", () => {
    const { lines, places } = layoutLayers([box("a"), box("b", ["a"]), box("c", ["a", "b"])]);
    const bent = lines.find(({ from, to }) => from === "a" && to === "c");
    const b = places.get("b") ?? { x: 0, y: 0 };
    const passing = bent?.points.filter(({ y }) => y >= b.y && y <= b.y + 40) ?? [];
    expect(passing).toHaveLength(2);
    for (const { x } of passing) expect(x < b.x || x > b.x + 80).toBe(true);
  });

  test("boxes do not touch, stand in the picture, and lines go down from box to box", () => {
    fc.assert(
      fc.property(graphs, (boxes) => {
        const { width, height, places, lines } = layoutLayers(boxes);
        const placed = boxes.map((item) => ({ ...item, ...(places.get(item.id) ?? { x: Number.NaN, y: Number.NaN }) }));
        for (const [index, a] of placed.entries()) {
          expect(a.x >= -0.01 && a.y >= 0 && a.x + a.width <= width + 0.01 && a.y + a.height <= height).toBe(true);
          for (const b of placed.slice(index + 1)) {
            const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
            expect(apart, `${a.id} and ${b.id}`).toBe(true);
          }
        }
        expect(lines).toHaveLength(boxes.reduce((sum, { after }) => sum + after.length, 0));
        for (const { from, to, points } of lines) {
          const [source, target] = [placed.find(({ id }) => id === from), placed.find(({ id }) => id === to)];
          expect(points[0]?.y).toBe((source?.y ?? 0) + (source?.height ?? 0));
          expect(points.at(-1)?.y).toBe(target?.y);
          const downwards = points.map(({ y }) => y);
          expect(downwards).toEqual(downwards.toSorted((p, q) => p - q));
        }
      }),
    );
  });

  test.for([
    { name: "nothing", boxes: [], size: [0, 0] },
    { name: "a circle", boxes: [box("a", ["b"]), box("b", ["a"])], size: [184, 40] },
    { name: "an unknown box", boxes: [box("a", ["nobody"])], size: [80, 40] },
  ])("takes $name", ({ boxes, size }) => {
    const { width, height, lines } = layoutLayers(boxes);
    expect([width, height]).toEqual(size);
    expect(lines).toEqual([]);
  });

  test("takes a chain and a layer of thousands", () => {
    const chain = Array.from({ length: 5000 }, (_, index) => box(`c${index}`, index === 0 ? [] : [`c${index - 1}`]));
    expect(layoutLayers(chain).width).toBe(80);
    const layer = Array.from({ length: 5000 }, (_, index) => box(`l${index}`));
    expect(layoutLayers(layer).height).toBe(40);
  });
});
