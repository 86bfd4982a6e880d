/**
 * How deep JSON is: everything that converts, prints or compares it recurs into every level.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";

/** Whether lists and maps stand in each other more often than this; without recursion. */
export function isDeeperThan(json: JsonValue, levels: number): boolean {
  let level: JsonValue[] = [json];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    const next: JsonValue[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      for (const item of Object.values(value)) if (item !== undefined) next.push(item);
    }
    level = next;
  }
  return false;
}
