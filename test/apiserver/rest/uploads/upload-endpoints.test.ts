import { create } from "@bufbuild/protobuf";
import { describe, onTestFinished, test } from "vitest";
import { openToAll, type Authorizer } from "../../../../src/apiserver/calls/authorizer.ts";
import { createTokenAuthorizer } from "../../../../src/apiserver/calls/token-authorizer.ts";
import { startRestServer } from "../../../../src/apiserver/rest/rest-server.ts";
import { MAX_UPLOAD_BYTES } from "../../../../src/apiserver/rest/uploads/package-text.ts";
import { uploadEndpoints, type PipelineUpload } from "../../../../src/apiserver/rest/uploads/upload-endpoints.ts";
import { alreadyExists, notFound } from "../../../../src/apiserver/service-error.ts";
import { PipelineSchema, PipelineVersionSchema } from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { zipArchive } from "../../../support/archives.ts";

interface Stored extends PipelineUpload {
  readonly pipelineId?: string;
}

async function start(options: { authorizer?: Authorizer; fail?: Error; until?: Promise<void> } = {}) {
  const stored: Stored[] = [];
  const internal: unknown[] = [];
  const keep = async (upload: Stored) => {
    await options.until;
    if (options.fail !== undefined) throw options.fail;
    stored.push(upload);
  };
  const uploads = {
    async uploadPipeline(upload: PipelineUpload) {
      await keep(upload);
      return create(PipelineSchema, { pipelineId: "p-1", name: upload.name, displayName: upload.displayName });
    },
    async uploadVersion(pipelineId: string, upload: PipelineUpload) {
      await keep({ ...upload, pipelineId });
      return create(PipelineVersionSchema, { pipelineId, pipelineVersionId: "v-1", pipelineSpec: { a: 1 } });
    },
  };
  const server = await startRestServer({
    host: "127.0.0.1",
    port: 0,
    packages: ["v2beta1", "v2"],
    endpoints: uploadEndpoints(uploads, options.authorizer ?? openToAll),
    allowed: { hosts: [], origins: [] },
    onInternalError: (_path, error) => internal.push(error),
  });
  onTestFinished(async () => await server.close());
  const post = async (path: string, body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/apis/${path}`, { method: "POST", body, headers });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };
  return { post, stored, internal };
}

function form(content: string | Buffer, name = "my.yaml", field = "uploadfile"): FormData {
  const data = new FormData();
  data.set("other", "x");
  data.set(field, new Blob([typeof content === "string" ? content : new Uint8Array(content)]), name);
  return data;
}

// docs/spec/pipelines-and-python-client.md#upload-endpoints
describe("upload", () => {
  test.for([
    { query: "?name=n", upload: { name: "n", displayName: "" } },
    { query: "?display_name=d%20d", upload: { name: "", displayName: "d d" } },
    { query: "?name=n&display_name=d", upload: { name: "n", displayName: "d" } },
    { query: "?name=n&name=m", upload: { name: "n" } },
    { query: "", upload: { name: "my.yaml", displayName: "" } },
    { query: "?namespace=any&description=long", upload: { description: "long" } },
    { query: `?tags=${encodeURIComponent('{"team":"a"}')}`, upload: { tags: { team: "a" } } },
  ])("of a pipeline with $query", async ({ query, upload }, { expect }) => {
    const { post, stored } = await start();
    const answer = await post(`v2beta1/pipelines/upload${query}`, form("a: 1"));
    expect(answer).toMatchObject({ status: 200, json: { pipeline_id: "p-1" } });
    expect(stored).toEqual([expect.objectContaining({ ...upload, text: "a: 1" })]);
  });

  test("of a version, in an archive, under v2", async ({ expect }) => {
    const { post, stored } = await start();
    const body = form(zipArchive([{ name: "pipeline.yaml", content: "b: 2" }]), "C:\\tmp\\my.zip");
    const answer = await post("v2/pipelines/upload_version?pipelineid=p-7&name=v", body);
    expect(answer).toEqual({ status: 200, json: { pipeline_id: "p-7", pipeline_version_id: "v-1", pipeline_spec: { a: 1 } } });
    expect(stored).toEqual([{ pipelineId: "p-7", name: "v", displayName: "", description: "", tags: {}, text: "b: 2" }]);
  });

  test.for([
    { name: "another part", body: form("a", "a.yaml", "file"), message: 'no part "uploadfile"' },
    { name: "a part without a file name", body: new URLSearchParams({ uploadfile: "a" }), message: "not multipart/form-data" },
    { name: "no form", body: "a: 1", message: "not multipart/form-data" },
    { name: "an archive of nothing", body: form(zipArchive([]), "a.zip"), message: "has no files" },
    { name: "tags that are none", body: form("a"), query: "?tags=[1]", message: "tags is not a JSON object" },
    { name: "tags of numbers", body: form("a"), query: '?tags={"a":1}', message: "tags is not a JSON object" },
    { name: "a long namespace", body: form("a"), query: `?namespace=${"n".repeat(64)}`, message: "more than 63" },
    { name: "bad escapes", body: form("a"), query: "?name=%zz", message: "percent-encoded" },
    { name: "a file that is too large", body: form(Buffer.alloc(MAX_UPLOAD_BYTES + 1)), message: "33554432 bytes" },
    { name: "one beyond the largest form", body: form(Buffer.alloc(MAX_UPLOAD_BYTES + 2 ** 21)), message: "33554432 bytes" },
  ])("is refused with $name", async ({ body, query = "", message }, { expect }) => {
    const { post, stored } = await start();
    const { status, json } = await post(`v2beta1/pipelines/upload${query}`, body);
    expect({ status, json }).toMatchObject({
      status: 400,
      json: {
        error_message: expect.stringContaining(message) as string,
        error_details: expect.stringMatching(/^Failed to /) as string,
      },
    });
    expect(stored).toEqual([]);
  });

  test("is refused with a broken form", async ({ expect }) => {
    const { post } = await start();
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    for (const body of ["", "--x", "--x\r\n\r\n", "--x\r\ncontent-disposition: form-data; name=uploadfile\r\n\r\na\r\n--x--"]) {
      expect((await post("v2beta1/pipelines/upload", body, headers)).status).toBe(400);
    }
    expect((await post("v2beta1/pipelines/upload", "x", { "content-type": "multipart/form-data" })).status).toBe(400);
  });

  test("of a version needs the pipeline", async ({ expect }) => {
    const { post } = await start({ fail: notFound("Pipeline", "p-9") });
    expect(await post("v2beta1/pipelines/upload_version", form("a"))).toMatchObject({
      status: 400,
      json: { error_message: expect.stringContaining("pipelineid is required") as string },
    });
    expect(await post("v2beta1/pipelines/upload_version?pipelineid=p-9", form("a"))).toMatchObject({
      status: 400,
      json: { error_message: "Pipeline p-9 not found", error_details: "Failed to upload a version: Pipeline p-9 not found" },
    });
  });

  test("of a name in use is a conflict; what goes wrong inside is told to the caller only", async ({ expect }) => {
    const taken = await start({ fail: alreadyExists("taken") });
    expect(await taken.post("v2beta1/pipelines/upload", form("a"))).toMatchObject({ status: 409 });
    const broken = await start({ fail: new Error("disk /secret/path is full") });
    expect(await broken.post("v2beta1/pipelines/upload", form("a"))).toMatchObject({ status: 500 });
    expect(broken.internal).toHaveLength(1);
  });

  test("API-27: needs the user's token where there are tokens", async ({ expect }) => {
    const authorizer = createTokenAuthorizer("u".repeat(32));
    const { post, stored } = await start({ authorizer });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect((await post("v2beta1/pipelines/upload", form("a"))).status).toBe(401);
    expect((await post("v2beta1/pipelines/upload", form("a"), bearer(authorizer.tokenOfRun("r")))).status).toBe(403);
    expect(stored).toEqual([]);
    expect((await post("v2beta1/pipelines/upload", form("a"), bearer("u".repeat(32)))).status).toBe(200);
  });

  test("of many files at once is answered with 429, and works again afterwards", async ({ expect }) => {
    let open = () => {};
    const until = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { post } = await start({ until });
    const first = Array.from({ length: 20 }, async () => {
      const { status } = await post("v2beta1/pipelines/upload", form("a"));
      if (status === 429) open();
      return status;
    });
    const statuses = await Promise.all(first);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(8);
    expect(statuses).toContain(429);
    expect((await post("v2beta1/pipelines/upload", form("a"))).status).toBe(200);
  });
});
