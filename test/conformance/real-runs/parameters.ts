/** What the pipelines of parameters.py come to. @module */
import { gives, prints, type RealRun } from "./real-run.ts";

export const parameters: readonly RealRun[] = [
  {
    pipeline: "parameters_constants",
    // An empty text is an empty argument: echo still puts a space after it. 1e-7 is written without exponent.
    tasks: {
      "take-every-type": prints(" 0 0 false [] {}"),
      "take-every-type-2": prints('a b -7 0.0000001 true [1,2] {"a":2,"z":1}'),
    },
  },
  {
    pipeline: "parameters_of_the_pipeline",
    parameters: { text: "given text", number: -42, fraction: 0.125, flag: true, items: [5, 6], fields: { k: 7 } },
    tasks: { "take-every-type": prints('given text -42 0.125 true [5,6] {"k":7}') },
  },
  {
    pipeline: "parameters_of_the_pipeline",
    variant: "without values",
    refusal: { reason: "values", says: /"text" \(STRING\) is required/ },
  },
  {
    pipeline: "parameters_pipeline_defaults",
    tasks: { "take-every-type": prints('größe 9007199254740991 1234567.5 false [3,1,2] {"b":1}') },
  },
  {
    pipeline: "parameters_component_defaults",
    tasks: {
      "take-every-type-in-python": prints("text 3 0.25 True [1, 'two', [3]] {'a': {'b': [1.5, 'x']}}"),
      "take-every-type-in-python-2": prints("other 3 0.25 True [] {'a': {'b': [1.5, 'x']}}"),
    },
  },
  {
    pipeline: "parameters_optional",
    // The text of the pipeline has no value, its number has a default.
    tasks: { "take-optional": prints("begin --no-number"), "take-optional-2": prints("begin --number 4 --flag true") },
  },
  {
    pipeline: "parameters_optional",
    variant: "all given",
    parameters: { text: "", number: 0 },
    tasks: {
      "take-optional": prints("begin --no-number"),
      "take-optional-2": prints("begin --text  --number 0 --flag true"),
    },
  },
  {
    pipeline: "parameters_of_tasks",
    tasks: {
      "make-every-type": {
        parameters: { text: "text", number: 1, fraction: 0.5, flag: true, items: ["a"], fields: { a: "1" } },
      },
      "take-every-type-in-python": prints("text 1 0.5 True ['a'] {'a': '1'}"),
      "make-text": gives({ text: "s" }),
      say: prints("s"),
      "make-number": gives({ number: 1 }),
      count: prints("1"),
      "make-list": gives({ items: ["a", "b"] }),
      "show-list": prints('["a","b"]'),
      "make-struct": gives({ fields: { a: "1" } }),
      "show-struct": prints('{"a":"1"}'),
    },
  },
  {
    pipeline: "parameters_inside_text",
    tasks: {
      "make-text": gives({ text: "seed of world" }),
      say: prints("hello world, 2 times: seed of world!"),
    },
  },
  {
    pipeline: "parameters_inside_structures",
    // A key that holds a parameter is no place where the SDK puts placeholders: it keeps its mark of the channel.
    tasks: {
      "make-text": gives({ text: "s" }),
      "show-list": prints('["world","literal","2 of world","s"]'),
      "show-struct": prints('{"key {{channel:task=;name=name;type=String;}}":"literal","made":"s","name":"world"}'),
    },
  },
  {
    pipeline: "parameters_special_characters",
    tasks: {
      say: prints("quotes \" and ' and \\ and $HOME and $(NAME) and $$ and {} and {{x}}"),
      "say-2": prints("lines\nand\ttabs\u2028 and \u{1F600} and <b>&amp;</b>"),
      "say-3": prints("{{workflow.name}} and {{=1+1}}"),
    },
  },
  {
    pipeline: "parameters_facts_of_the_run",
    tasks: {
      say: prints(/^parameters-facts-of-the-run \d{4}-\d\d-\d\d \d\d-\d\d-\d\d$/),
      "say-2": prints(/^parameters-facts-of-the-run-[0-9a-f]{5}$/),
      "say-3": prints(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      "say-4": prints("say-4"),
      "say-5": prints(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      "say-6": prints(/^parameters-facts-of-the-run \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\/say-6$/),
    },
  },
  {
    pipeline: "parameters_as_pipeline_outputs",
    parameters: { text: "given" },
    tasks: { "make-text": gives({ text: "given" }), "make-number": gives({ number: 1 }) },
    outputs: { parameters: { made: "given", number: 1 } },
  },
];
