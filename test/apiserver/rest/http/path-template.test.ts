import { describe, test } from "vitest";
import { compareTemplates, matchPath, parsePathTemplate } from "../../../../src/apiserver/rest/http/path-template.ts";

// docs/spec/json-and-rest.md#rest-gateway
describe("matchPath()", () => {
  test.for([
    { template: "/apis/v2beta1/runs", path: "/apis/v2beta1/runs", variables: {} },
    { template: "/apis/v2beta1/runs", path: "/apis/v2beta1/runs/", variables: undefined },
    { template: "/runs/{run_id}", path: "/runs/r-1", variables: { run_id: "r-1" } },
    { template: "/runs/{run_id}", path: "/runs/", variables: undefined },
    { template: "/runs/{run_id}", path: "/runs/a/b", variables: undefined },
    { template: "/runs/{run_id}", path: "/runs/a%2Fb%20c", variables: { run_id: "a/b c" } },
    { template: "/runs/{run_id}", path: "/runs/a+b", variables: { run_id: "a+b" } },
    { template: "/runs/{run_id}", path: "/runs/a:b", variables: { run_id: "a:b" } },
    { template: "/runs/{run_id}:terminate", path: "/runs/a:terminate", variables: { run_id: "a" } },
    { template: "/runs/{run_id}:terminate", path: "/runs/a:b:terminate", variables: { run_id: "a:b" } },
    { template: "/runs/{run_id}:terminate", path: "/runs/a", variables: undefined },
    { template: "/runs/{run_id}:terminate", path: "/runs/:terminate", variables: undefined },
    { template: "/runs/{run_id}/tasks:batchUpdate", path: "/runs/a/tasks:batchUpdate", variables: { run_id: "a" } },
    { template: "/pipelines/{pipeline.pipeline_id}", path: "/pipelines/p", variables: { "pipeline.pipeline_id": "p" } },
  ])("$template, $path", ({ template, path, variables }, { expect }) => {
    expect(matchPath(parsePathTemplate(template), path)).toEqual(variables);
  });

  test("refuses escapes that are none", ({ expect }) => {
    expect(() => matchPath(parsePathTemplate("/runs/{run_id}"), "/runs/%zz")).toThrow(URIError);
    expect(() => matchPath(parsePathTemplate("/runs/{run_id}"), "/runs/%ff")).toThrow(URIError);
  });
});

test("compareTemplates() puts verbs first, then texts before variables", ({ expect }) => {
  const texts = ["/p/{id}", "/p/{id}/versions", "/p/names/{name}", "/p/{id}:archive", "/p/create"];
  expect(
    texts
      .map(parsePathTemplate)
      .toSorted(compareTemplates)
      .map(({ text }) => text),
  ).toEqual(["/p/{id}:archive", "/p/names/{name}", "/p/create", "/p/{id}", "/p/{id}/versions"]);
});
