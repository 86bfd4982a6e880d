import { describe, test } from "vitest";
import { HeldCreations } from "./held-creations.ts";
import { resourceOf } from "./resources.ts";

const claims = resourceOf("persistentvolumeclaims");
const named = (name: string) => ({ metadata: { name } });

describe("HeldCreations", () => {
  test("hold what is selected until it is released", async ({ expect }) => {
    const held = new HeldCreations();
    const { reached, release } = held.hold(claims, ({ metadata }) => metadata?.name === "a");
    const order: string[] = [];
    const admitted = held.admit(claims, named("a")).then(() => order.push("admitted"));
    await reached;
    order.push("reached");
    release();
    await admitted;
    expect(order).toEqual(["reached", "admitted"]);
    await held.admit(claims, named("a"));
  });

  test("let everything else pass", async ({ expect }) => {
    const held = new HeldCreations();
    held.hold(claims, ({ metadata }) => metadata?.name === "a");
    await expect(held.admit(claims, named("b"))).resolves.toBeUndefined();
    await expect(held.admit(resourceOf("pods"), named("a"))).resolves.toBeUndefined();
  });
});
