import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { PipelineSpecSchema } from "../../../src/core/kfp-types.ts";
import { componentOf, formatScopePath, lastEntry, parseScopePath, resolveScopePath } from "../../../src/core/spec/scope-path.ts";

const taskKey = fc.string({ minLength: 1 }).filter((text) => !text.includes("."));

describe("parseScopePath()", () => {
  test("splits on dots and takes the empty text for the empty path", ({ expect }) => {
    expect(parseScopePath("root.training.for-loop-2.fit")).toEqual(["root", "training", "for-loop-2", "fit"]);
    expect(parseScopePath("root.root")).toEqual(["root", "root"]);
    expect(parseScopePath("")).toEqual([]);
  });

  test.for([
    { name: "does not start at root", text: "train", message: /must be "root"/ },
    { name: "root in capitals", text: "ROOT.train", message: /must be "root"/ },
    { name: "empty first element", text: ".root", message: /must be "root"/ },
    { name: "empty element", text: "root..fit", message: /Cannot parse scope path "root\.\.fit": an element is empty/ },
    { name: "dot at the end", text: "root.", message: /an element is empty/ },
  ])("rejects: $name", ({ text, message }, { expect }) => {
    expect(() => parseScopePath(text)).toThrow(message);
    expect(() => parseScopePath(text)).toThrow(expect.objectContaining({ name: "SpecError", code: "SCOPE_PATH_INVALID" }));
  });

  test("is the inverse of formatScopePath()", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(taskKey, { maxLength: 6 }), (names) => {
        expect(parseScopePath(formatScopePath(["root", ...names]))).toEqual(["root", ...names]);
      }),
    );
    expect(parseScopePath(formatScopePath([]))).toEqual([]);
  });
});

describe("formatScopePath()", () => {
  test.for([[["train"]], [["root", ""]], [["root", "a.b"]]])("rejects %j", ([path = []], { expect }) => {
    expect(() => formatScopePath(path)).toThrow(expect.objectContaining({ code: "SCOPE_PATH_INVALID" }));
  });
});

const dag = (tasks: Record<string, string>) => ({
  implementation: {
    case: "dag" as const,
    value: {
      tasks: Object.fromEntries(
        Object.entries(tasks).map(([key, component]) => [key, { taskInfo: { name: key }, componentRef: { name: component } }]),
      ),
    },
  },
});

const spec = create(PipelineSpecSchema, {
  root: dag({ training: "comp-training", root: "comp-fit", dangling: "comp-gone", inherited: "toString", nameless: "" }),
  components: {
    "comp-training": dag({ fit: "comp-fit" }),
    "comp-fit": { implementation: { case: "executorLabel", value: "exec-fit" } },
  },
});

describe("resolveScopePath()", () => {
  test("gives task key, task spec and component of every element", ({ expect }) => {
    const entries = resolveScopePath(spec, "root.training.fit");
    expect(entries.map(({ taskKey, componentName }) => [taskKey, componentName])).toEqual([
      ["root", undefined],
      ["training", "comp-training"],
      ["fit", "comp-fit"],
    ]);
    expect(entries[0]).not.toHaveProperty("taskSpec");
    expect(entries[0]?.component).toBe(spec.root);
    expect(entries[2]?.taskSpec?.taskInfo?.name).toBe("fit");
    expect(entries[2]?.component).toBe(spec.components["comp-fit"]);
  });

  test("finds a child called root, and nothing for the empty path", ({ expect }) => {
    expect(lastEntry(resolveScopePath(spec, ["root", "root"])).componentName).toBe("comp-fit");
    expect(resolveScopePath(spec, [])).toEqual([]);
    expect(() => lastEntry([])).toThrow(expect.objectContaining({ code: "SCOPE_PATH_INVALID" }));
  });

  test.for([
    { path: "training", code: "SCOPE_PATH_INVALID", message: /must be "root"/ },
    { path: "root.nope", code: "SCOPE_PATH_INVALID", message: /"root\.nope": "root" has no task "nope"/ },
    { path: "root.constructor", code: "SCOPE_PATH_INVALID", message: /has no task "constructor"/ },
    { path: "root.training.fit.deeper", code: "SCOPE_PATH_INVALID", message: /"root\.training\.fit" is not a DAG/ },
    { path: "root.dangling", code: "COMPONENT_NOT_FOUND", message: /Task "dangling" refers to component "comp-gone"/ },
    { path: "root.inherited", code: "COMPONENT_NOT_FOUND", message: /"toString"/ },
    { path: "root.nameless", code: "COMPONENT_NOT_FOUND", message: /Task "nameless" refers to no component/ },
  ])("rejects $path", ({ path, code, message }, { expect }) => {
    expect(() => resolveScopePath(spec, path)).toThrow(expect.objectContaining({ code }));
    expect(() => resolveScopePath(spec, path)).toThrow(message);
  });

  test("rejects a spec without root", ({ expect }) => {
    expect(() => resolveScopePath(create(PipelineSpecSchema), "root")).toThrow(expect.objectContaining({ code: "SPEC_INVALID" }));
  });
});

describe("componentOf()", () => {
  test("finds the component a task calls", ({ expect }) => {
    const { taskSpec } = lastEntry(resolveScopePath(spec, "root.training"));
    expect(taskSpec && componentOf(spec, taskSpec)).toBe(spec.components["comp-training"]);
  });
});
