import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import {
  adviceForLargeArguments,
  describeCommandLine,
  findOversizedArgument,
  findZeroByte,
} from "../../../src/core/executor/argument-size.ts";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";

describe("findOversizedArgument()", () => {
  test("counts bytes, not characters, and the limit itself fits", ({ expect }) => {
    expect(findOversizedArgument(["sh", "x".repeat(10), "é".repeat(5)], 10)).toBeUndefined();
    expect(findOversizedArgument(["sh", "é".repeat(6)], 10)).toBe(
      "argument 1 has 12 bytes, and the system takes at most 10 in one argument",
    );
  });

  test.for([
    [["sh", "-c", "x".repeat(20)], "argument 2 (the value of -c) has"],
    [["python", "--executor_input", "x".repeat(20)], "argument 2 (the value of --executor_input) has"],
    [["python", `--text=${"x".repeat(20)}`], "argument 1 (the value of --text) has"],
    [["x".repeat(20)], "the name of the program has"],
    [["sh", "a", "b c", "-1", "x".repeat(20)], "argument 4 has"],
  ] as const)("names the argument of %j", ([argv, words], { expect }) => {
    expect(findOversizedArgument(argv, 17)?.startsWith(words)).toBe(true);
  });

  test("finds nothing where there is no limit", ({ expect }) => {
    expect(findOversizedArgument(["sh", "x".repeat(1_000_000)], undefined)).toBeUndefined();
  });
});

describe("findZeroByte()", () => {
  test.for([
    [["sh", "-c", "a\0secret"], {}, /^argument 2 \(the value of -c\) holds a zero byte/],
    [["s\0h"], {}, /^the name of the program holds a zero byte/],
    [["sh"], { A: "", TOKEN: "secret\0" }, /^environment variable TOKEN holds a zero byte/],
  ] as const)("names the place of %j, not the value", ([argv, environment, words], { expect }) => {
    expect(findZeroByte(argv, environment)).toMatch(words);
    expect(findZeroByte(argv, environment)).not.toContain("secret");
  });

  test("finds nothing in text", ({ expect }) => {
    expect(findZeroByte(["sh", "", "\u0001"], { A: "x" })).toBeUndefined();
  });
});

test("describeCommandLine() says how much it is in all and what is largest", ({ expect }) => {
  expect(describeCommandLine(["sh", "--a", "xxxx"], { NAME: "value", B: "" })).toBe(
    "arguments and environment have 19 bytes together, more than the system takes; " +
      "the largest are argument 2 (the value of --a) with 4 bytes and variable NAME with 5 bytes",
  );
});

test("adviceForLargeArguments() names the largest input parameter", ({ expect }) => {
  const parameterValues = { a: jsonToValue("x"), text: jsonToValue(["é"]) };
  expect(adviceForLargeArguments(create(ExecutorInputSchema, { inputs: { parameterValues } }))).toBe(
    'input parameter "text" alone has 6 bytes; hand large data over as an artifact instead of a parameter',
  );
  expect(adviceForLargeArguments()).toBe("hand large data over as an artifact instead of a parameter");
});
