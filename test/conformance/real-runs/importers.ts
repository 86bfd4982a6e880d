/** What the pipelines of importers.py come to: the objects lie in stores of the test's own. @module */
import { gives, OK, prints, SKIPPED, type JsonMetadata, type RealRun, type TaskExpected } from "./real-run.ts";

/** An importer that has made this artifact. */
const imports = (uri: string, metadata: JsonMetadata = {}, type = "Dataset"): TaskExpected => ({
  artifacts: { artifact: { type, uri, metadata } },
});

export const importers: readonly RealRun[] = [
  {
    pipeline: "importer_of_a_constant",
    stored: { "s3://bucket/data/file.csv": "a,b" },
    tasks: { importer: imports("s3://bucket/data/file.csv"), "read-dataset": prints("a,b") },
  },
  {
    pipeline: "importer_of_a_parameter",
    stored: { "gs://bucket/model": "m" },
    tasks: {
      importer: imports(
        "gs://bucket/model",
        { label: "l", "key l": "v", text: "a l b", nested: { deep: ["l", 1, true] } },
        "Model",
      ),
      // Where the launcher has put the copy.
      "read-model": prints(/^\/\S+\/local\/gcs\/bucket\/model$/m),
    },
  },
  {
    pipeline: "importer_of_an_output",
    stored: { "s3://bucket/made": "made" },
    tasks: {
      "make-uri": gives({ uri: "s3://bucket/made" }),
      importer: imports("s3://bucket/made", { made: "s3://bucket/made" }),
      "read-dataset": prints("made"),
    },
  },
  {
    pipeline: "importer_with_metadata",
    stored: { "minio://bucket/data": "d" },
    tasks: {
      importer: imports("minio://bucket/data", {
        text: "t",
        number: 1,
        fraction: 1.5,
        flag: true,
        items: [1, "a"],
        fields: { a: { b: 1 } },
      }),
      "read-dataset": prints("d"),
    },
  },
  {
    pipeline: "importer_reimport",
    stored: { "s3://bucket/data": "d" },
    tasks: { importer: imports("s3://bucket/data"), "read-dataset": prints("d") },
  },
  {
    pipeline: "importer_of_an_image",
    refusal: {
      reason: "store",
      says: /import of oci:\/\/registry\.example\.org\/models\/one:1 \(task importer\) is not supported/,
    },
  },
  {
    pipeline: "importer_into_the_workspace",
    stored: { "s3://bucket/data": "d" },
    tasks: { importer: imports("s3://bucket/data"), "read-dataset": prints("d") },
  },
  {
    pipeline: "importer_in_a_loop",
    stored: { "s3://bucket/a": "at a", "s3://bucket/b": "at b" },
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.importer[0]": imports("s3://bucket/a"),
      "for-loop-2.read-dataset[0]": prints("at a"),
      "for-loop-2.importer[1]": imports("s3://bucket/b"),
      "for-loop-2.read-dataset[1]": prints("at b"),
    },
  },
  {
    pipeline: "importer_in_a_condition",
    stored: { "s3://bucket/a": "at a" },
    tasks: {
      "condition-branches-1": OK,
      "condition-branches-1.condition-2": OK,
      "condition-branches-1.condition-2.importer": imports("s3://bucket/a"),
      "condition-branches-1.condition-2.read-dataset": prints("at a"),
      "condition-branches-1.condition-3": SKIPPED,
    },
  },
];
