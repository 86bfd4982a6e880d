import { describe, test } from "vitest";
import { metricLines, type MetricOutput } from "../../../src/cli/text/metric-text.ts";
import type { ArtifactResult } from "../../../src/local/results/run-result.ts";

const scalar = (name: string, numberValue: number): ArtifactResult => ({
  ...{ name, type: "Metric", uri: "", metadata: { [name]: numberValue }, numberValue },
});
const classified = (metadata: ArtifactResult["metadata"]): ArtifactResult => ({
  ...{ name: "m", type: "ClassificationMetric", uri: "", metadata: { ...metadata, _kfp_schema_version: "0.0.1" } },
});
const output = (name: string, iteration: string, ...artifacts: ArtifactResult[]): MetricOutput => ({
  name,
  iteration,
  artifacts,
});
const matrix = (names: string[], rows: number[][]): ArtifactResult["metadata"] => ({
  confusionMatrix: { annotationSpecs: names.map((displayName) => ({ displayName })), rows: rows.map((row) => ({ row })) },
});
const curve = (...points: [number, number][]): ArtifactResult["metadata"] => ({
  confidenceMetrics: points.map(([falsePositiveRate, recall]) => ({
    confidenceThreshold: "Infinity",
    falsePositiveRate,
    recall,
  })),
});

const shown = (outputs: readonly MetricOutput[], columns = Infinity): string =>
  `\n${metricLines(outputs, columns).map(String).join("\n")}\n`;

describe("metricLines()", () => {
  test("shows the metrics of a step as a table", ({ expect }) => {
    expect(shown([output("evaluate.metrics", "", scalar("rows", 45), scalar("accuracy", 0.9778))])).toBe(`
  evaluate.metrics
    accuracy  0.9778
    rows          45
`);
  });

  test("puts the iterations of a loop under each other", ({ expect }) => {
    const outputs = [
      output("loop.train.m", "0", scalar("loss", 0.5), scalar("acc", 0.75)),
      output("other.m", "", scalar("x", 1)),
      output("loop.train.m", "1", scalar("loss", 12.25)),
    ];
    expect(shown(outputs)).toBe(`
  loop.train.m
    iteration   acc   loss
    0          0.75    0.5
    1             -  12.25
  other.m
    x  1
`);
  });

  test("counts the iterations it does not show", ({ expect }) => {
    const outputs = Array.from({ length: 43 }, (_, index) => output("l.m", String(index), scalar("x", index)));
    expect(shown(outputs).trimEnd().split("\n").slice(-2)).toEqual(["    39         39", "    ... and 3 more iterations"]);
  });

  test("shows a confusion matrix as a table, wide names too", ({ expect }) => {
    expect(
      shown([
        output(
          "e.c",
          "",
          classified(
            matrix(
              ["猫", "dog"],
              [
                [15, 0],
                [1, 104],
              ],
            ),
          ),
        ),
      ]),
    ).toBe(`
  e.c
    confusion matrix
         猫  dog
    猫   15    0
    dog   1  104
`);
  });

  test("shows a ROC curve as a picture", ({ expect }) => {
    expect(shown([output("e.roc", "", classified(curve([0, 0], [0.1, 0.6], [0.4, 0.9], [1, 1])))])).toMatchInlineSnapshot(`
      "
        e.roc
          ROC curve: recall by false positive rate (4 points, area 0.8250)
          1.0 |                            ............*
              |              ..*............
              |          .....
              |      .....
              |    *..
          0.5 |   ..
              |  ..
              |  .
              | ..
              | .
          0.0 |*
              +-----------------------------------------
               0.0       false positive rate         1.0
      "
    `);
  });

  test.for<{ name: string; metadata: ArtifactResult["metadata"]; text: string }>([
    { name: "no points", metadata: curve(), text: "\n\n" },
    { name: "an empty matrix", metadata: matrix([], []), text: "\n\n" },
    {
      name: "a matrix without names",
      metadata: { confusionMatrix: { rows: [{ row: [1] }] } },
      text: "\n  e.c\n    confusion matrix\n    0  1\n",
    },
    { name: "values that are no such thing", metadata: { confusionMatrix: "x", confidenceMetrics: [1, null] }, text: "\n\n" },
    {
      name: "plain values",
      metadata: { note: "a\u{1b}[2J", list: [1] },
      text: "\n  e.c\n    list       [1]\n    note  a\\x1b[2J\n",
    },
  ])("takes $name", ({ metadata, text }, { expect }) => {
    expect(shown([output("e.c", "", classified(metadata))])).toBe(text);
  });

  test("says which slice a matrix belongs to", ({ expect }) => {
    const slices = [{ slice: "women", sliceClassificationMetrics: matrix(["a"], [[1]]) }];
    expect(shown([output("e.s", "1,2", classified({ evaluationSlices: slices }))])).toBe(`
  e.s
    [1,2] slice women: confusion matrix
       a
    a  1
`);
  });

  test("fits the width of a terminal", ({ expect }) => {
    const outputs = [output("日本.metrics", "", scalar("精度の平均値", 0.123456789))];
    expect(shown(outputs, 20)).toBe(`
  日本.metrics
    精度の平均値  0…
`);
  });
});
