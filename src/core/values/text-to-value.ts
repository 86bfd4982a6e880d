/**
 * Output parameter files to values: the text a component wrote, read as the type its spec declares.
 *
 * Numbers and booleans follow Go's strconv, which is stricter than JavaScript in some places and more generous in others.
 *
 * Source: docs/spec/outputs.md#output-parameters.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { UserCodeError } from "../errors.ts";
import { parseGoFloat } from "../go/float.ts";
import { parseDecimalInteger, parseGoBool } from "../go/number.ts";
import { jsonPathText, parseJsonText } from "./json-text.ts";
import { ParameterType } from "../kfp-types.ts";
import { trimGoSpace } from "../go/unicode.ts";
import { isUnsafeInteger, jsonToValue, UNSAFE_INTEGER, VALUE_TOO_DEEP, valueProblem } from "./value.ts";
import type { Value } from "./value.ts";

/**
 * Reads the text of an output parameter.
 *
 * NUMBER_DOUBLE accepts `nan` and `inf` as the reference does; such a value has no JSON form and cannot be stored, so it fails later.
 *
 * @param what For the message; should name the parameter and the file.
 * @throws {UserCodeError} OUTPUT_PARAMETER_INVALID, without the text.
 */
export function textToValue(text: string, type: ParameterType, what = "the output parameter"): Value {
  const refuse = (reason: string): UserCodeError => {
    return new UserCodeError("OUTPUT_PARAMETER_INVALID", `Cannot read ${what} as ${ParameterType[type] ?? type}: ${reason}`);
  };
  switch (type) {
    case ParameterType.STRING:
      return jsonToValue(text);
    case ParameterType.NUMBER_INTEGER: {
      const integer = parseDecimalInteger(trimGoSpace(text));
      if (integer === "parse error") throw refuse("the text is not a decimal integer");
      if (integer === "value out of range") throw refuse("the integer does not fit into 64 bits");
      if (isUnsafeInteger(Number(integer))) throw refuse(`it is ${UNSAFE_INTEGER}`);
      return jsonToValue(Number(integer));
    }
    case ParameterType.NUMBER_DOUBLE: {
      const number = parseGoFloat(trimGoSpace(text));
      if (typeof number === "string") throw refuse(number);
      return create(ValueSchema, { kind: { case: "numberValue", value: number } });
    }
    case ParameterType.BOOLEAN: {
      const flag = parseGoBool(trimGoSpace(text));
      if (flag === undefined) throw refuse("the text is neither true nor false");
      return jsonToValue(flag);
    }
    case ParameterType.LIST:
    case ParameterType.STRUCT: {
      const wanted = type === ParameterType.LIST ? "array" : "object";
      const parsed = parseJsonText(text, { repeatedKeys: "keep-last", tooDeep: VALUE_TOO_DEEP });
      if ("problem" in parsed) throw refuse(parsed.problem);
      const json = parsed.value;
      if (json === null || typeof json !== "object" || Array.isArray(json) !== (wanted === "array")) {
        throw refuse(`the text is JSON, but not an ${wanted}`);
      }
      const problem = valueProblem(json);
      if (problem !== undefined) throw refuse(problem);
      const [rounded] = parsed.roundedIntegers;
      if (rounded !== undefined) throw refuse(`member ${jsonPathText(rounded)} is ${UNSAFE_INTEGER}`);
      return jsonToValue(json);
    }
    case ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED:
    case ParameterType.TASK_FINAL_STATUS:
    case ParameterType.TASK_CONFIG:
      throw refuse("a component cannot write an output parameter of this type");
    default:
      throw refuse("this version does not know the type");
  }
}
