import fc from "fast-check";
import { describe, test } from "vitest";
import {
  findPlaceholders,
  replacePlaceholders,
  substituteInputParameters,
  wholePlaceholder,
} from "../../../src/core/placeholders/text.ts";

const referenceOf = (text: string) => findPlaceholders(text).map(({ reference }) => reference);

describe("findPlaceholders()", () => {
  test.for([
    ["{{$}}", { kind: "executor-input" }],
    ["{{$.inputs.parameters['a']}}", { kind: "input-parameter", name: "a" }],
    ["{{$.inputs.parameters['pipelinechannel--a-Output']}}", { kind: "input-parameter", name: "pipelinechannel--a-Output" }],
    ["{{$.inputs.parameters['it's']}}", { kind: "input-parameter", name: "it's" }],
    ["{{$.outputs.parameters['a'].output_file}}", { kind: "output-parameter-file", name: "a" }],
    ["{{$.inputs.artifacts['a'].path}}", { kind: "artifact", side: "inputs", name: "a", field: "path" }],
    ["{{$.inputs.artifacts['a'].uri}}", { kind: "artifact", side: "inputs", name: "a", field: "uri" }],
    ["{{$.outputs.artifacts['a'].path}}", { kind: "artifact", side: "outputs", name: "a", field: "path" }],
    ["{{$.outputs.artifacts['a'].metadata}}", { kind: "artifact", side: "outputs", name: "a", field: "metadata" }],
    [
      "{{$.inputs.artifacts['a'].metadata['k k']}}",
      { kind: "artifact", side: "inputs", name: "a", field: "metadata", metadataKey: "k k" },
    ],
    ["{{$.inputs.artifacts['a']}}", { kind: "artifact", side: "inputs", name: "a", field: "list" }],
    ["{{$.outputs.output_file}}", { kind: "executor-output-file" }],
    ["{{$.outputMetadataUri}}", { kind: "executor-output-file" }],
    ["{{$.pipeline_job_uuid}}", { kind: "context", name: "pipeline_job_uuid" }],
    ["{{$.workspace_path}}", { kind: "context", name: "workspace_path" }],
    ["{{$.pipeline_root}}", { kind: "context", name: "pipeline_root" }],
  ] as const)("knows %s", ([text, reference], { expect }) => {
    expect(referenceOf(text)).toEqual([reference]);
    expect(wholePlaceholder(text)?.reference).toEqual(reference);
    expect(wholePlaceholder(` ${text}`)).toBeUndefined();
  });

  test.for([
    "{{$.inputs.artifacts['a'].value}}",
    "{{$.inputs.artifacts['a'].name}}",
    "{{$.inputs.artifacts['a'].properties['k']}}",
    "{{$.json_escape[1]}}",
    "{{$.inputs.parameters['a'].json_escape[0]}}",
    "{{$.inputs.parameters['']}}",
    '{{$.inputs.parameters["a"]}}',
    "{{$.outputs.parameters['a']}}",
    "{{$.pipeline_google_cloud_location}}",
    "{{$ .inputs.parameters['a']}}",
    "{{$.pipeline_job_uuid }}",
    "{{$pipeline_job_uuid}}",
    "{{$.constructor}}",
  ])("does not know %s", (text, { expect }) => {
    expect(referenceOf(text)).toEqual([{ kind: "unknown" }]);
  });

  test("finds them anywhere, the innermost one first", ({ expect }) => {
    const text = "a{{$}}b {{$ {{$.pipeline_root}} }} {{{$}}} {{$ {{";
    expect(findPlaceholders(text).map((each) => [each.start, each.end, each.text])).toEqual([
      [1, 6, "{{$}}"],
      [12, 31, "{{$.pipeline_root}}"],
      [36, 41, "{{$}}"],
    ]);
  });

  test("works inside JSON with closing braces of its own", ({ expect }) => {
    expect(referenceOf(`{"a":{"b":"{{$.inputs.parameters['x']}}"}}`)).toEqual([{ kind: "input-parameter", name: "x" }]);
    expect(referenceOf("{\"a\":{{$.inputs.parameters['x']}}}")).toEqual([{ kind: "input-parameter", name: "x" }]);
  });

  test("positions always cut out the placeholder's own text", ({ expect }) => {
    const piece = fc.constantFrom("{{$", "}}", "{", "}", "$", ".inputs.parameters['x']", "a", "{{$}}");
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (text) => {
          let from = 0;
          for (const { start, end, text: found } of findPlaceholders(text)) {
            expect(start).toBeGreaterThanOrEqual(from);
            expect(text.slice(start, end)).toBe(found);
            expect(found).toMatch(/^\{\{\$[^]*\}\}$/);
            from = end;
          }
        },
      ),
    );
  });
});

describe("replacePlaceholders()", () => {
  test("leaves text without placeholders alone", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(!text.includes("{{$"));
        expect(replacePlaceholders(text, () => "x")).toBe(text);
      }),
    );
  });

  test("never looks at what it inserted", ({ expect }) => {
    expect(replacePlaceholders("{{$}}|{{$}}", () => "{{$}}{{$")).toBe("{{$}}{{$|{{$}}{{$");
    expect(replacePlaceholders("{{$}}$1$&{{$.x}}", ({ text }) => (text === "{{$}}" ? "$&" : undefined))).toBe("$&$1$&{{$.x}}");
  });
});

describe("substituteInputParameters()", () => {
  test("replaces known names and nothing else", ({ expect }) => {
    const text = "{{$.inputs.parameters['a']}}-{{$.inputs.parameters['b']}}-{{$}}-{{$.workspace_path}}";
    expect(substituteInputParameters(text, (name) => (name === "a" ? "1" : undefined))).toBe(
      "1-{{$.inputs.parameters['b']}}-{{$}}-{{$.workspace_path}}",
    );
  });
});
