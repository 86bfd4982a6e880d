/**
 * What clients rely on across connections, transports and packages: reads see every write that was answered, one row for a task that many
 * create, no update lost.
 *
 * docs/spec/api-server.md#roles-and-vocabulary
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { test } from "vitest";
import { connectWay, startWay, WAYS } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const RUN: JsonObject = { run: { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC } };
const TASK: JsonObject = { name: "t", type: "LOOP", scope_path: "root.t", state: "RUNNING" };

async function start() {
  const [first] = WAYS;
  if (first === undefined) throw new Error("There is no way");
  const api = await startWay(first);
  await api.call("CreateRun", RUN);
  // Two connections each way.
  const clients = [...WAYS, ...WAYS].map((by) => connectWay(api.server, by));
  return { ...api, clients };
}

test("what one client wrote every other client reads at once", async ({ expect }) => {
  const { clients } = await start();
  let taskId = "";
  for (const [index, writer] of clients.entries()) {
    if (index === 0) taskId = textAt(await writer.call("CreateTask", { run_id: "r", task: TASK }), "task_id");
    const answer = await writer.call("UpdateTask", { run_id: "r", task_id: taskId, task: { display_name: `by ${index}` } });
    for (const reader of clients) {
      expect(await reader.call("GetTask", { run_id: "r", task_id: taskId }), reader.way.name).toEqual(answer);
      expect((await reader.call("GetRun", { run_id: "r", view: "FULL" }))["tasks"]).toEqual([answer]);
      expect((await reader.call("ListTasks", { run_id: "r" }))["tasks"]).toEqual([answer]);
    }
  }
});

test("a task that all clients create at once is one row, and no update of it is lost", async ({ expect }) => {
  const { clients, call } = await start();
  const made = await Promise.all(clients.map(async (client) => await client.call("CreateTask", { run_id: "r", task: TASK })));
  expect(new Set(made.map((task) => textAt(task, "task_id"))).size).toBe(1);
  const taskId = textAt(made[0] ?? {}, "task_id");
  await Promise.all(
    clients.flatMap((client, index) =>
      [0, 1, 2].map(async (round) => {
        const key = `${index}-${round}`;
        const task = { outputs: { parameters: [{ parameter_key: key, type: "OUTPUT", value: index }] } };
        if (round === 1) await client.call("UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: task } });
        else await client.call("UpdateTask", { run_id: "r", task_id: taskId, task });
      }),
    ),
  );
  const { outputs } = await call("GetTask", { run_id: "r", task_id: taskId });
  const keys = ((outputs as JsonObject)["parameters"] as JsonObject[]).map((one) => textAt(one, "parameter_key"));
  expect(keys.toSorted()).toEqual(clients.flatMap((_, index) => [0, 1, 2].map((round) => `${index}-${round}`)).toSorted());
});

test("the last of siblings that end at once sees all of them ended", async ({ expect }) => {
  const { clients, call } = await start();
  const parent = textAt(await call("CreateTask", { run_id: "r", task: TASK }), "task_id");
  const siblings = await Promise.all(
    clients.map(async (client, index) => {
      const task = { ...TASK, name: `s${index}`, type: "RUNTIME", scope_path: `root.t.s${index}`, parent_task_id: parent };
      return textAt(await client.call("CreateTask", { run_id: "r", task }), "task_id");
    }),
  );
  const seen = await Promise.all(
    clients.map(async (client, index) => {
      const task = { state: "SUCCEEDED" };
      await client.call("UpdateTask", { run_id: "r", task_id: siblings[index] as string, task });
      const { tasks } = await client.call("GetRun", { run_id: "r", view: "FULL" });
      return (tasks as JsonObject[]).filter((one) => one["state"] === "SUCCEEDED").length;
    }),
  );
  expect(Math.max(...seen)).toBe(clients.length);
});
