import { describe, expect, test } from "vitest";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import { chooseRunners, type RunnerOptions } from "../../../src/local/executors/runners.ts";

const pipeline = parsePipelineSpec({
  pipelineInfo: { name: "p" },
  schemaVersion: "2.1.0",
  root: { dag: { tasks: { plain: { componentRef: { name: "plain" } }, train: { componentRef: { name: "train" } } } } },
  components: { plain: { executorLabel: "plain" }, train: { executorLabel: "train" } },
  deploymentSpec: {
    executors: {
      plain: { container: { image: "python:3.11", command: ["true"] } },
      train: { container: { image: "registry.example.com/train:1", command: ["true"] } },
    },
  },
});

const runnersOf = (options: RunnerOptions, hasEngine = true): string[] => {
  const runnerOf = chooseRunners(options, pipeline, () => hasEngine);
  return ["root.plain", "root.train"].map((scopePath) => runnerOf({ scopePath, iterations: [] }));
};

describe("chooseRunners()", () => {
  test.for<{ options: RunnerOptions; hasEngine?: boolean; runners: string[] }>([
    { options: { runner: "host", exceptions: [] }, runners: ["host", "host"] },
    { options: { runner: "container", exceptions: [] }, runners: ["container", "container"] },
    { options: { runner: "auto", exceptions: [] }, runners: ["host", "container"] },
    { options: { runner: "auto", exceptions: [] }, hasEngine: false, runners: ["host", "host"] },
    { options: { runner: "host", exceptions: ["train=container"] }, runners: ["host", "container"] },
    { options: { runner: "container", exceptions: ["train=host", "train=auto"] }, runners: ["container", "container"] },
  ])("$options, engine $hasEngine: $runners", ({ options, hasEngine, runners }) => {
    expect(runnersOf(options, hasEngine)).toEqual(runners);
  });

  test("an iteration may have a runner of its own", () => {
    const runnerOf = chooseRunners({ runner: "host", exceptions: ["train[1]=container"] }, pipeline, () => true);
    expect([0, 1].map((index) => runnerOf({ scopePath: "root.train", iterations: [index] }))).toEqual(["host", "container"]);
  });

  test.for([
    ["train", /Cannot read --runner-for train: it is TASK=RUNNER with host, container, auto/],
    ["train=docker", /Cannot read --runner-for train=docker/],
    ["gone=host", /Cannot choose a runner for task "gone": the pipeline has the tasks/],
  ] as const)("refuses %s", ([text, says]) => {
    expect(() => runnersOf({ runner: "host", exceptions: [text] })).toThrow(says);
  });
});
