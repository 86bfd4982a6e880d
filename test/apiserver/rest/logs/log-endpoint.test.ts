import { appendFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { createTokenAuthorizer } from "../../../../src/apiserver/calls/token-authorizer.ts";
import type { LiveLogs } from "../../../../src/apiserver/rest/logs/task-log.ts";
import { startRestApi } from "../../../fakes/rest-api.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };

async function start(options: Parameters<typeof startRestApi>[0] = {}, init: RequestInit = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "kfp-logs-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const api = await startRestApi({ ...options, rest: { ...options.rest, artifactRoots: [root] } });
  await api.post("/runs", { run_id: "r", display_name: "r", pipeline_spec: SPEC }, init);
  const pods = [{ name: "wf-train-1", type: "EXECUTOR" }];
  const task = { name: "train", type: "RUNTIME", scope_path: "root.train", state: "RUNNING", pods };
  const taskId = (await api.post("/runs/r/tasks", task, init)).json["task_id"] as string;
  const publish = async (name: string): Promise<string> => {
    const uri = join(root, name);
    const artifact = { name: "executor-logs", type: "Artifact", uri };
    await api.post("/artifacts", { artifact, run_id: "r", task_id: taskId, producer_key: "executor-logs" }, init);
    return uri;
  };
  const log = async (node: string, query = "", headers: Record<string, string> = {}) =>
    await api.get(`//apis/v1alpha1/runs/r/nodes/${node}/log${query}`, { headers });
  return { ...api, root, taskId, publish, log };
}

/** Lines that a test adds. */
function liveLog(printed: readonly string[]): LiveLogs {
  return {
    reader() {
      let next = 0;
      return {
        async *read() {
          while (next < printed.length) yield await Promise.resolve(printed[next++] ?? "");
        },
      };
    },
  };
}

// docs/spec/api-server.md#decision-logs
describe("the log of a task", () => {
  test("is found by task id, pod and name, and holds all attempts", async ({ expect }) => {
    const { publish, log, taskId } = await start();
    // Within one second, whatever their ids: the launcher numbers them.
    writeFileSync(await publish("executor-logs-10"), "two\n");
    writeFileSync(await publish("executor-logs-9"), "one\n");
    for (const node of [taskId, "wf-train-1", "train"]) {
      const answer = await log(node);
      expect(answer).toMatchObject({ status: 200, text: "one\ntwo\n" });
      expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    }
  });

  test("that is not there is 404, and one of several that is gone is passed over", async ({ expect }) => {
    const { publish, log, get } = await start();
    expect(await log("train")).toMatchObject({ status: 404, json: { code: 5 } });
    expect((await log("other")).status).toBe(404);
    expect((await get("//apis/v1alpha1/runs/q/nodes/train/log")).status).toBe(404);
    await publish("gone");
    writeFileSync(await publish("there"), "x");
    expect(await log("train")).toMatchObject({ status: 200, text: "x" });
  });

  test("is followed from before its first byte to the end of the task", async ({ expect }) => {
    const { url, publish, request, taskId } = await start();
    const response = await fetch(`${url}/apis/v1alpha1/runs/r/nodes/train/log?follow=true`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const readUntil = async (wanted: string) => {
      while (!text.endsWith(wanted)) text += (await reader?.read())?.value ?? "(end)";
    };
    const uri = await publish("growing");
    writeFileSync(uri, "one\n");
    await readUntil("one\n");
    appendFileSync(uri, "two\n");
    await readUntil("two\n");
    appendFileSync(uri, "last\n");
    await request("PATCH", `/runs/r/tasks/${taskId}`, { state: "SUCCEEDED" });
    await readUntil("last\n");
    expect(await reader?.read()).toMatchObject({ done: true });
    expect(text).toBe("one\ntwo\nlast\n");
  });

  test("of a task that has ended does not go on; following ends with the run and with the server", async ({ expect }) => {
    const { url, publish, log, request, server, taskId, post } = await start();
    writeFileSync(await publish("l"), "x\n");
    const ofRun = fetch(`${url}/apis/v1alpha1/runs/r/nodes/train/log?follow=true`).then(async (answer) => await answer.text());
    await request("PATCH", `/runs/r/tasks/${taskId}`, { state: "FAILED" });
    expect(await log("train", "?follow=true")).toMatchObject({ status: 200, text: "x\n" });
    expect(await ofRun).toBe("x\n");
    await post("/runs/r/tasks", { name: "endless", type: "RUNTIME", scope_path: "e", state: "RUNNING" });
    const pending = await fetch(`${url}/apis/v1alpha1/runs/r/nodes/endless/log?follow=true`);
    await server.close();
    expect(await pending.text().catch(() => "")).toBe("");
  });

  test("is what the step prints while it runs, and its published log afterwards", async ({ expect }) => {
    const printed = ["one\n"];
    const live = liveLog(printed);
    const { url, log, publish, taskId, request } = await start({ rest: { liveLogs: () => live } });
    expect((await log("train")).text).toBe("one\n");
    const response = await fetch(`${url}/k8s/pod/logs?podname=wf-train-1&runid=r&podnamespace=kubeflow&follow=true`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const readUntil = async (wanted: string) => {
      while (!text.endsWith(wanted)) text += (await reader?.read())?.value ?? "(end)";
    };
    await readUntil("one\n");
    printed.push("two\n");
    await readUntil("two\n");
    // The launcher publishes all of it when the step ends: nobody gets it twice.
    writeFileSync(await publish("whole"), "one\ntwo\nlast\n");
    await request("PATCH", `/runs/r/tasks/${taskId}`, { state: "SUCCEEDED" });
    printed.push("last\n");
    await readUntil("last\n");
    expect(await reader?.read()).toMatchObject({ done: true });
    expect(text).toBe("one\ntwo\nlast\n");
    expect((await log("train")).text).toBe("one\ntwo\nlast\n");
  });

  test("is the published one where nobody knows what the step prints", async ({ expect }) => {
    const { log, publish, taskId, request } = await start({ rest: { liveLogs: () => liveLog([]) } });
    expect((await log("train")).status).toBe(404);
    writeFileSync(await publish("part"), "part\n");
    expect((await log("train")).text).toBe("part\n");
    const followed = log("train", "?follow=true");
    await request("PATCH", `/runs/r/tasks/${taskId}`, { state: "FAILED" });
    expect((await followed).text).toBe("part\n");
  });

  test("of a pod needs run and pod, as the UI names them", async ({ expect }) => {
    const { get } = await start();
    for (const query of ["", "?podname=wf-train-1", "?runid=r"]) expect((await get(`//k8s/pod/logs${query}`)).status).toBe(400);
    expect((await get("//k8s/pod/logs?podname=other&runid=r")).status).toBe(404);
  });

  test("needs the user's token, where there are tokens", async ({ expect }) => {
    const authorizer = createTokenAuthorizer("u".repeat(32));
    const user = { authorization: `Bearer ${"u".repeat(32)}` };
    const { publish, log } = await start({ authorizer }, { headers: user });
    writeFileSync(await publish("l"), "x");
    expect((await log("train")).status).toBe(401);
    expect((await log("train", "", { authorization: `Bearer ${authorizer.tokenOfRun("r")}` })).status).toBe(403);
    expect((await log("train", "", user)).text).toBe("x");
  });
});
