/** A value on its whole way: spec, row on the wire, consumer, executor input, launcher, program. */
import { fromBinary, toBinary, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildExecutorInputs, executorInputJson } from "../../src/core/executor/executor-input.ts";
import { ExecutorInputSchema, PipelineTaskSchema } from "../../src/core/kfp-types.ts";
import { resolveDriverArguments, resolveLauncherArguments } from "../../src/core/placeholders/placeholders.ts";
import { parseLenient } from "../../src/core/protojson/protojson.ts";
import { textOfValue, jsonToValue, type JsonValue } from "../../src/core/values/value.ts";
import { expandReferences } from "../../src/local/engine/pod-command.ts";
import { JOB, resolve, type Case } from "./resolving.ts";
import { IoType, parameter, row } from "./rows.ts";

const run = { ...JOB, taskName: "train", taskId: "t-1" };
const ref = (name: string): string => `{{$.inputs.parameters['${name}']}}`;

/** What could be taken for something else on the way. */
const piece = fc.constantFrom(
  ...[ref("v"), ref("secret"), ref("pipelinechannel--v"), "{{$}}", "{{$.pipeline_job_uuid}}", "{{$.outputs.output_file}}"],
  ...[
    "{{$",
    "}}",
    "{{",
    "$(NAMESPACE)",
    "$$",
    "$",
    "\\u0024",
    '"',
    "\\",
    "\n",
    "'",
    '{"Concat": ["a"]}',
    "\u2028",
    "<>&",
    "\u{1f600}",
  ],
);
const text = fc.oneof(
  fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "grapheme" }),
);
const leaf = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(text, tie("json"), { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
  ),
}));

/** What the program of `train` gets for `v`: as an argument, and in the executor input. */
async function arrives(given: Case): Promise<{ argument: string | undefined; value: JsonValue | undefined }> {
  const inputs = buildExecutorInputs(await resolve(given));
  const elements = [ref("v"), `<${ref("v")}>`, "{{$}}"];
  const inPod = resolveDriverArguments(elements, inputs).map((element) => expandReferences(element, { NAMESPACE: "ns" }));
  const flag = expandReferences(executorInputJson(inputs, { escapeDollar: true }), { NAMESPACE: "ns" });
  const { message: executorInput } = parseLenient(ExecutorInputSchema, flag, { what: "--executor_input" });
  const [argument, wrapped, whole = ""] = resolveLauncherArguments(inPod, { executorInput, run });
  expect(wrapped).toBe(`<${argument ?? ""}>`);
  const printed = JSON.parse(whole) as { inputs?: { parameterValues?: Record<string, JsonValue> } };
  return { argument, value: printed.inputs?.parameterValues?.["v"] };
}

const stored = (value: JsonValue): ReturnType<typeof parameter>[] => {
  const root = row("root", {
    inputs: [parameter("given", value, IoType.RUNTIME_VALUE_INPUT), parameter("secret", "S3CRET", IoType.RUNTIME_VALUE_INPUT)],
  });
  return fromBinary(PipelineTaskSchema, toBinary(PipelineTaskSchema, root)).inputs?.parameters ?? [];
};
const isMinusZeroFree = (value: JsonValue): boolean =>
  !JSON.stringify([value], (_, member: unknown) => (Object.is(member, -0) ? "-0!" : member)).includes("-0!");

describe("a value arrives unchanged, whatever it contains", () => {
  test("from the parameters of the run", async () => {
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        fc.pre(value !== null && isMinusZeroFree(value));
        const parameters = { v: { componentInputParameter: "given" }, secret: { componentInputParameter: "secret" } };
        const arrived = await arrives({ task: { inputs: { parameters } }, parent: { inputs: stored(value) } });
        expect(arrived.value).toEqual(value);
        expect(arrived.argument).toBe(textOfValue(jsonToValue(value)));
      }),
      { numRuns: 300 },
    );
  });

  test("put into a constant, its text (LAU-38)", async () => {
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        const channel = "{{$.inputs.parameters['pipelinechannel--v']}}";
        const parameters = {
          v: { runtimeValue: { constant: { list: [`a ${channel}`, { k: channel }] } } },
          "pipelinechannel--v": { componentInputParameter: "given" },
          secret: { componentInputParameter: "secret" },
        };
        const arrived = await arrives({ task: { inputs: { parameters } }, parent: { inputs: stored(value) } });
        expect(arrived.value).toEqual({ list: [`a ${value}`, { k: value }] });
      }),
      { numRuns: 300 },
    );
  });
});
