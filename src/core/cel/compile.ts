/**
 * From the text of an expression to its checked syntax tree, or to why there is none, in the words of cel-go.
 *
 * @module
 */
import { parse } from "@bufbuild/cel";
import { errorMessage } from "../errors.ts";
import { checkExpression, ExpressionProblem, type Scope } from "./check.ts";
import type { StaticType } from "./types.ts";

/** A parsed expression as cel-es gives it, source positions included. */
export type ParsedExpression = ReturnType<typeof parse>;
/** A node of the syntax tree. */
export type Expr = NonNullable<ParsedExpression["expr"]>;

/** An expression that parses, and whose types fit where they are known before it is evaluated. */
export interface CompiledExpression {
  readonly parsed: ParsedExpression;
  readonly expr: Expr;
  readonly type: StaticType;
}

/** Characters of an expression. Compiled pipelines stay far below; cel-go itself stops at 100,000. */
export const EXPRESSION_LIMIT = 65_536;

/** @throws {ExpressionProblem} with a reason of one line. */
export function compileExpression(text: string, scope: Scope): CompiledExpression {
  if (text.length > EXPRESSION_LIMIT) {
    throw new ExpressionProblem(`it has ${text.length} characters, the limit is ${EXPRESSION_LIMIT}`);
  }
  try {
    // The parser knows comments only as lines that end.
    const parsed = parse(`${text}\n`);
    if (parsed.expr === undefined) throw new ExpressionProblem("the expression is empty");
    return { parsed, expr: parsed.expr, type: checkExpression(parsed.expr, scope) };
  } catch (error) {
    throw new ExpressionProblem(describeProblem(errorMessage(error)), { cause: error });
  }
}

/** The engine's reasons in the words of cel-go, which people search for. */
export function describeProblem(reason: string): string {
  return reason
    .replace(/^<input>:(\d+):(\d+): /, "syntax error at line $1, column $2: ")
    .replace(/^found no matching overload for/, "no such overload:")
    .replace(/^field not found: /, "no such key: ")
    .replace(/^index (\S+) out of bounds \[0, -1\)$/, "index out of bounds: $1")
    .replace(/^Maximum call stack size exceeded$/, "it is nested too deeply");
}
