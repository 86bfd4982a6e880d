/**
 * What task calls refuse, and which check comes first, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { startTaskWorld, taskIdOf } from "../../../support/task-world.ts";

// docs/spec/api-server.md#createtask, #updatetask, #gettask-and-listtasks: checks, and which comes first
describe.for(WAYS)("checks of task calls, over $name", (by) => {
  interface Ids {
    readonly task: string;
    readonly foreign: string;
  }
  const good = { name: "n", scope_path: "root.n", type: "RUNTIME" };

  /** `pathless`: the path of REST cannot say it. */
  const cases: readonly {
    readonly name: string;
    readonly method: string;
    readonly request: (ids: Ids) => JsonObject;
    readonly code: string;
    readonly says: RegExp;
    readonly pathless?: boolean;
  }[] = [
    ...[
      {
        name: "no run id, before no task",
        request: () => ({}),
        code: "INVALID_ARGUMENT",
        says: /Run ID is required/,
        pathless: true,
      },
      { name: "no task", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /Task is required/ },
      {
        name: "another run in the body, before an unknown parent",
        request: () => ({ run_id: "r", task: { ...good, run_id: "s", parent_task_id: "nope" } }),
        code: "INVALID_ARGUMENT",
        says: /\bs\b.*\br\b/,
      },
      {
        name: "an unknown run, before an unknown parent",
        request: () => ({ run_id: "nope", task: { ...good, parent_task_id: "nope2" } }),
        code: "NOT_FOUND",
        says: /Run nope not found/,
      },
      {
        name: "an unknown parent",
        request: () => ({ run_id: "r", task: { ...good, parent_task_id: "nope" } }),
        code: "NOT_FOUND",
        says: /nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", task: { ...good, parent_task_id: foreign } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "CreateTask", ...row })),
    ...[
      {
        name: "no run id",
        request: () => ({ task_id: "x", task: {} }),
        code: "INVALID_ARGUMENT",
        says: /Run ID/,
        pathless: true,
      },
      {
        name: "no task id",
        request: () => ({ run_id: "r", task: {} }),
        code: "INVALID_ARGUMENT",
        says: /Task ID/,
        pathless: true,
      },
      {
        name: "no task, before an unknown one",
        request: () => ({ run_id: "r", task_id: "nope" }),
        code: "INVALID_ARGUMENT",
        says: /Task is required/,
      },
      {
        name: "another id in the body",
        request: () => ({ run_id: "r", task_id: "nope", task: { task_id: "x" } }),
        code: "INVALID_ARGUMENT",
        says: /\bx\b.*nope/,
      },
      {
        name: "another run in the body",
        request: () => ({ run_id: "r", task_id: "nope", task: { run_id: "x" } }),
        code: "INVALID_ARGUMENT",
        says: /\bx\b/,
      },
      {
        name: "an unknown task",
        request: () => ({ run_id: "r", task_id: "nope", task: { parent_task_id: "nope2" } }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a task of another run, before an unknown parent",
        request: ({ foreign }: Ids) => ({ run_id: "r", task_id: foreign, task: { parent_task_id: "nope" } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      {
        name: "an unknown parent",
        request: ({ task }: Ids) => ({ run_id: "r", task_id: task, task: { parent_task_id: "nope" } }),
        code: "NOT_FOUND",
        says: /nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", task_id: task, task: { parent_task_id: foreign } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "UpdateTask", ...row })),
    ...[
      { name: "no entries", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /At least one/ },
      { name: "no run id", request: () => ({ tasks: { x: {} } }), code: "INVALID_ARGUMENT", says: /Run ID/, pathless: true },
      {
        name: "an empty key, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { "": {}, nope: {} } }),
        code: "INVALID_ARGUMENT",
        says: /Task ID/,
      },
      {
        name: "another id in a body, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { a: {}, b: { task_id: "c" } } }),
        code: "INVALID_ARGUMENT",
        says: /\bc\b/,
      },
      {
        name: "another run in a body, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { a: {}, b: { run_id: "s" } } }),
        code: "INVALID_ARGUMENT",
        says: /\bs\b/,
      },
      {
        name: "an unknown task, before one of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED" }, [foreign]: {}, zzzz: {} } }),
        code: "NOT_FOUND",
        says: /Task zzzz not found/,
      },
      {
        name: "a task of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED" }, [foreign]: {} } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      {
        name: "a parent of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED", parent_task_id: foreign } } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "UpdateTasksBulk", ...row })),
    ...[
      { name: "no run id", request: () => ({ task_id: "x" }), code: "INVALID_ARGUMENT", says: /Run ID/, pathless: true },
      { name: "no task id", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /Task ID/, pathless: true },
      {
        name: "an unknown task",
        request: () => ({ run_id: "r", task_id: "nope" }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a task of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", task_id: foreign }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "GetTask", ...row })),
    ...[
      {
        name: "no run id, also with a parent",
        request: ({ task }: Ids) => ({ parent_id: task }),
        code: "INVALID_ARGUMENT",
        says: /Run ID/,
        pathless: true,
      },
      {
        name: "an unknown parent",
        request: () => ({ run_id: "r", parent_id: "nope" }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", parent_id: foreign }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      { name: "an unknown run", request: () => ({ run_id: "nope" }), code: "NOT_FOUND", says: /Run nope not found/ },
    ].map((row) => ({ method: "ListTasks", ...row })),
    ...[
      { name: "no fingerprint", request: () => ({ namespace: "n" }), code: "INVALID_ARGUMENT", says: /fingerprint/ },
      // The answer to a miss is a message without a task.
      { name: "nothing else", request: () => ({ cache_fingerprint: "none" }), code: "OK", says: /^$/ },
    ].map((row) => ({ method: "FindCachedTask", ...row })),
  ];

  test.for(cases.filter(({ pathless = false }) => !pathless || by.transport === "grpc"))(
    "S30, S31, S32, S33 $method refuses $name",
    async ({ method, request, code, says }, { expect }) => {
      const { add, send, get, internal } = await startTaskWorld(by);
      const [task, foreign] = [taskIdOf(await add()), taskIdOf(await add({}, "s"))];
      const outcome = await send(method, request({ task, foreign }));
      expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says)]);
      // Nothing was written.
      expect(await get(task)).toMatchObject({ state: "RUNNING" });
      expect(await get(task)).not.toHaveProperty("parent_task_id");
      const { tasks } = (await send("ListTasks", { run_id: "r" })).reply;
      expect(tasks).toHaveLength(1);
      expect(internal).toEqual([]);
    },
  );
});
