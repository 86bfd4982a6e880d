/**
 * What the evaluation of an expression may cost. CEL has no unbounded loops, but macros inside macros over lists multiply, and neither
 * the engine nor JavaScript can be interrupted: so every call of a function and every round of a macro is paid for, and who has spent
 * all is stopped. The count depends on expression and values alone, so that a retry ends like the first try.
 *
 * @module
 */
import { isCelError, isCelList, isCelMap } from "@bufbuild/cel";
import type { celEnv, CelValue } from "@bufbuild/cel";
import type { Expr } from "./compile.ts";

type Environment = ReturnType<typeof celEnv>;
type ExprKind = Expr["exprKind"];

/** Steps of one evaluation; about a second at worst. Conditions that people write need some dozens. */
export const EVALUATION_STEPS = 1_000_000;

/** Thrown past the engine: `||` and macros absorb errors that are values, not this. */
export class BudgetExceeded extends Error {}

/**
 * Steps one evaluation may take. Each step is paid for before it is done; an expression that asks for more ends with an error.
 */
export class EvaluationBudget {
  #left = EVALUATION_STEPS;
  #exceeded = false;

  get exceeded(): boolean {
    return this.#exceeded;
  }

  /** @throws {BudgetExceeded} */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    this.#exceeded = true;
    throw new BudgetExceeded();
  }

  /** Pays for looking at every part of a value. */
  spendOn(value: CelValue | undefined): void {
    this.spend(1 + textSteps(value));
    if (isCelList(value)) {
      for (const item of value) this.spendOn(item);
    } else if (isCelMap(value)) {
      for (const [key, member] of value) {
        this.spendOn(key);
        this.spendOn(member);
      }
    }
  }
}

/** Characters that are looked at in one step. */
const CHARACTERS_PER_STEP = 16;
/** Items of a list that are copied in one step. */
const ITEMS_PER_STEP = 16;
/** An error is made with its stack. */
const STEPS_OF_AN_ERROR = 20;

function textSteps(value: CelValue | undefined): number {
  return typeof value === "string" || value instanceof Uint8Array ? Math.ceil(value.length / CHARACTERS_PER_STEP) : 0;
}

/** No function of an expression can be called so. */
const SPEND = "@spend";

/** An environment whose functions are paid for. */
export function meterEnvironment(environment: Environment, budget: EvaluationBudget): Environment {
  const { funcs } = environment;
  const find: typeof funcs.find = (name) => {
    const group = funcs.find(name);
    if (group === undefined && name !== SPEND) return undefined;
    const call: NonNullable<typeof group>["call"] = (id, target, args) => {
      if (name === SPEND) {
        budget.spend(Number(args[0]));
        return true;
      }
      spendOnCall(budget, name, target === undefined ? args : [target, ...args]);
      const result = group?.call(id, target, args);
      if (result === undefined || isCelError(result)) budget.spend(STEPS_OF_AN_ERROR);
      return result;
    };
    return { name, call, [Symbol.iterator]: () => (group === undefined ? [] : [...group])[Symbol.iterator]() };
  };
  const metered = Object.create(funcs, { find: { value: find } }) as typeof funcs;
  return Object.create(environment, { funcs: { value: metered } }) as Environment;
}

function spendOnCall(budget: EvaluationBudget, name: string, args: readonly CelValue[]): void {
  const [first, second] = args;
  switch (name) {
    case "_==_":
    case "_!=_":
    case "@in":
      for (const arg of args) budget.spendOn(arg);
      return;
    case "_+_":
      if (isCelList(first) && isCelList(second)) budget.spend(Math.ceil((first.size + second.size) / ITEMS_PER_STEP));
      break;
    case "matches":
      // Linear in text and pattern, repetition counts written out.
      if (typeof first === "string" && typeof second === "string") {
        const counts = (second.match(/\d+/g) ?? []).reduce((sum, count) => sum + Math.min(1000, Number(count)), 0);
        budget.spend(Math.ceil(((first.length + 1) * (second.length + counts)) / CHARACTERS_PER_STEP));
      }
      break;
    default:
      break;
  }
  budget.spend(args.reduce<number>((sum, arg) => sum + textSteps(arg), 1));
}

/** Makes every round of every macro pay for its parts. Changes the expression. */
export function meterMacros(expr: Expr): void {
  for (const part of partsOf(expr)) meterMacros(part);
  if (expr.exprKind.case !== "comprehensionExpr") return;
  const macro = expr.exprKind.value;
  const steps = 1 + sizeOf(macro.loopCondition) + sizeOf(macro.loopStep);
  const condition = macro.loopCondition;
  if (condition === undefined) return;
  macro.loopCondition = callOf(condition, "_&&_", [callOf(condition, SPEND, [constantOf(condition, BigInt(steps))]), condition]);
}

/** Parts of an expression that a single evaluation looks at; those of macros inside pay for themselves. */
function sizeOf(expr: Expr | undefined): number {
  if (expr === undefined) return 0;
  const { exprKind } = expr;
  if (exprKind.case === "comprehensionExpr") {
    const { iterRange, accuInit, result } = exprKind.value;
    return 1 + sizeOf(iterRange) + sizeOf(accuInit) + sizeOf(result);
  }
  return partsOf(expr).reduce((sum, part) => sum + sizeOf(part), 1);
}

/** The expressions an expression consists of. */
export function partsOf({ exprKind }: Expr): Expr[] {
  const parts = partsOfKind(exprKind);
  return parts.filter((part) => part !== undefined);
}

function partsOfKind(kind: ExprKind): Array<Expr | undefined> {
  switch (kind.case) {
    case "selectExpr":
      return [kind.value.operand];
    case "callExpr":
      return [kind.value.target, ...kind.value.args];
    case "listExpr":
      return kind.value.elements;
    case "structExpr":
      return kind.value.entries.flatMap(({ keyKind, value }) => [keyKind.case === "mapKey" ? keyKind.value : undefined, value]);
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result];
    }
    default:
      return [];
  }
}

type CallOf = Extract<ExprKind, { case: "callExpr" }>["value"];

/** A call, at the place of another expression. */
export function callOf(place: Expr, name: string, args: Expr[]): Expr {
  const value: CallOf = { $typeName: "cel.expr.Expr.Call", function: name, args };
  return { $typeName: place.$typeName, id: place.id, exprKind: { case: "callExpr", value } };
}

function constantOf(place: Expr, value: bigint): Expr {
  const constantKind = { case: "int64Value", value } as const;
  const constant = { $typeName: "cel.expr.Constant", constantKind } as const;
  return { $typeName: place.$typeName, id: place.id, exprKind: { case: "constExpr", value: constant } };
}
