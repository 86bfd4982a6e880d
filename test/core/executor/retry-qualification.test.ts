import { fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";
import { qualifyExecutorLogs, retryIndexFromNodeName } from "../../../src/core/executor/retry-qualification.ts";

describe("retryIndexFromNodeName()", () => {
  test.for([
    ["wf.root.train.executor(3)", "3"],
    ["wf(1).root.train.executor(12)", "12"],
    ["wf.root.train.executor", undefined],
    ["wf.root.loop(1:1).train.executor", undefined],
    ["wf.root.train(0:0)", undefined],
    ["wf.root.train()", undefined],
    ["wf.root.train)3(", undefined],
    ["", undefined],
  ] as const)("%j gives %j", ([name, index], { expect }) => {
    expect(retryIndexFromNodeName(name)).toBe(index);
  });
});

describe("qualifyExecutorLogs()", () => {
  const input = (...logs: JsonObject[]) =>
    fromJson(ExecutorInputSchema, {
      outputs: { artifacts: { "executor-logs": { artifacts: logs }, model: { artifacts: [{ uri: "s3://b/m" }] } } },
    });
  const logsOf = (executorInput: ReturnType<typeof input>) => executorInput.outputs?.artifacts["executor-logs"]?.artifacts ?? [];

  test("adds the index to URI and custom path, once", ({ expect }) => {
    const once = qualifyExecutorLogs(input({ uri: "s3://b/executor-logs", customPath: "/x/logs" }), "2");
    expect(logsOf(once)).toMatchObject([{ uri: "s3://b/executor-logs-2", customPath: "/x/logs-2" }]);
    expect(once.outputs?.artifacts["model"]?.artifacts[0]?.uri).toBe("s3://b/m");
    expect(qualifyExecutorLogs(once, "2")).toEqual(once);
  });

  test("leaves its argument alone", ({ expect }) => {
    const original = input({ uri: "s3://b/executor-logs" });
    const before = toJson(ExecutorInputSchema, original);
    qualifyExecutorLogs(original, "0");
    expect(toJson(ExecutorInputSchema, original)).toEqual(before);
  });

  test("an empty custom path stays empty", ({ expect }) => {
    expect(logsOf(qualifyExecutorLogs(input({ uri: "u", customPath: "" }), "0"))).toMatchObject([{ uri: "u-0", customPath: "" }]);
  });

  test.for([
    { name: "no log artifact", logs: [] },
    { name: "two log artifacts", logs: [{ uri: "a" }, { uri: "b" }] },
  ])("$name: nothing changes", ({ logs }, { expect }) => {
    expect(logsOf(qualifyExecutorLogs(input(...logs), "1")).map(({ uri }) => uri)).toEqual(logs.map(({ uri }) => uri));
  });

  test("without an index nothing changes", ({ expect }) => {
    expect(logsOf(qualifyExecutorLogs(input({ uri: "a" }), ""))[0]?.uri).toBe("a");
    expect(qualifyExecutorLogs(fromJson(ExecutorInputSchema, {}), "1").outputs).toBeUndefined();
  });
});
