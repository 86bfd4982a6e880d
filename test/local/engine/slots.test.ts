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
