/**
 * Seeded damage to what a driver is given: the pipeline spec, the Kubernetes config, the runtime config, the flags.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** The same seed gives the same numbers, on every machine. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0;
  }

  /** 0 to `sides - 1`. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.roll(items.length)] as T;
  }
}

const nested = (depth: number): JsonValue => {
  let value: JsonValue = "x";
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { deep: value };
  return value;
};

const STRANGE: readonly JsonValue[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 1,
    "",
    " ",
    "0",
    "NaN",
    "null",
    "[]",
    "{}",
    "{",
    "\u0000",
    "\ud83d\ude00",
  ],
  ...[
    "{{$}}",
    "{{$.inputs.parameters['word']}}",
    "{{$.inputs.artifacts['model'].uri}}",
    "{{$.outputs.parameters['said'].output_file}}",
  ],
  ...[
    "{{$.nothing",
    "{{channel:task=say;name=said;type=String;}}",
    "$(HOME)",
    "../../x",
    "system.Nothing",
    "__proto__",
    "constructor",
  ],
  ...["inputs.parameter_values['word'] == 'go'", "1 / 0 == 1", "x".repeat(20_000), "1Gi", "-5", "1e99"],
  [],
  {},
  [null],
  [[]],
  [{}],
  { "": "" },
  { constructor: { name: 1 } },
  { value: "x" },
  nested(12),
  nested(80),
];

type Container = JsonObject | JsonValue[];

function containersIn(value: JsonValue, found: Container[] = []): Container[] {
  if (typeof value !== "object" || value === null) return found;
  if (Object.keys(value).length > 0) found.push(value);
  for (const member of Object.values(value)) containersIn(member, found);
  return found;
}

/** A copy with one to three members changed, left out, renamed or exchanged. */
export function damage<T extends JsonObject>(original: T, dice: Dice): T {
  const copy = structuredClone(original);
  for (let times = 1 + dice.roll(3); times > 0; times -= 1) {
    const containers = containersIn(copy);
    if (containers.length === 0) return copy;
    damageMember(dice.pick(containers), containers, dice);
  }
  return copy;
}

function damageMember(container: Container, all: readonly Container[], dice: Dice): void {
  const members = container as Record<string, JsonValue>;
  const names = Object.keys(container);
  // Emptied by damage before this.
  if (names.length === 0) return;
  const name = dice.pick(names);
  switch (dice.roll(5)) {
    case 0:
      if (Array.isArray(container)) container.splice(Number(name), 1);
      else delete members[name];
      return;
    case 1:
      if (Array.isArray(container)) container.reverse();
      else {
        members[dice.pick(["", "a.b", "root", "__proto__x", "é", `${name}2`])] = members[name] as JsonValue;
        delete members[name];
      }
      return;
    case 2: {
      const other = dice.pick(all) as Record<string, JsonValue>;
      members[name] = structuredClone(other[dice.pick(Object.keys(other))] ?? null);
      return;
    }
    default:
      members[name] = structuredClone(dice.pick(STRANGE));
  }
}

/** A copy of a command line with one flag changed, left out, repeated, or without its value. */
export function damageArguments(argv: readonly string[], dice: Dice): string[] {
  const copy = [...argv];
  const at = dice.roll(copy.length);
  switch (dice.roll(5)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      copy.splice(at, 0, copy[at] as string);
      break;
    case 2:
      copy[at] = (copy[at] as string).slice(0, dice.roll((copy[at] as string).length + 1));
      break;
    case 3:
      copy.splice(
        at,
        0,
        dice.pick(["--", "-", "--unknown", "--unknown=1", "-version", "stray", "--log_level=x", "--iteration_index=99999999999"]),
      );
      break;
    default: {
      const strange = dice.pick(STRANGE);
      copy[at] = typeof strange === "string" ? strange : JSON.stringify(strange);
    }
  }
  return copy;
}
