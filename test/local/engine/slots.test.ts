import { describe, test } from "vitest";
import { Slots } from "../../../src/local/engine/slots.ts";

/** Work that ends when it is told to, and whether it has begun. */
function work() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const state = { begun: false };
  const run = async (): Promise<void> => {
    state.begun = true;
    await promise;
  };
  return { state, run, end: resolve };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Slots", () => {
  test("gives places in the order of arrival", async ({ expect }) => {
    const slots = new Slots(1);
    const works = [work(), work(), work()];
    const runs = works.map(({ run }) => slots.run(run));
    const begun = (): boolean[] => works.map(({ state }) => state.begun);
    expect(begun()).toEqual([true, false, false]);
    works[0]?.end();
    await runs[0];
    expect(begun()).toEqual([true, true, false]);
    for (const { end } of works) end();
    await Promise.all(runs);
    expect(begun()).toEqual([true, true, true]);
  });

  test("keeps the order where a large need waits for small ones", async ({ expect }) => {
    const slots = new Slots(8, { cpu: 1 });
    const small = Array.from({ length: 10 }, work);
    const runs = small.map(({ run }) => slots.run(run, { amounts: { cpu: 0.1 } }));
    const [large, after] = [work(), work()];
    const others = [slots.run(large.run, { amounts: { cpu: 1 } }), slots.run(after.run)];
    expect(small.filter(({ state }) => state.begun)).toHaveLength(8);
    for (const { end } of small) end();
    await Promise.all(runs);
    expect([large.state.begun, after.state.begun]).toEqual([true, true]);
    large.end();
    after.end();
    await Promise.all(others);
  });

  test("tenths of a processor add up to a whole one", async ({ expect }) => {
    const slots = new Slots(20, { cpu: 1 });
    const works = Array.from({ length: 11 }, work);
    const runs = works.map(({ run }) => slots.run(run, { amounts: { cpu: 0.1 } }));
    expect(works.filter(({ state }) => state.begun)).toHaveLength(10);
    for (const { end } of works) end();
    await Promise.all(runs);
  });

  test("lineBelow() waits until few enough wait", async ({ expect }) => {
    const slots = new Slots(1);
    const works = [work(), work(), work()];
    const runs = works.map(({ run }) => slots.run(run));
    const passed: string[] = [];
    const waiting = [
      slots.lineBelow(3).then(() => passed.push("below 3")),
      slots.lineBelow(2).then(() => passed.push("below 2")),
      slots.lineBelow(1).then(() => passed.push("below 1")),
    ];
    await settled();
    expect(passed).toEqual(["below 3"]);
    works[0]?.end();
    await runs[0];
    await settled();
    expect(passed).toEqual(["below 3", "below 2"]);
    for (const { end } of works) end();
    await Promise.all([...runs, ...waiting]);
    expect(passed).toEqual(["below 3", "below 2", "below 1"]);
    await slots.lineBelow(1);
  });
});
