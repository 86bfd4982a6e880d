import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { RunSchema } from "../../src/core/kfp-types.ts";
import { convertEmbeddedRuns, detectRunLayout, toBranchLayout, toMergedLayout } from "../../src/wire/run-layout.ts";
import { ListRunsResponseSchema } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

// docs/spec/api-versions.md#bytes-of-run
const BRANCH = hex("12 01 72 9a 01 06 0a 01 70 12 01 76 a0 01 01 aa 01 06 0a 04 72 6f 6f 74");
const MERGED = hex("12 01 72 9a 01 05 0a 01 6d 12 00 aa 01 06 0a 01 70 12 01 76 b0 01 01 ba 01 06 0a 04 72 6f 6f 74");
const PLUGINS_OUTPUT = hex("a2 01 07 0a 01 6d 12 02 10 01");
const REVERSED_BRANCH = hex("aa 01 06 0a 04 72 6f 6f 74 a0 01 01 9a 01 06 0a 01 70 12 01 76 12 01 72");

describe("detectRunLayout()", () => {
  test.for([
    { name: "field 20 as varint", bytes: BRANCH, layout: "branch" },
    { name: "fields in reverse order", bytes: REVERSED_BRANCH, layout: "branch" },
    { name: "fields 22 and 23", bytes: MERGED, layout: "merged" },
    { name: "field 20 as message", bytes: PLUGINS_OUTPUT, layout: "merged" },
    { name: "field 22 alone", bytes: hex("b0 01 01"), layout: "merged" },
    { name: "field 23 alone", bytes: hex("ba 01 00"), layout: "merged" },
    { name: "fields 19 and 21 alone", bytes: hex("9a 01 00 aa 01 00"), layout: "unknown" },
    { name: "no bytes", bytes: hex(""), layout: "unknown" },
  ])("reads $name as $layout", ({ bytes, layout }, { expect }) => {
    expect(detectRunLayout(bytes)).toBe(layout);
  });

  test.for([
    { name: "20 as varint with 23", bytes: hex("a0 01 01 ba 01 00"), message: /field 20 as varint .* field 23/ },
    { name: "20 as varint with 22", bytes: hex("b0 01 01 a0 01 01"), message: /field 20 as varint .* field 22/ },
    { name: "20 both ways", bytes: hex("a0 01 01 a2 01 00"), message: /field 20 as varint .* field 20 as message/ },
    { name: "a length past the end", bytes: hex("12 05 72"), message: /malformed at byte 0/ },
    { name: "half a key", bytes: hex("12 01 72 9a"), message: /malformed at byte 3/ },
    { name: "a group", bytes: hex("0b"), message: /malformed/ },
    { name: "field number 0", bytes: hex("00 01"), message: /malformed/ },
  ])("refuses $name", ({ bytes, message }, { expect }) => {
    expect(() => detectRunLayout(bytes)).toThrow(message);
  });
});

describe("toMergedLayout()", () => {
  test.for([
    { name: "the branch's layout", bytes: BRANCH, plugins: [] },
    { name: "the branch's layout in reverse order", bytes: REVERSED_BRANCH, plugins: [] },
    { name: "the merged layout", bytes: MERGED, plugins: ["m"] },
  ])("makes $name readable", ({ bytes, plugins }, { expect }) => {
    const run = fromBinary(RunSchema, toMergedLayout(bytes));
    expect(run.runId).toBe("r");
    expect(run.taskCount).toBe(1);
    expect(run.tasks.map((task) => task.name)).toEqual(["root"]);
    expect(run.pipelineReference).toMatchObject({ pipelineId: "p", pipelineVersionId: "v" });
    expect(Object.keys(run.pluginsInput)).toEqual(plugins);
  });

  test("leaves ambiguous fields out when nothing tells the layouts apart", ({ expect }) => {
    const run = fromBinary(RunSchema, toMergedLayout(hex("12 01 72 9a 01 06 0a 01 70 12 01 76")));
    expect(run).toMatchObject({ runId: "r", tasks: [], pluginsInput: {} });
  });

  test("follows a forced layout", ({ expect }) => {
    const bytes = hex("aa 01 06 0a 01 70 12 01 76");
    expect(fromBinary(RunSchema, toMergedLayout(bytes, "merged")).pipelineReference?.pipelineId).toBe("p");
    expect(fromBinary(RunSchema, toMergedLayout(bytes, "branch")).tasks).toMatchObject([{ name: "p", displayName: "v" }]);
  });
});

describe("toBranchLayout()", () => {
  test("writes what a reader of the branch expects", ({ expect }) => {
    expect(Buffer.from(toBranchLayout(MERGED)).toString("hex")).toBe(Buffer.from(BRANCH).toString("hex"));
  });

  test("is undone by toMergedLayout() for every run with tasks and without plugins", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.record({ name: fc.string(), taskId: fc.string() }), { minLength: 1, maxLength: 5 }),
        (displayName, tasks) => {
          const bytes = toBinary(
            RunSchema,
            create(RunSchema, { displayName, tasks, taskCount: tasks.length, pipelineReference: { pipelineId: "p" } }),
          );
          const branch = toBranchLayout(bytes);
          expect(detectRunLayout(branch)).toBe("branch");
          expect(fromBinary(RunSchema, toMergedLayout(branch))).toEqual(fromBinary(RunSchema, bytes));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("convertEmbeddedRuns()", () => {
  const run = create(RunSchema, { runId: "r", taskCount: 300, tasks: Array.from({ length: 40 }, () => ({ name: "t" })) });

  test("converts the runs of a list answer and keeps the rest", ({ expect }) => {
    const list = create(ListRunsResponseSchema, { runs: [run, run], totalSize: 2, nextPageToken: "n" });
    const bytes = toBinary(ListRunsResponseSchema, list);
    const branch = convertEmbeddedRuns("x.y.ListRunsResponse", bytes, toBranchLayout);
    expect(branch).not.toEqual(bytes);
    const back = convertEmbeddedRuns("ListRunsResponse", branch, (one) => toMergedLayout(one));
    expect(fromBinary(ListRunsResponseSchema, back)).toEqual(list);
  });

  test("leaves messages without runs alone", ({ expect }) => {
    expect(convertEmbeddedRuns("PipelineTask", BRANCH, toBranchLayout)).toBe(BRANCH);
  });
});
