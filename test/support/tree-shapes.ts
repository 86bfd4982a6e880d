/** Every shape a run's tree of DAGs can have, up to the order of siblings. @module */
import type { Leaf, Tree } from "./state-model.ts";

/** `null` is a leaf. */
export type Shape = null | readonly Shape[];

/** Roots with exactly so many leaves, none of them further below the root than `depth`. */
export function shapesOf(leaves: number, depth: number): Exclude<Shape, null>[] {
  return depth === 0 ? [] : partitionsOf(leaves).flatMap((sizes) => membersOf(sizes, depth - 1));
}

/** The shape with these leaves, from left to right. */
export function withLeaves(shape: Exclude<Shape, null>, leaves: readonly Leaf[]): Exclude<Tree, Leaf> {
  const rest = [...leaves];
  const fill = (part: Shape): Tree => (part === null ? (rest.shift() ?? "succeeds") : part.map(fill));
  return shape.map(fill);
}

/** Sizes in descending order. */
function partitionsOf(total: number, largest = total): number[][] {
  if (total === 0) return [[]];
  return Array.from({ length: Math.min(total, largest) }, (_, index) => Math.min(total, largest) - index).flatMap((size) =>
    partitionsOf(total - size, size).map((rest) => [size, ...rest]),
  );
}

/** One member for each size; members of equal size in one order only. */
function membersOf(sizes: readonly number[], depth: number): Shape[][] {
  const [size, ...rest] = sizes;
  if (size === undefined) return [[]];
  const ranked = (member: Shape): string => JSON.stringify(member);
  return memberShapes(size, depth).flatMap((member) =>
    membersOf(rest, depth)
      .filter(([next]) => next === undefined || rest[0] !== size || ranked(next) >= ranked(member))
      .map((others) => [member, ...others]),
  );
}

function memberShapes(leaves: number, depth: number): Shape[] {
  return [...(leaves === 1 ? [null] : []), ...shapesOf(leaves, depth)];
}
