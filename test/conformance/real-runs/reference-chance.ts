/** What the reference's pipelines with random numbers and coins come to, whatever falls. @module */
import { OK, prints, returns, SKIPPED, type OutputOf, type RealRun, type TaskExpected, type TasksExpected } from "./real-run.ts";

/** One of two branches by a coin. */
const COIN = /^(heads|tails)$/;

export const referenceChance: readonly RealRun[] = [
  {
    pipeline: "if_else_with_oneof_parameters",
    tasks: (outputOf) => {
      const { coin, isHeads } = flipped(outputOf, "flip-coin");
      const text = isHeads ? "Got heads!" : "Got tails!";
      const [taken, left] = isHeads ? ["condition-2", "condition-3"] : ["condition-3", "condition-2"];
      const step = isHeads ? "print-and-return" : "print-and-return-2";
      return {
        "flip-coin": returns(coin),
        "condition-branches-1": OK,
        [`condition-branches-1.${taken}`]: OK,
        [`condition-branches-1.${taken}.${step}`]: { ...prints(text), ...returns(text) },
        [`condition-branches-1.${left}`]: SKIPPED,
        "print-and-return-3": { ...prints(text), ...returns(text) },
      };
    },
    outputs: (outputOf) => ({
      parameters: { Output: flipped(outputOf, "flip-coin").isHeads ? "Got heads!" : "Got tails!" },
    }),
  },
  {
    pipeline: "if_else_with_oneof_artifacts",
    tasks: (outputOf) => {
      const { coin, isHeads } = flipped(outputOf, "flip-coin-pipeline.flip-coin");
      const [taken, left] = isHeads ? ["condition-2", "condition-3"] : ["condition-3", "condition-2"];
      const step = isHeads ? "param-to-artifact" : "param-to-artifact-2";
      const artifact = { type: "Artifact", content: coin };
      return {
        "flip-coin-pipeline": { artifacts: { Output: artifact } },
        "flip-coin-pipeline.flip-coin": returns(coin),
        "flip-coin-pipeline.condition-branches-1": OK,
        [`flip-coin-pipeline.condition-branches-1.${taken}`]: OK,
        [`flip-coin-pipeline.condition-branches-1.${taken}.${step}`]: { artifacts: { a: artifact } },
        [`flip-coin-pipeline.condition-branches-1.${left}`]: SKIPPED,
        "flip-coin-pipeline.print-artifact": prints(coin),
        "print-artifact": prints(coin),
      };
    },
  },
  {
    pipeline: "pipeline_with_condition",
    tasks: (outputOf) => {
      const { coin, isHeads } = flipped(outputOf, "flip-coin-op");
      const first = { "flip-coin-op": returns(coin), "print-op": prints(coin) };
      if (!isHeads) return { ...first, "condition-1": SKIPPED };
      const second = flipped(outputOf, "condition-1.flip-coin-op-2").coin;
      return {
        ...first,
        "condition-1": OK,
        "condition-1.flip-coin-op-2": returns(second),
        "condition-1.print-op-2": prints(second),
        "condition-1.print-op-3": prints("condition test"),
      };
    },
  },
  {
    pipeline: "pipeline_with_nested_conditions_yaml",
    tasks: (outputOf) => {
      const { coin, isHeads } = flipped(outputOf, "flip-coin", "output");
      const [taken, left] = isHeads ? ["condition-1", "condition-4"] : ["condition-4", "condition-1"];
      const [high, low] = isHeads ? ["condition-2", "condition-3"] : ["condition-5", "condition-6"];
      const [sayHigh, sayLow] = isHeads ? ["print", "print-2"] : ["print-3", "print-4"];
      const generate = `${taken}.generate-random-number${isHeads ? "" : "-2"}`;
      const number = outputOf(generate, "output") as number;
      // 0 to 9 for heads, 10 to 19 for tails.
      const limit = isHeads ? 5 : 15;
      const isHigh = number > limit;
      return {
        "flip-coin": { prints: coin, parameters: { output: coin } },
        [taken]: OK,
        [generate]: { prints: String(number), parameters: { output: number } },
        [`${taken}.${high}`]: isHigh ? OK : SKIPPED,
        [`${taken}.${low}`]: isHigh ? SKIPPED : OK,
        ...(isHigh
          ? { [`${taken}.${high}.${sayHigh}`]: prints(`${coin} and ${number} > ${limit}!`) }
          : { [`${taken}.${low}.${sayLow}`]: prints(`${coin} and ${number} <= ${limit}!`) }),
        [left]: SKIPPED,
      };
    },
  },
  {
    pipeline: "if_elif_else_complex",
    tasks: (outputOf) => {
      const numbers = [0, 1, 2].map((index) => outputOf(`for-loop-1.int-0-to-9999[${index}]`) as number);
      return {
        "for-loop-1": OK,
        ...Object.assign({}, ...numbers.map((number, index) => drawn(number, index))),
        "print-ints": prints(`[${numbers.join(", ")}]`),
      };
    },
  },
  {
    pipeline: "pipeline_with_loops_and_conditions",
    tasks: (outputOf) => {
      const { coin, isHeads } = flipped(outputOf, "flip-coin-op");
      return {
        "args-generator-op": returns(ARGUMENTS),
        "flip-coin-op": returns(coin),
        "condition-1": OK,
        "condition-1.args-generator-op-2": returns(ARGUMENTS),
        "condition-1.for-loop-2": OK,
        ...Object.assign({}, ...[0, 1].map((index) => argument(index, isHeads))),
        "for-loop-14": OK,
        "for-loop-14.condition-15[0]": OK,
        "for-loop-14.condition-15.for-loop-16[0]": OK,
        "for-loop-14.condition-15.for-loop-16.print-text-9[0,0]": shows("A"),
        "for-loop-14.condition-15.for-loop-16.print-text-9[0,1]": shows("B"),
        "for-loop-14.condition-15[1]": SKIPPED,
      };
    },
  },
];

const ARGUMENTS = [
  { A_a: "1", B_b: ["2", "20"] },
  { A_a: "10", B_b: ["22", "222"] },
];

/** A list or dict that a STRING input takes comes as its JSON. */
const shows = (text: string, text2 = "None"): TaskExpected => prints(`msg: ${text}, msg2: ${text2}`);

/** The tasks of pipeline_with_loops_and_conditions for one of the two arguments; neither has "heads" or "tails" in A_a. */
function argument(index: number, isHeads: boolean): TasksExpected {
  const { B_b: numbers } = ARGUMENTS[index] ?? { B_b: [] };
  const loop = "condition-1.for-loop-2";
  const items = ['{"A_a":"heads","B_b":["A","B"]}', '{"A_a":"tails","B_b":["X","Y","Z"]}'];
  return {
    [`${loop}.print-text[${index}]`]: shows("hello"),
    [`${loop}.condition-3[${index}]`]: SKIPPED,
    [`${loop}.condition-4[${index}]`]: isHeads ? OK : SKIPPED,
    ...(isHeads ? { [`${loop}.condition-4.print-text-3[${index}]`]: shows(JSON.stringify(numbers)) } : {}),
    [`${loop}.condition-5[${index}]`]: SKIPPED,
    [`${loop}.for-loop-8[${index}]`]: OK,
    ...Object.fromEntries(numbers.map((number, at) => [`${loop}.for-loop-8.print-text-4[${index},${at}]`, shows(number)])),
    [`${loop}.for-loop-9[${index}]`]: OK,
    ...Object.assign(
      {},
      ...items.map((item, at) => ({
        [`${loop}.for-loop-9.print-text-5[${index},${at}]`]: shows(item),
        [`${loop}.for-loop-9.for-loop-10[${index},${at}]`]: OK,
        [`${loop}.for-loop-9.for-loop-10.print-text-6[${index},${at},0]`]: shows(item, "1"),
        [`${loop}.for-loop-9.for-loop-10.print-text-6[${index},${at},1]`]: shows(item, "10"),
      })),
    ),
    [`${loop}.for-loop-12[${index}]`]: OK,
    [`${loop}.for-loop-12.print-text-7[${index},0]`]: shows("1"),
    [`${loop}.for-loop-12.condition-13[${index},0]`]: OK,
    [`${loop}.for-loop-12.condition-13.print-text-8[${index},0]`]: shows("1"),
    [`${loop}.for-loop-12.print-text-7[${index},1]`]: shows("2"),
    [`${loop}.for-loop-12.condition-13[${index},1]`]: SKIPPED,
  };
}

/** The tasks of one trial that has drawn a number. */
function drawn(number: number, index: number): TasksExpected {
  const at = (label: string): string => `for-loop-1.${label}[${index}]`;
  const branch = number < 5000 ? "condition-8" : number > 5000 ? "condition-9" : "condition-13";
  const others = ["condition-8", "condition-9", "condition-13"].filter((name) => name !== branch);
  const inside = `condition-branches-4.${branch}`;
  return {
    [at("int-0-to-9999")]: returns(number),
    // Of the trials 1, 2 and 3 the last; a condition in which everything is skipped is skipped.
    [at("condition-2")]: index === 2 ? OK : SKIPPED,
    [at("condition-2.condition-3")]: index === 2 ? OK : SKIPPED,
    ...(index === 2 ? { [at("condition-2.condition-3.print-and-return")]: returns("Adding drumroll on last trial!") } : {}),
    [at("condition-branches-4")]: OK,
    [at(inside)]: OK,
    ...Object.fromEntries(others.map((name) => [at(`condition-branches-4.${name}`), SKIPPED])),
    ...(branch === "condition-13" ? lucky(at, index) : parity(at, number)),
  };
}

function parity(at: (label: string) => string, number: number): TasksExpected {
  const [level, branch, choice, even, odd, steps, is, last] =
    number < 5000
      ? (["low", "condition-8", "condition-branches-5", "condition-6", "condition-7", ["2", "3"], "", "4"] as const)
      : (["high", "condition-9", "condition-branches-10", "condition-11", "condition-12", ["5", "6"], "-2", "7"] as const);
  const inside = `condition-branches-4.${branch}`;
  const isOdd = number % 2 === 1;
  const word = isOdd ? "odd" : "even";
  const text = `Got a ${level} ${word} number!`;
  const [taken, left] = isOdd ? [odd, even] : [even, odd];
  return {
    [at(`${inside}.is-even-or-odd${is}`)]: returns(word),
    [at(`${inside}.${choice}`)]: OK,
    [at(`${inside}.${choice}.${taken}`)]: OK,
    [at(`${inside}.${choice}.${left}`)]: SKIPPED,
    [at(`${inside}.${choice}.${taken}.print-and-return-${steps[isOdd ? 1 : 0]}`)]: { ...prints(text), ...returns(text) },
    [at(`${inside}.print-and-return-${last}`)]: { ...prints(text), ...returns(text) },
  };
}

function lucky(at: (label: string) => string, index: number): TasksExpected {
  const inside = "condition-branches-4.condition-13";
  const again = "Announcing again: Got the lucky number 5000! A one in 10,000 chance.";
  const loop = `for-loop-1.${inside}.condition-14.for-loop-16`;
  return {
    [at(`${inside}.print-and-return-8`)]: returns("Announcing: Got the lucky number 5000! A one in 10,000 chance."),
    [at(`${inside}.condition-14`)]: OK,
    [at(`${inside}.condition-14.for-loop-16`)]: OK,
    [`${loop}.print-and-return-9[${index},0]`]: returns(again),
    [`${loop}.print-and-return-9[${index},1]`]: returns(again),
  };
}

function flipped(outputOf: OutputOf, label: string, key?: string): { readonly coin: string; readonly isHeads: boolean } {
  const coin = outputOf(label, key);
  if (typeof coin !== "string" || !COIN.test(coin)) return { coin: "heads or tails", isHeads: true };
  return { coin, isHeads: coin === "heads" };
}
