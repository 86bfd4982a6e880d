import { request } from "node:http";
import { afterEach, describe, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { jobKey, readExecuteRequest } from "../../../src/resident/plugin/execute-request.ts";
import { startPluginServer, type RunningPluginServer } from "../../../src/resident/plugin/plugin-server.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";
import { executeArgs, executeRequest } from "./requests.ts";

const TOKEN = "bcdfghjklmnpqrstvwxz2456789bcdfg";
const PATH = "/api/v1/template.execute";
const AUTHORIZATION: Record<string, string> = { authorization: `Bearer ${TOKEN}` };
let server: RunningPluginServer | undefined;
afterEach(() => server?.close(0));

async function started(options: { token?: string | undefined; answer?: () => Promise<JsonObject> } = { token: TOKEN }) {
  const asked: string[] = [];
  const logger = new RecordingLogger();
  server = await startPluginServer({
    ...{ host: "127.0.0.1", port: 0, logger, token: () => Promise.resolve(options.token) },
    jobs: {
      answer: async (given) => {
        asked.push(jobKey(given));
        return await (options.answer?.() ?? Promise.resolve({ node: { phase: "Succeeded" } }));
      },
    },
  });
  const { port } = server;
  const ask = async (body: unknown, { path = PATH, method = "POST", headers = AUTHORIZATION } = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      ...{ method, headers: { ...headers, connection: "close" } },
      ...(method === "GET" ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as JsonObject };
  };
  return { ask, asked, logger, port };
}

describe("startPluginServer()", () => {
  test("answers for a template of ours, and says of others that they are none", async ({ expect }) => {
    const { ask, asked } = await started();
    expect(await ask(executeArgs("train"))).toEqual({ status: 200, body: { node: { phase: "Succeeded" } } });
    expect(asked).toEqual([jobKey(executeRequest("train"))]);
    expect(await ask(executeArgs("train", { slack: {} }))).toEqual({ status: 200, body: {} });
    expect(asked).toHaveLength(1);
  });

  test.for<[string, Record<string, string>]>([
    ["another token", { authorization: `Bearer ${TOKEN}x` }],
    ["a part of it", { authorization: `Bearer ${TOKEN.slice(1)}` }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
    ["none", {}],
  ])("refuses %s with 403, whatever is asked", async ([, headers], { expect }) => {
    const { ask, asked, logger } = await started();
    expect((await ask(executeArgs("train"), { headers })).status).toBe(403);
    expect((await ask("", { headers, path: "/other", method: "GET" })).status).toBe(403);
    expect(asked).toEqual([]);
    expect(JSON.stringify(logger.lines)).not.toContain(TOKEN.slice(0, 8));
  });

  test("answers 503, which the agent tries again, while there is no token", async ({ expect }) => {
    const { ask } = await started({ token: undefined });
    expect((await ask(executeArgs("train"))).status).toBe(503);
  });

  test.for<{ name: string; body?: unknown; options?: { path?: string; method?: string }; status: number }>([
    { name: "another path", options: { path: "/api/v1/other" }, status: 400 },
    { name: "the root", options: { path: "/" }, status: 400 },
    { name: "another method", options: { method: "GET" }, status: 400 },
    { name: "no JSON", body: "{", status: 400 },
    { name: "a text", body: '"x"', status: 400 },
    { name: "no template", body: { workflow: {} }, status: 400 },
    { name: "no workflow", body: { ...executeArgs("train"), workflow: { metadata: { name: "w" } } }, status: 400 },
    { name: "more than a task set holds", body: " ".repeat(4 * 1024 * 1024 + 1), status: 413 },
  ])("refuses $name with $status, and never with 404", async ({ body = executeArgs("train"), options, status }, { expect }) => {
    const { ask, asked } = await started();
    expect((await ask(body, options)).status).toBe(status);
    expect(asked).toEqual([]);
  });

  test("answers 500 where it fails itself", async ({ expect }) => {
    const { ask } = await started({ token: TOKEN, answer: () => Promise.reject(new Error("broken")) });
    expect(await ask(executeArgs("train"))).toEqual({ status: 500, body: { message: "broken" } });
  });

  test("says when the agent has hung up", async ({ expect }) => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    server = await startPluginServer({
      ...{ host: "127.0.0.1", port: 0, logger: new RecordingLogger(), token: () => Promise.resolve(TOKEN) },
      jobs: {
        answer: async (_request, signal) => {
          asked.destroy();
          await new Promise((end) => signal.addEventListener("abort", end));
          resolve();
          return {};
        },
      },
    });
    const asked = request({ host: "127.0.0.1", port: server.port, path: PATH, method: "POST", headers: AUTHORIZATION });
    asked.on("error", () => undefined).end(JSON.stringify(executeArgs("train")));
    await gone;
    expect(asked.destroyed).toBe(true);
  });
});

describe("jobKey()", () => {
  test("is that of the work, not of the request", ({ expect }) => {
    const keyOf = (args: JsonObject): string => {
      const read = readExecuteRequest(args);
      return read.kind === "ours" ? jobKey(read.request) : read.kind;
    };
    const same = { ...executeArgs("train"), more: 1 };
    expect(keyOf(same)).toBe(jobKey(executeRequest("train")));
    expect(jobKey(executeRequest("other"))).not.toBe(jobKey(executeRequest("train")));
    const otherRun = { ...executeArgs("train"), workflow: { metadata: { name: "my-run", namespace: "team-a", uid: "6" } } };
    expect(keyOf(otherRun)).not.toBe(jobKey(executeRequest("train")));
  });
});
