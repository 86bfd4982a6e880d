/**
 * The conditions that the SDK compiles, evaluated without a library: comparisons of inputs and literals, `int()`, `!`, `&&`, `||`.
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";

const TOKEN =
  /\s*(?:(inputs\.parameter_values\['([^']+)'\])|'((?:[^'\\]|\\.)*)'|(-?\d+(?:\.\d+)?)|(==|!=|<=|>=|<|>|&&|\|\||!|\(|\))|([a-z]+))/y;

type Token = { readonly value: JsonValue } | { readonly sign: string } | { readonly word: string };

/** @throws {Error} For anything the SDK does not write. */
export function conditionHolds(text: string, inputs: ReadonlyMap<string, JsonValue>): boolean {
  const tokens = tokensOf(text, inputs);
  let at = 0;
  const isSign = (...signs: string[]): boolean => {
    const token = tokens[at];
    return token !== undefined && "sign" in token && signs.includes(token.sign);
  };
  const take = (): Token => {
    const token = tokens[at];
    if (token === undefined) throw new Error(`the condition ends too early: ${text}`);
    at += 1;
    return token;
  };
  const expectSign = (sign: string): void => {
    if (!isSign(sign)) throw new Error(`${sign} is missing in ${text}`);
    at += 1;
  };
  const primary = (): JsonValue => {
    if (isSign("!")) {
      at += 1;
      return primary() !== true;
    }
    const token = take();
    if ("value" in token) return token.value;
    if ("sign" in token) {
      if (token.sign !== "(") throw new Error(`unexpected ${token.sign} in ${text}`);
      const inner = or();
      expectSign(")");
      return inner;
    }
    if (token.word === "true" || token.word === "false") return token.word === "true";
    expectSign("(");
    const argument = or();
    expectSign(")");
    if (token.word !== "int") throw new Error(`unknown function ${token.word} in ${text}`);
    return Math.trunc(Number(argument));
  };
  const comparison = (): JsonValue => {
    const left = primary();
    if (!isSign("==", "!=", "<", "<=", ">", ">=")) return left;
    const { sign } = take() as { sign: string };
    return compare(left, sign, primary());
  };
  const and = (): JsonValue => {
    let holds = comparison();
    while (isSign("&&")) {
      at += 1;
      const right = comparison();
      holds = holds === true && right === true;
    }
    return holds;
  };
  const or = (): JsonValue => {
    let holds = and();
    while (isSign("||")) {
      at += 1;
      const right = and();
      holds = holds === true || right === true;
    }
    return holds;
  };
  const holds = or();
  if (at !== tokens.length || typeof holds !== "boolean") throw new Error(`cannot read the condition ${text}`);
  return holds;
}

function compare(left: JsonValue, sign: string, right: JsonValue): boolean {
  if (sign === "==") return left === right;
  if (sign === "!=") return left !== right;
  const [a, b] = [left as number, right as number];
  if (sign === "<") return a < b;
  if (sign === "<=") return a <= b;
  return sign === ">" ? a > b : a >= b;
}

function tokensOf(text: string, inputs: ReadonlyMap<string, JsonValue>): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const [, input, name = "", literal, number, sign, word] = TOKEN.exec(text) ?? [];
    if (input !== undefined) {
      const value = inputs.get(name);
      if (value === undefined) throw new Error(`the task has no input ${name}: ${text}`);
      tokens.push({ value });
    } else if (literal !== undefined) tokens.push({ value: literal.replace(/\\(.)/g, "$1") });
    else if (number !== undefined) tokens.push({ value: Number(number) });
    else if (sign !== undefined) tokens.push({ sign });
    else if (word !== undefined) tokens.push({ word });
    else throw new Error(`cannot read the condition ${text}`);
  }
  return tokens;
}
