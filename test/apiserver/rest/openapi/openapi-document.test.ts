import fc from "fast-check";
import { describe, test } from "vitest";
import { printJson } from "../../../../src/core/protojson/protojson.ts";
import { httpRoutes, type HttpRoute } from "../../../../src/apiserver/rest/gateway/http-routes.ts";
import { startRestApi, type RestApi } from "../../../fakes/rest-api.ts";
import { arbitraryMessage } from "../../../support/arbitrary-message.ts";
import { resolveRef, schemaProblems } from "../../../support/json-schema.ts";

type Json = Readonly<Record<string, unknown>>;

async function startWithDocument() {
  const api = await startRestApi();
  const { json: document } = await api.get("//openapi.json");
  return { api, document: document as Json };
}

function member(value: unknown, ...path: readonly string[]): Json {
  return path.reduce((inner, key) => inner[key] as Json, value as Json);
}

/** Paths of the document name variables by their last word. */
function shortNames(path: string): string {
  return path.replaceAll(/\{\w+\./g, "{");
}

/** Every object of the document. */
function* objects(value: unknown): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const inner of Object.values(value)) yield* objects(inner);
}

describe("the OpenAPI document", () => {
  test("describes every call that is answered, and points to schemas it has", async ({ expect }) => {
    const { api, document } = await startWithDocument();
    expect(document).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
    const paths = document["paths"] as Readonly<Record<string, Json>>;
    const operations = Object.values(paths).flatMap((item) => Object.values(item as Readonly<Record<string, Json>>));
    const ids = operations.map((operation) => operation["operationId"]);
    expect(new Set(ids).size).toBe(ids.length);
    const answered = httpRoutes(api.server.services).filter(({ target }) => target.handler !== undefined);
    for (const { path, httpMethod } of answered) expect(paths[shortNames(path.text)]).toHaveProperty(httpMethod.toLowerCase());
    for (const path of ["/apis/v2beta1/healthz", "/apis/v2beta1/pipelines/upload", "/apis/v2beta1/pipelines/upload_version"]) {
      expect(paths).toHaveProperty([path]);
    }
    for (const [path, item] of Object.entries(paths)) {
      const variables = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(item)) {
        const parameters = (operation as Json)["parameters"] as Json[];
        expect(parameters.filter((each) => each["in"] === "path").map((each) => each["name"])).toEqual(variables);
      }
    }
    for (const { $ref } of objects(document)) {
      if ($ref !== undefined) expect(resolveRef(document, $ref as string)).toMatchObject({ type: "object" });
    }
  });

  test("has the paths of v2 where only those are served", async ({ expect }) => {
    const { get } = await startRestApi({ packages: ["v2"] });
    const { json } = await get("//openapi.json");
    expect(Object.keys(json["paths"] as object)).toContain("/apis/v2/runs/{run_id}");
    expect(JSON.stringify(json["paths"])).not.toContain("v2beta1");
  });
});

/** A request of a route with any message, and with ids that exist where the path wants them. */
async function send(api: RestApi, route: HttpRoute, message: unknown, ids: Readonly<Record<string, string>>) {
  const path = route.path.text.replaceAll(/\{([^}]+)\}/g, (_, name: string) => ids[name.split(".").at(-1) ?? ""] ?? "x");
  const { input } = route.method;
  const whole = JSON.parse(printJson(input, message as never, { protoNames: true })) as Json;
  const body = route.body === "" ? undefined : route.body === "*" ? whole : whole[route.body];
  const query = new URLSearchParams();
  for (const { name, fieldKind } of route.body === "*" ? [] : input.fields) {
    const value = whole[name];
    const isText = fieldKind === "scalar" || fieldKind === "enum";
    if (isText && value !== undefined && name !== route.body) query.append(name, value as string);
  }
  return await api.request(route.httpMethod, `/${path}?${query.toString()}`, body);
}

describe("answers to requests of any content", () => {
  const spec = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };

  test("fit the document, and none is an error of the server's own", { timeout: 60_000 }, async ({ expect }) => {
    const { api, document } = await startWithDocument();
    const { post, internal } = api;
    await post("/runs", { run_id: "r", display_name: "r", pipeline_spec: spec });
    const { json: task } = await post("/runs/r/tasks", { name: "t", type: "RUNTIME", scope_path: "t" });
    const { json: pipeline } = await post("/pipelines", { name: "p" });
    const { json: experiment } = await post("/experiments", { display_name: "e" });
    const ids = { run_id: "r", task_id: task["task_id"], pipeline_id: pipeline["pipeline_id"], ...experiment } as Record<
      string,
      string
    >;
    const routes = httpRoutes(api.server.services).filter(
      ({ target, httpMethod }) =>
        target.handler !== undefined && httpMethod !== "DELETE" && target.method.name !== "TerminateRun",
    );
    for (const route of routes) {
      const responses = member(document, "paths", shortNames(route.path.text), route.httpMethod.toLowerCase(), "responses");
      const schemaOf = (status: string) => member(responses, status, "content", "application/json", "schema");
      await fc.assert(
        fc.asyncProperty(arbitraryMessage(route.method.input, 3), async (message) => {
          const { status, json } = await send(api, route, message, ids);
          expect(status, JSON.stringify(json)).toBeLessThan(500);
          expect(schemaProblems(document, schemaOf(status === 200 ? "200" : "default"), json)).toEqual([]);
        }),
        { numRuns: 15 },
      );
    }
    expect(internal).toEqual([]);
  });
});
