/**
 * The JSON shapes of docs/cli.md, read from its `ts` blocks and held against real output: every member is documented, every documented
 * member that is not optional is there, and each has the type that is written.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./probe.ts";

interface Member {
  readonly optional: boolean;
  readonly type: string;
}

type Shapes = ReadonlyMap<string, ReadonlyMap<string, Member>>;

/** @throws when a block has something else than interfaces of simple members. */
export function parseShapes(markdown: string): Shapes {
  const shapes = new Map<string, ReadonlyMap<string, Member>>();
  for (const [, block = ""] of markdown.matchAll(/```ts\n([\s\S]*?)```/g)) {
    const code = block.replaceAll(/\/\*\*[\s\S]*?\*\//g, "");
    for (const [, name = "", parent, body = ""] of code.matchAll(/interface (\w+)(?: extends (\w+))? \{([\s\S]*?)\n\}/g)) {
      const own = body
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .map((line): [string, Member] => {
          const match = /^(\w+)(\?)?: (.+);$/.exec(line);
          if (match === null) throw new Error(`cannot read the shape of ${name}: ${line}`);
          return [match[1] as string, { optional: match[2] === "?", type: match[3] as string }];
        });
      const inherited = parent === undefined ? [] : [...(shapes.get(parent) ?? [])];
      shapes.set(name, new Map([...inherited, ...own]));
    }
  }
  return shapes;
}

/** What is wrong with a value, one line per problem, each with its path. */
export function shapeProblems(shapes: Shapes, type: string, value: unknown, path = "$"): string[] {
  const choices = splitUnion(type);
  if (choices.length > 1) {
    const problems = choices.map((choice) => shapeProblems(shapes, choice, value, path));
    return problems.some((list) => list.length === 0) ? [] : [`${path} is not ${type}: ${JSON.stringify(value)}`];
  }
  const fail = (): string[] => [`${path} is not ${type}: ${JSON.stringify(value)?.slice(0, 100)}`];
  if (type === "JsonValue") return value === undefined ? fail() : [];
  if (type === "null") return value === null ? [] : fail();
  if (type.startsWith('"')) return JSON.stringify(value) === type ? [] : fail();
  if (type.endsWith("[]")) {
    if (!Array.isArray(value)) return fail();
    return value.flatMap((item, index) => shapeProblems(shapes, type.slice(0, -2), item, `${path}[${index}]`));
  }
  const record = /^Record<string, (.+)>$/.exec(type);
  if (record !== null || shapes.has(type)) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail();
    const members = Object.entries(value);
    if (record !== null)
      return members.flatMap(([key, item]) => shapeProblems(shapes, record[1] as string, item, `${path}.${key}`));
    return objectProblems(shapes, type, new Map(members), path);
  }
  if (type === "string" || type === "number" || type === "boolean") return typeof value === type ? [] : fail();
  throw new Error(`docs/cli.md has no shape ${type}`);
}

function objectProblems(shapes: Shapes, type: string, members: ReadonlyMap<string, unknown>, path: string): string[] {
  const shape = shapes.get(type) ?? new Map<string, Member>();
  return [
    ...[...members.keys()].filter((key) => !shape.has(key)).map((key) => `${path}.${key} is not documented`),
    ...[...shape].flatMap(([key, member]) => {
      if (members.has(key)) return shapeProblems(shapes, member.type, members.get(key), `${path}.${key}`);
      return member.optional ? [] : [`${path}.${key} is missing`];
    }),
  ];
}

function splitUnion(type: string): string[] {
  const depths = type.split("|").map((part) => part.trim());
  return type.includes("<") ? [type] : depths;
}

let known: Shapes | undefined;

/** Holds text of a command against a shape of docs/cli.md. */
export function documentedProblems(type: string, stdout: string): string[] {
  known ??= parseShapes(readFileSync(join(root, "docs/cli.md"), "utf8"));
  return shapeProblems(known, type, JSON.parse(stdout) as unknown);
}
