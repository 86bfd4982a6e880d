import { toJson, type DescMessage } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { printJson } from "../../../../src/core/protojson/protojson.ts";
import { printReply } from "../../../../src/apiserver/rest/gateway/gateway-endpoints.ts";
import { readRequest } from "../../../../src/apiserver/rest/gateway/request-message.ts";
import * as artifactMessages from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import * as pipelineMessages from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import * as recurringMessages from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import * as runMessages from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { AuthorizeRequestSchema } from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/auth_pb.js";
import { arbitraryMessage } from "../../../support/arbitrary-message.ts";

const { CreateRunRequestSchema, GetRunRequestSchema, ListRunsRequestSchema, ListTasksRequestSchema, UpdateTaskRequestSchema } =
  runMessages;
const { ListArtifactTasksRequestSchema } = artifactMessages;

function read(
  input: DescMessage,
  request: { body?: string; bodyField?: string; query?: string; variables?: Record<string, string> },
): unknown {
  const { body = "", bodyField = "", query = "", variables = {} } = request;
  return toJson(input, readRequest({ input, body: bodyField }, { variables, query, body }).message, {
    useProtoFieldName: true,
  });
}

// docs/spec/json-and-rest.md#rest-gateway (query parameters)
describe("query parameters", () => {
  test.for([
    { query: "page_size=10&sort_by=created_at+desc", json: { page_size: 10, sort_by: "created_at desc" } },
    { query: "pageSize=10&sortBy=a%20b", json: { page_size: 10, sort_by: "a b" } },
    { query: "page_token=&filter=&namespace=", json: {} },
    { query: "page_size=%2B7", json: { page_size: 7 } },
    { query: "view=FULL", json: { view: "FULL" } },
    { query: "view=1", json: { view: "FULL" } },
    { query: "unknown=1&un.known=2", json: {} },
    { query: "&&page_size=1&", json: { page_size: 1 } },
    { query: "filter=%7B%22predicates%22%3A%5B%5D%7D", json: { filter: '{"predicates":[]}' } },
  ])("$query", ({ query, json }, { expect }) => {
    expect(read(ListRunsRequestSchema, { query })).toEqual(json);
  });

  test.for([
    { query: "page_size=1e9", message: 'Query parameter "page_size" is not an integer' },
    { query: "page_size=", message: 'Query parameter "page_size" is not an integer' },
    { query: "page_size=10.0", message: "is not an integer" },
    { query: "page_size=2147483648", message: "page_size: the integer is out of range" },
    { query: "view=full", message: 'Query parameter "view" is not one of ViewMode' },
    { query: "view=7", message: 'Query parameter "view" is not one of ViewMode' },
    { query: "page_size=1&page_size=2", message: 'Query parameter "page_size" is given 2 times' },
    { query: "page_size=1&pageSize=2", message: 'Query parameter "page_size" is given 2 times' },
    { query: "page_size.x=1", message: "page_size is not a message" },
    { query: "filter=%zz", message: "not well percent-encoded" },
    { query: "filter=%ff", message: "not well percent-encoded" },
  ])("refuses $query", ({ query, message }, { expect }) => {
    expect(() => read(ListRunsRequestSchema, { query })).toThrow(message);
    expect(() => read(ListRunsRequestSchema, { query })).toThrow(expect.objectContaining({ httpStatus: 400 }));
  });

  test("repeat for lists, lead into messages, and are texts, times and wrappers", ({ expect }) => {
    expect(read(ListArtifactTasksRequestSchema, { query: "task_ids=a&taskIds=b&type=OUTPUT" })).toEqual({
      task_ids: ["a", "b"],
      type: "OUTPUT",
    });
    expect(
      read(CreateRunRequestSchema, {
        query: "run.display_name=x&run.runtimeConfig.pipeline_root=s3://b&run.created_at=2025-01-02T03:04:05%2B01:00",
      }),
    ).toEqual({
      run: { display_name: "x", runtime_config: { pipeline_root: "s3://b" }, created_at: "2025-01-02T02:04:05Z" },
    });
    expect(read(CreateRunRequestSchema, { query: 'run.pipeline_spec={"a":1}' })).toEqual({ run: { pipeline_spec: { a: 1 } } });
    expect(() => read(CreateRunRequestSchema, { query: "run.created_at=yesterday" })).toThrow("created_at");
    expect(() => read(CreateRunRequestSchema, { query: "run.runtime_config=x" })).toThrow("has a form in a query");
    expect(() => read(CreateRunRequestSchema, { query: "run.state_history=x" })).toThrow("has a form in a query");
  });

  test.for(["1", "t", "T", "TRUE", "true", "True"])("%s is true", (text, { expect }) => {
    const schema = pipelineMessages.DeletePipelineRequestSchema;
    expect(read(schema, { query: `cascade=${text}` })).toEqual({ cascade: true });
    expect(() => read(schema, { query: `cascade=${text}x` })).toThrow("is not true or false");
  });

  test.for(["0", "f", "F", "FALSE", "false", "False"])("%s is false", (text, { expect }) => {
    expect(read(pipelineMessages.DeletePipelineRequestSchema, { query: `cascade=${text}` })).toEqual({});
  });

  test("do not touch what path and body say, and are not read beside a whole body", ({ expect }) => {
    expect(read(GetRunRequestSchema, { query: "run_id=other&runId=other", variables: { run_id: "r" } })).toEqual({ run_id: "r" });
    expect(read(CreateRunRequestSchema, { query: "run.run_id=q&experiment_id=e", bodyField: "run", body: "{}" })).toEqual({
      run: {},
      experiment_id: "e",
    });
    expect(read(ListTasksRequestSchema, { query: "page_size=x", bodyField: "*", body: "{}" })).toEqual({});
  });

  test("of an enum may be numbers", ({ expect }) => {
    expect(read(AuthorizeRequestSchema, { query: "verb=2&resources=VIEWERS" })).toEqual({ verb: "GET", resources: "VIEWERS" });
  });
});

// docs/spec/json-and-rest.md#input, #rest-gateway
describe("bodies", () => {
  test.for([
    { bodyField: "run", body: '{"display_name":"a","runtimeConfig":{"parameters":{"n":null}}}' },
    { bodyField: "*", body: '{"run":{"display_name":"a","runtime_config":{"parameters":{"n":null}}}}' },
  ])("$bodyField", ({ bodyField, body }, { expect }) => {
    expect(read(CreateRunRequestSchema, { bodyField, body })).toEqual({
      run: { display_name: "a", runtime_config: { parameters: { n: null } } },
    });
  });

  test("that are empty bind nothing", ({ expect }) => {
    expect(read(CreateRunRequestSchema, { bodyField: "run", body: "" })).toEqual({});
    expect(read(CreateRunRequestSchema, { bodyField: "*", body: " \n" })).toEqual({});
  });

  test("yield to the path, under both names", ({ expect }) => {
    const variables = { run_id: "r", task_id: "t" };
    expect(read(UpdateTaskRequestSchema, { bodyField: "*", body: '{"runId":"x","task_id":"y"}', variables })).toEqual(variables);
    const update = pipelineMessages.UpdatePipelineRequestSchema;
    expect(
      read(update, {
        bodyField: "pipeline",
        body: '{"pipelineId":"x","display_name":"d"}',
        variables: { "pipeline.pipeline_id": "p" },
      }),
    ).toEqual({ pipeline: { pipeline_id: "p", display_name: "d" } });
    expect(read(update, { bodyField: "pipeline", variables: { "pipeline.pipeline_id": "p" } })).toEqual({
      pipeline: { pipeline_id: "p" },
    });
  });

  test.for([
    { body: '{"foo":1}', message: "The request has unknown fields: run.foo" },
    { body: '{"__proto__":{}}', message: "The request has unknown fields: run.__proto__" },
    { body: '{"state":"NOPE"}', message: "run.state" },
    { body: '{"display_name":1}', message: "run.display_name: expected a string, found a number" },
    { body: '{"display_name":"a","displayName":"b"}', message: "the same field is also given" },
    { body: '{"display_name":"a","display_name":"b"}', message: "appears twice" },
    { body: "[]", message: "run: expected an object, found a list" },
    { body: "{} x", message: "not valid JSON" },
    { body: "not json", message: "not valid JSON" },
    { body: '{"runtime_config":{"parameters":{"n":9007199254740993}}}', message: "would be rounded" },
    { body: "[".repeat(300), message: "not valid JSON" },
    { body: `${"[".repeat(300)}${"]".repeat(300)}`, message: "200 levels" },
  ])("refuses $body", ({ body, message }, { expect }) => {
    expect(() => read(CreateRunRequestSchema, { bodyField: "run", body })).toThrow(message);
    expect(() => read(CreateRunRequestSchema, { bodyField: "run", body })).toThrow(
      expect.objectContaining({ name: "RequestProblem", httpStatus: 400 }),
    );
  });

  test("MSG-1: of the whole message are objects without unknown members", ({ expect }) => {
    expect(() => read(CreateRunRequestSchema, { bodyField: "*", body: '"x"' })).toThrow("not a JSON object");
    expect(() => read(CreateRunRequestSchema, { bodyField: "*", body: '{"__proto__":1}' })).toThrow("unknown fields: __proto__");
  });
});

describe("messages of any content", () => {
  const schemas = [runMessages, artifactMessages, pipelineMessages, recurringMessages].flatMap((messages) =>
    Object.values(messages).filter((value): value is DescMessage => (value as { kind?: string }).kind === "message"),
  );

  test.for(schemas.map((schema) => ({ name: schema.name, schema })))(
    "$name: printed as protobuf-es prints it, and read back to the same",
    ({ schema }, { expect }) => {
      fc.assert(
        fc.property(arbitraryMessage(schema), (message) => {
          const json = toJson(schema, message as never, { useProtoFieldName: true });
          const text = printReply(schema, message);
          expect(JSON.parse(text)).toEqual(json);
          const request = { variables: {}, query: "" };
          const binding = { input: schema, body: "*" };
          expect(readRequest(binding, { ...request, body: text }).message).toEqual(message);
          const camel = printJson(schema, message as never);
          expect(readRequest(binding, { ...request, body: camel }).message).toEqual(message);
        }),
        { numRuns: 20 },
      );
    },
  );
});
