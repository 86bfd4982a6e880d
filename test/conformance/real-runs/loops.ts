/** What the pipelines of loops.py come to. @module */
import { gives, OK, prints, SKIPPED, writes, type ArtifactExpected, type RealRun } from "./real-run.ts";

const datasets = (...contents: string[]): ArtifactExpected[] => contents.map((content) => ({ content }));

export const loops: readonly RealRun[] = [
  {
    pipeline: "loop_over_constants",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.say[0]": prints("a"),
      "for-loop-2.say[1]": prints("b"),
      "for-loop-2.say[2]": prints("c"),
      "for-loop-4": OK,
      "for-loop-4.say-2[0]": prints("number 1.5"),
      "for-loop-4.say-2[1]": prints("number 2.5"),
    },
  },
  {
    pipeline: "loop_over_a_parameter",
    parameters: { names: ["x", "y", "z"] },
    tasks: {
      "for-loop-1": OK,
      "for-loop-1.say[0]": prints("x"),
      "for-loop-1.say[1]": prints("y"),
      "for-loop-1.say[2]": prints("z"),
    },
  },
  {
    pipeline: "loop_over_an_output",
    tasks: {
      "make-list": gives({ items: ["a", "b"] }),
      "for-loop-1": OK,
      "for-loop-1.say[0]": prints("item a of the list"),
      "for-loop-1.say[1]": prints("item b of the list"),
    },
  },
  {
    pipeline: "loop_over_nothing",
    tasks: { "for-loop-1": SKIPPED, "show-list": prints("[]") },
  },
  {
    pipeline: "loop_over_nothing",
    variant: "two items",
    parameters: { names: ["a", "b"] },
    tasks: {
      "for-loop-1": OK,
      "for-loop-1.make-text[0]": gives({ text: "a" }),
      "for-loop-1.make-text[1]": gives({ text: "b" }),
      "show-list": prints('["a","b"]'),
    },
  },
  {
    pipeline: "loop_over_members",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.say-both[0]": prints("a 1"),
      "for-loop-2.say-both[1]": prints("b 2"),
      "for-loop-3": OK,
      "for-loop-3.say[0]": prints("c"),
      "make-structs": { parameters: { Output: [{ who: "a", size: "1" }] } },
      "for-loop-4": OK,
      "for-loop-4.say-2[0]": prints("a"),
    },
  },
  {
    pipeline: "loop_nested",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.make-text[0]": gives({ text: "a" }),
      "for-loop-2.for-loop-4[0]": OK,
      "for-loop-2.for-loop-4.say-three[0,0]": prints("a 1 a"),
      "for-loop-2.for-loop-4.say-three[0,1]": prints("a 2 a"),
      "for-loop-2.make-text[1]": gives({ text: "b" }),
      "for-loop-2.for-loop-4[1]": OK,
      "for-loop-2.for-loop-4.say-three[1,0]": prints("b 1 b"),
      "for-loop-2.for-loop-4.say-three[1,1]": prints("b 2 b"),
    },
  },
  {
    pipeline: "loop_over_a_list_of_lists",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.for-loop-3[0]": OK,
      "for-loop-2.for-loop-3.say[0,0]": prints("a"),
      "for-loop-2.for-loop-3.say[0,1]": prints("b"),
      "for-loop-2.for-loop-3[1]": OK,
      "for-loop-2.for-loop-3.say[1,0]": prints("c"),
    },
  },
  {
    pipeline: "loop_with_parallelism",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.count[0]": prints("1"),
      "for-loop-2.count[1]": prints("2"),
      "for-loop-2.count[2]": prints("3"),
      "for-loop-2.count[3]": prints("4"),
    },
  },
  {
    pipeline: "loop_collected_parameters",
    tasks: {
      "for-loop-2": { parameters: { "pipelinechannel--make-number-number": [1, 2, 3] } },
      "for-loop-2.make-number[0]": gives({ number: 1 }),
      "for-loop-2.make-number[1]": gives({ number: 2 }),
      "for-loop-2.make-number[2]": gives({ number: 3 }),
      "show-numbers": prints("[1,2,3]"),
    },
    outputs: { parameters: { Output: [1, 2, 3] } },
  },
  {
    pipeline: "loop_collected_artifacts",
    tasks: {
      "for-loop-2": {
        artifacts: {
          "pipelinechannel--make-dataset-data": datasets("a", "b"),
          "pipelinechannel--convert-dataset-data": datasets("a", "b"),
        },
      },
      "for-loop-2.make-dataset[0]": writes("data", "a"),
      "for-loop-2.make-dataset[1]": writes("data", "b"),
      "for-loop-2.convert-dataset[0]": writes("data", "a"),
      "for-loop-2.convert-dataset[1]": writes("data", "b"),
      "read-datasets": prints(/^\['[^']*\/convert-dataset\/[^']*', '[^']*\/convert-dataset\/[^']*'\]$/m),
    },
    outputs: { artifacts: { Output: datasets("a", "b") } },
  },
  {
    pipeline: "loop_collected_nested_parameters",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.for-loop-4[0]": { parameters: { "pipelinechannel--join-text": ["a1", "a2"] } },
      "for-loop-2.for-loop-4.join[0,0]": gives({ text: "a1" }),
      "for-loop-2.for-loop-4.join[0,1]": gives({ text: "a2" }),
      "for-loop-2.show-list[0]": prints('["a1","a2"]'),
      "for-loop-2.for-loop-4[1]": { parameters: { "pipelinechannel--join-text": ["b1", "b2"] } },
      "for-loop-2.for-loop-4.join[1,0]": gives({ text: "b1" }),
      "for-loop-2.for-loop-4.join[1,1]": gives({ text: "b2" }),
      "for-loop-2.show-list[1]": prints('["b1","b2"]'),
      "show-lists": prints("[['a1', 'a2'], ['b1', 'b2']]"),
    },
  },
  {
    pipeline: "loop_collected_nested_artifacts",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.for-loop-4[0]": { artifacts: { "pipelinechannel--join-as-dataset-data": datasets("a1", "a2") } },
      "for-loop-2.for-loop-4.join-as-dataset[0,0]": writes("data", "a1"),
      "for-loop-2.for-loop-4.join-as-dataset[0,1]": writes("data", "a2"),
      "for-loop-2.for-loop-4[1]": { artifacts: { "pipelinechannel--join-as-dataset-data": datasets("b1", "b2") } },
      "for-loop-2.for-loop-4.join-as-dataset[1,0]": writes("data", "b1"),
      "for-loop-2.for-loop-4.join-as-dataset[1,1]": writes("data", "b2"),
      // Artifacts of nested loops are one flat list.
      "read-datasets": prints(/^\[('[^']*\/join-as-dataset\/[^']*'(, )?){4}\]$/m),
    },
  },
  {
    pipeline: "loop_over_artifacts",
    tasks: {
      "make-datasets": { artifacts: { Output: datasets("a", "b") } },
      "make-datasets.for-loop-2": OK,
      "make-datasets.for-loop-2.make-dataset[0]": writes("data", "a"),
      "make-datasets.for-loop-2.make-dataset[1]": writes("data", "b"),
      "for-loop-1": OK,
      "for-loop-1.read-dataset[0]": prints("a"),
      "for-loop-1.read-dataset[1]": prints("b"),
    },
  },
  {
    pipeline: "loop_in_a_condition",
    tasks: {
      "condition-1": OK,
      "condition-1.for-loop-3": OK,
      "condition-1.for-loop-3.say[0]": prints("a"),
      "condition-1.for-loop-3.say[1]": prints("b"),
    },
  },
  {
    pipeline: "loop_of_pipelines",
    tasks: {
      "for-loop-2": { parameters: { "pipelinechannel--one-item-Output": ["a", "b"] } },
      "for-loop-2.one-item[0]": { parameters: { Output: "a" } },
      "for-loop-2.one-item.make-text[0]": gives({ text: "a" }),
      "for-loop-2.one-item.say[0]": prints("a"),
      "for-loop-2.one-item[1]": { parameters: { Output: "b" } },
      "for-loop-2.one-item.make-text[1]": gives({ text: "b" }),
      "for-loop-2.one-item.say[1]": prints("b"),
      "show-list": prints('["a","b"]'),
    },
  },
];
