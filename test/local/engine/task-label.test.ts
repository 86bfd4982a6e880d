import fc from "fast-check";
import { describe, test } from "vitest";
import { taskFolderName, taskLabel } from "../../../src/local/engine/task-label.ts";

describe("taskLabel()", () => {
  test.for<[string, number[], string]>([
    ["root", [], "root"],
    ["root.a", [], "a"],
    ["root.loop.a", [2], "loop.a[2]"],
    ["root.loop.inner.a", [2, 0], "loop.inner.a[2,0]"],
  ])("%s %j: %s", ([scopePath, iterations, label], { expect }) => {
    expect(taskLabel({ scopePath, iterations })).toBe(label);
  });
});

describe("taskFolderName()", () => {
  test("is safe in a path", ({ expect }) => {
    expect(taskFolderName({ scopePath: "root.loop.a", iterations: [1, 2] })).toBe("loop.a[1,2]");
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 300 }), (key) => {
        const name = taskFolderName({ scopePath: `root.${key}`, iterations: [] });
        expect(name).toMatch(/^(?!\.)[\w.,[\]-]{1,150}$/);
      }),
    );
  });

  test("differs where the tasks differ", ({ expect }) => {
    const names = ["a/b", "a_b", "../a", "a".repeat(200), `${"a".repeat(200)}b`].map((key) =>
      taskFolderName({ scopePath: `root.${key}`, iterations: [] }),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
