/**
 * What is wrong with an expression before any value is known: syntax, names, types, inputs that the task does not have.
 *
 * @module
 */
import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { errorMessage } from "../errors.ts";
import { callOf, partsOf } from "./budget.ts";
import { checkExpression, scopeOfMessage, type Scope } from "./check.ts";
import { compileExpression, describeProblem, type Expr } from "./compile.ts";
import { DYN, listOf, mapOf, nameOf, scalar, type StaticType } from "./types.ts";
import type { ConditionReport, InputKinds } from "./evaluate.ts";
import { ExecutorInputSchema } from "../kfp-types.ts";

const CONDITION_SCOPE = scopeOfMessage(ExecutorInputSchema);
const SELECTOR_SCOPE = scopeOfMessage(ValueSchema);

/** As in expression.ts. */
export function checkSelectorText(selector: string): string | undefined {
  try {
    const { expr } = compileExpression(selector, SELECTOR_SCOPE);
    // An operand that fails may never be asked for.
    return isBranched(expr) ? undefined : patternProblem(expr);
  } catch (error) {
    return errorMessage(error);
  }
}

/** As in expression.ts. */
export function checkConditionText(condition: string, inputs: InputKinds): ConditionReport {
  let expr: Expr;
  let type: StaticType;
  try {
    ({ expr, type } = compileExpression(condition, CONDITION_SCOPE));
  } catch (error) {
    return { invalid: errorMessage(error), unknownInputs: [] };
  }
  const used = new Set<string>();
  const asked = new Set<string>();
  const typed = withTypedInputs(expr, { used, asked });
  const unknownInputs = [...used].filter((name) => !inputs.has(name) && !asked.has(name)).toSorted();
  const scope = new Map(CONDITION_SCOPE);
  for (const name of used) scope.set(inputVariable(name), typeOfInput(inputs.get(name)));
  const problem = resultProblem(type) ?? typeProblem(typed, scope) ?? patternProblem(expr);
  if (problem === undefined) return { unknownInputs };
  // An operand that fails may never be asked for, or be absorbed.
  return isBranched(expr) ? { unknownInputs, doubtful: problem } : { unknownInputs, invalid: problem };
}

function typeProblem(expr: Expr, scope: Scope): string | undefined {
  try {
    return resultProblem(checkExpression(expr, scope));
  } catch (error) {
    return describeProblem(errorMessage(error));
  }
}

const matchEmptyText = plan(celEnv(), parse("''.matches(pattern)"));

/** The first literal pattern of matches() that is not a regular expression; only the evaluation finds that out by itself. */
function patternProblem(expr: Expr): string | undefined {
  const { exprKind } = expr;
  if (exprKind.case === "callExpr" && exprKind.value.function === "matches") {
    const pattern = textOfLiteral(exprKind.value.args.at(-1));
    const result = pattern === undefined ? undefined : matchEmptyText({ pattern });
    if (isCelError(result)) return describeProblem(result.message);
  }
  for (const part of partsOf(expr)) {
    const problem = patternProblem(part);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function resultProblem(type: StaticType): string | undefined {
  return type.kind === "bool" || type.kind === "dyn" ? undefined : `its result is a ${nameOf(type)}, not a boolean`;
}

function typeOfInput(kind: ReturnType<InputKinds["get"]>): StaticType {
  switch (kind) {
    case "string":
      return scalar("string");
    case "boolean":
      return scalar("bool");
    case "list":
      return listOf(DYN);
    case "struct":
      return mapOf(scalar("string"), DYN);
    // Numbers of parameters are doubles, which compare with every other kind of number.
    default:
      return DYN;
  }
}

const BRANCHES = new Set(["_&&_", "_||_", "_?_:_"]);

function isBranched(expr: Expr): boolean {
  const { exprKind } = expr;
  if (exprKind.case === "comprehensionExpr") return true;
  if (exprKind.case === "callExpr" && BRANCHES.has(exprKind.value.function)) return true;
  return partsOf(expr).some(isBranched);
}

interface Names {
  /** Inputs whose value the expression takes. */
  readonly used: Set<string>;
  /** Inputs whose presence it asks for. */
  readonly asked: Set<string>;
}

/** A name that no expression can spell. */
function inputVariable(name: string): string {
  return `@input ${name}`;
}

/** Functions that take operands of different types at run time, though not where both types are declared. */
const TYPELESS = new Set(["_==_", "_!=_", "@in", "_?_:_"]);

/** A copy in which inputs are variables of their own, to be given types. */
function withTypedInputs(expr: Expr, names: Names): Expr {
  const input = inputOf(expr);
  if (input !== undefined) {
    if (input.presence) names.asked.add(input.name);
    else names.used.add(input.name);
    if (input.presence) return expr;
    const ident = { $typeName: "cel.expr.Expr.Ident", name: inputVariable(input.name) } as const;
    return { ...expr, exprKind: { case: "identExpr", value: ident } };
  }
  const copy = (part: Expr): Expr => withTypedInputs(part, names);
  const optional = (part: Expr | undefined): Expr | undefined => (part === undefined ? undefined : copy(part));
  const { exprKind } = expr;
  switch (exprKind.case) {
    case "selectExpr": {
      const { operand, ...select } = exprKind.value;
      return { ...expr, exprKind: { case: "selectExpr", value: { ...select, ...present("operand", optional(operand)) } } };
    }
    case "callExpr": {
      const { target, args, ...call } = exprKind.value;
      const copies = args.map(copy);
      const loose = TYPELESS.has(call.function) ? copies.map((arg, index) => looseArgument(call.function, arg, index)) : copies;
      return { ...expr, exprKind: { case: "callExpr", value: { ...call, ...present("target", optional(target)), args: loose } } };
    }
    case "listExpr":
      return {
        ...expr,
        exprKind: { case: "listExpr", value: { ...exprKind.value, elements: exprKind.value.elements.map(copy) } },
      };
    case "structExpr": {
      const entries = exprKind.value.entries.map(({ keyKind, value, ...entry }) => ({
        ...entry,
        keyKind: keyKind.case === "mapKey" ? { case: keyKind.case, value: copy(keyKind.value) } : keyKind,
        ...present("value", optional(value)),
      }));
      return { ...expr, exprKind: { case: "structExpr", value: { ...exprKind.value, entries } } };
    }
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result, ...macro } = exprKind.value;
      const value = {
        ...macro,
        ...present("iterRange", optional(iterRange)),
        ...present("accuInit", optional(accuInit)),
        ...present("loopCondition", optional(loopCondition)),
        ...present("loopStep", optional(loopStep)),
        ...present("result", optional(result)),
      };
      return { ...expr, exprKind: { case: "comprehensionExpr", value } };
    }
    default:
      return expr;
  }
}

function present<Key extends string>(key: Key, value: Expr | undefined): { [K in Key]?: Expr } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Expr });
}

function looseArgument(name: string, arg: Expr, index: number): Expr {
  const keepsType = name === "_?_:_" && index === 0;
  return keepsType ? arg : callOf(arg, "dyn", [arg]);
}

/** The input that `inputs.parameter_values['x']`, `.x`, `has(….x)` or `'x' in …` is about. */
function inputOf({ exprKind }: Expr): { readonly name: string; readonly presence: boolean } | undefined {
  if (exprKind.case === "selectExpr" && isParameterValues(exprKind.value.operand)) {
    return { name: exprKind.value.field, presence: exprKind.value.testOnly };
  }
  if (exprKind.case !== "callExpr") return undefined;
  const { args } = exprKind.value;
  const [first, second] = args;
  if (exprKind.value.function === "_[_]" && isParameterValues(first)) return namedInput(second, false);
  if (exprKind.value.function === "@in" && isParameterValues(second)) return namedInput(first, true);
  return undefined;
}

function namedInput(
  expr: Expr | undefined,
  presence: boolean,
): { readonly name: string; readonly presence: boolean } | undefined {
  const name = textOfLiteral(expr);
  return name === undefined ? undefined : { name, presence };
}

function textOfLiteral(expr: Expr | undefined): string | undefined {
  const constant = expr?.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  return constant?.case === "stringValue" ? constant.value : undefined;
}

function isParameterValues(expr: Expr | undefined): boolean {
  if (expr?.exprKind.case !== "selectExpr") return false;
  const { operand, field, testOnly } = expr.exprKind.value;
  const isInputs = operand?.exprKind.case === "identExpr" && operand.exprKind.value.name === "inputs";
  return isInputs && field === "parameter_values" && !testOnly;
}
