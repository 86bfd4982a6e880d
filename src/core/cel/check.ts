/**
 * Static check of CEL expressions: names that nobody declares and operands that can never fit.
 *
 * The engine has no type checker, yet the reference compiles every expression before it evaluates it, and what the checker refuses
 * fails even where `&&` or `||` would have hidden it. Only what literals and declarations prove is refused; parameters are dynamic.
 *
 * Source: docs/spec/expressions.md#condition-environment, #semantics (last rows), #selector-environment-and-forms; the CEL
 * language definition, "Gradual type checking".
 *
 * @module
 */
import type { DescMessage } from "@bufbuild/protobuf";
import type { parse } from "@bufbuild/cel";
import { OVERLOADS } from "./overloads.ts";
import { DYN, isAssignable, join, joinAll, listOf, mapOf, nameOf, scalar, typeOfField } from "./types.ts";
import type { ScalarKind, StaticType } from "./types.ts";

type Expr = NonNullable<ReturnType<typeof parse>["expr"]>;
type ExprOf<C extends Expr["exprKind"]["case"]> = Extract<Expr["exprKind"], { case: C }>["value"];

/** Variables an expression may use, with their types. */
export type Scope = ReadonlyMap<string, StaticType>;

/** Why an expression does not compile. */
export class ExpressionProblem extends Error {}

const TYPE_NAMES = new Set(["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"]);

/** The fields of a message as variables, under their proto names. */
export function scopeOfMessage(desc: DescMessage): Scope {
  return new Map(desc.fields.map((field) => [field.name, typeOfField(field)]));
}

/**
 * Checks an expression.
 *
 * @returns Its static type.
 * @throws {ExpressionProblem}
 */
export function checkExpression(expr: Expr, scope: Scope): StaticType {
  const { exprKind } = expr;
  switch (exprKind.case) {
    case "constExpr":
      return typeOfConstant(exprKind.value);
    case "identExpr":
      return checkIdentifier(exprKind.value.name, scope);
    case "selectExpr":
      return checkSelect(exprKind.value, scope);
    case "callExpr":
      return checkCall(exprKind.value, scope);
    case "listExpr":
      return listOf(joinAll(exprKind.value.elements.map((element) => checkExpression(element, scope))));
    case "structExpr":
      return checkStruct(exprKind.value, scope);
    case "comprehensionExpr":
      return checkComprehension(exprKind.value, scope);
    case undefined:
      throw new ExpressionProblem("the expression is empty");
  }
}

function checkPart(expr: Expr | undefined, scope: Scope): StaticType {
  if (expr === undefined) throw new ExpressionProblem("a part of the expression is missing");
  return checkExpression(expr, scope);
}

function typeOfConstant({ constantKind }: ExprOf<"constExpr">): StaticType {
  switch (constantKind.case) {
    case "boolValue":
      return scalar("bool");
    case "int64Value":
      if (BigInt.asIntN(64, constantKind.value) !== constantKind.value) throw new ExpressionProblem("invalid int literal");
      return scalar("int");
    case "uint64Value":
      if (BigInt.asUintN(64, constantKind.value) !== constantKind.value) throw new ExpressionProblem("invalid uint literal");
      return scalar("uint");
    case "doubleValue":
      return scalar("double");
    case "stringValue":
      return scalar("string");
    case "bytesValue":
      return scalar("bytes");
    case "nullValue":
      return scalar("null");
    default:
      return DYN;
  }
}

function checkIdentifier(name: string, scope: Scope): StaticType {
  const plain = name.replace(/^\./, "");
  const type = scope.get(plain);
  if (type !== undefined) return type;
  if (TYPE_NAMES.has(plain)) return scalar("type");
  throw new ExpressionProblem(`undeclared reference to '${plain}'`);
}

function checkSelect({ operand, field, testOnly }: ExprOf<"selectExpr">, scope: Scope): StaticType {
  const type = checkPart(operand, scope);
  const selected = typeOfSelected(type, field);
  return testOnly ? scalar("bool") : selected;
}

function typeOfSelected(type: StaticType, name: string): StaticType {
  switch (type.kind) {
    case "dyn":
      return DYN;
    case "map":
      if (isAssignable(scalar("string"), type.key)) return type.value;
      break;
    case "message": {
      const field = type.desc.fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw new ExpressionProblem(`undefined field '${name}'`);
      return typeOfField(field);
    }
    default:
      break;
  }
  throw new ExpressionProblem(`type '${nameOf(type)}' does not support field selection`);
}

function checkCall(call: ExprOf<"callExpr">, scope: Scope): StaticType {
  const name = call.function;
  const args = [...(call.target === undefined ? [] : [call.target]), ...call.args].map((arg) => checkExpression(arg, scope));
  const noOverload = (): ExpressionProblem => {
    return new ExpressionProblem(`found no matching overload for '${name}' applied to '(${args.map(nameOf).join(", ")})'`);
  };
  const [first = DYN, second = DYN, third = DYN] = args;
  switch (name) {
    case "_&&_":
    case "_||_":
      if (!args.every((arg) => isAssignable(arg, scalar("bool")))) throw noOverload();
      return scalar("bool");
    case "_?_:_":
      if (!isAssignable(first, scalar("bool")) || !isAssignable(second, third)) throw noOverload();
      return join(second, third);
    case "_==_":
    case "_!=_":
      if (!isAssignable(first, second)) throw noOverload();
      return scalar("bool");
    case "@in":
      if (
        second.kind === "list" ? isAssignable(first, second.element) : second.kind === "map" && isAssignable(first, second.key)
      ) {
        return scalar("bool");
      }
      if (second.kind !== "dyn") throw noOverload();
      return scalar("bool");
    case "_[_]":
      if (first.kind === "dyn") return DYN;
      if (first.kind === "list" && isAssignable(second, scalar("int"))) return first.element;
      if (first.kind === "map" && isAssignable(second, first.key)) return first.value;
      throw noOverload();
    case "_+_":
      if (first.kind === "list" && second.kind === "list") {
        if (!isAssignable(first.element, second.element)) throw noOverload();
        return listOf(join(first.element, second.element));
      }
      break;
    case "dyn":
      return DYN;
    case "type":
      return scalar("type");
    case "@not_strictly_false":
    case "__not_strictly_false__":
      return scalar("bool");
    default:
      break;
  }
  const overloads = OVERLOADS.get(call.target === undefined ? name : `.${name}`);
  if (overloads === undefined) throw new ExpressionProblem(`undeclared reference to '${name}'`);
  const fitting = overloads.filter(
    ({ parameters }) =>
      parameters.length === args.length && parameters.every((kind, index) => fitsKind(args[index] ?? DYN, kind)),
  );
  const [result, ...others] = new Set(fitting.map((overload) => overload.result));
  if (result === undefined) throw noOverload();
  if (others.length > 0 || result === "list" || result === "map") return DYN;
  return scalar(result as ScalarKind);
}

function fitsKind(type: StaticType, kind: string): boolean {
  return type.kind === "dyn" || type.kind === kind;
}

function checkStruct({ messageName, entries }: ExprOf<"structExpr">, scope: Scope): StaticType {
  if (messageName !== "") throw new ExpressionProblem(`undeclared reference to '${messageName}'`);
  const keys: StaticType[] = [];
  const values: StaticType[] = [];
  for (const { keyKind, value } of entries) {
    if (keyKind.case === "mapKey") keys.push(checkExpression(keyKind.value, scope));
    values.push(checkPart(value, scope));
  }
  return mapOf(joinAll(keys), joinAll(values));
}

function checkComprehension(comprehension: ExprOf<"comprehensionExpr">, scope: Scope): StaticType {
  const { accuVar, accuInit, iterVar, iterRange, loopCondition, loopStep, result } = comprehension;
  const range = checkPart(iterRange, scope);
  const initial = checkPart(accuInit, scope);
  const loopScope = new Map(scope).set(accuVar, initial).set(iterVar, typeOfItem(range));
  const condition = checkPart(loopCondition, loopScope);
  const step = checkPart(loopStep, loopScope);
  if (!isAssignable(condition, scalar("bool")) || !isAssignable(step, initial)) {
    throw new ExpressionProblem(`the body of a macro has type '${nameOf(step)}', but '${nameOf(initial)}' is needed`);
  }
  return checkPart(result, new Map(scope).set(accuVar, join(initial, step)));
}

function typeOfItem(range: StaticType): StaticType {
  switch (range.kind) {
    case "dyn":
      return DYN;
    case "list":
      return range.element;
    case "map":
      return range.key;
    default:
      throw new ExpressionProblem(`expression of type '${nameOf(range)}' cannot be the range of a macro`);
  }
}
