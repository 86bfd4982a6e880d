/**
 * Signatures of CEL's standard functions, for the static check. Operators that take any type are in the check itself.
 *
 * Source: the CEL language definition, "List of Standard Definitions"; `parseJson` from docs/spec/expressions.md.
 *
 * @module
 */

/** One signature of a function or operator, types by their names. */
export interface Overload {
  readonly parameters: readonly string[];
  readonly result: string;
}

const ORDERED = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const COMPARISONS = ORDERED.map((kind) => `${kind},${kind}:bool`).join(" ");
const ARITHMETIC = "int,int:int uint,uint:uint double,double:double";
const TIME_PARTS = "timestamp:int timestamp,string:int";

// Per function its overloads as `parameter,parameter:result`. A leading dot marks a method; its first parameter is the receiver.
const SIGNATURES: Readonly<Record<string, string>> = {
  "!_": "bool:bool",
  "-_": "int:int double:double",
  "_<_": COMPARISONS,
  "_<=_": COMPARISONS,
  "_>_": COMPARISONS,
  "_>=_": COMPARISONS,
  "_+_":
    `${ARITHMETIC} string,string:string bytes,bytes:bytes list,list:list ` +
    "timestamp,duration:timestamp duration,timestamp:timestamp duration,duration:duration",
  "_-_": `${ARITHMETIC} timestamp,timestamp:duration timestamp,duration:timestamp duration,duration:duration`,
  "_*_": ARITHMETIC,
  "_/_": ARITHMETIC,
  "_%_": "int,int:int uint,uint:uint",
  size: "string:int bytes:int list:int map:int",
  ".size": "string:int bytes:int list:int map:int",
  ".contains": "string,string:bool",
  ".startsWith": "string,string:bool",
  ".endsWith": "string,string:bool",
  ".matches": "string,string:bool",
  matches: "string,string:bool",
  int: "int:int uint:int double:int string:int timestamp:int duration:int",
  uint: "uint:uint int:uint double:uint string:uint",
  double: "double:double int:double uint:double string:double",
  bool: "bool:bool string:bool",
  string: "string:string bool:string int:string uint:string double:string bytes:string timestamp:string duration:string",
  bytes: "bytes:bytes string:bytes",
  timestamp: "timestamp:timestamp string:timestamp int:timestamp",
  duration: "duration:duration string:duration",
  ".getFullYear": TIME_PARTS,
  ".getMonth": TIME_PARTS,
  ".getDate": TIME_PARTS,
  ".getDayOfMonth": TIME_PARTS,
  ".getDayOfWeek": TIME_PARTS,
  ".getDayOfYear": TIME_PARTS,
  ".getHours": `${TIME_PARTS} duration:int`,
  ".getMinutes": `${TIME_PARTS} duration:int`,
  ".getSeconds": `${TIME_PARTS} duration:int`,
  ".getMilliseconds": `${TIME_PARTS} duration:int`,
  parseJson: "string:dyn",
};

/** Signatures of CEL's standard functions and operators, by name. */
export const OVERLOADS: ReadonlyMap<string, readonly Overload[]> = new Map(
  Object.entries(SIGNATURES).map(([name, signatures]) => [
    name,
    signatures.split(" ").map((signature) => {
      const [parameters = "", result = ""] = signature.split(":");
      return { parameters: parameters.split(","), result };
    }),
  ]),
);
