/** Uploads end where the calls of PipelineService find them. */
import { gzipSync } from "node:zlib";
import { describe, test } from "vitest";
import { startRestApi } from "../../../fakes/rest-api.ts";
import { tarArchive, zipArchive } from "../../../support/archives.ts";

const SPEC = JSON.stringify({
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.13.0",
  root: { dag: { tasks: {} } },
  deploymentSpec: { executors: {} },
});

function form(content: string | Buffer, name: string): RequestInit {
  const body = new FormData();
  body.set("uploadfile", new Blob([typeof content === "string" ? content : new Uint8Array(content)]), name);
  return { body };
}

// docs/spec/pipelines-and-python-client.md#upload-endpoints, #essentials-per-client-method
describe("an uploaded pipeline", () => {
  test.for([
    { name: "p.yaml", content: SPEC },
    { name: "p.zip", content: zipArchive([{ name: "pipeline.yaml", content: SPEC }]) },
    { name: "p.tar.gz", content: gzipSync(tarArchive([{ name: "pipeline.yaml", content: SPEC }])) },
  ])("as $name has its first version, takes more, and runs", async ({ name, content }, { expect }) => {
    const { get, post } = await startRestApi();
    const made = await post("/pipelines/upload?name=Hello%20there", undefined, form(content, name));
    expect(made).toMatchObject({ status: 200, json: { name: "Hello there", display_name: "Hello there" } });
    const id = made.json["pipeline_id"] as string;
    expect((await post("/pipelines/upload?name=Hello%20there", undefined, form(content, name))).status).toBe(409);
    const version = await post(`/pipelines/upload_version?name=v2&pipelineid=${id}`, undefined, form(content, name));
    expect(version).toMatchObject({ status: 200, json: { pipeline_id: id, name: "v2" } });
    expect((await get(`/pipelines/${id}/versions`)).json).toMatchObject({ total_size: 2 });
    expect((await get("/pipelines/names/Hello%20there")).json).toMatchObject({ pipeline_id: id });
    const reference = { pipeline_id: id, pipeline_version_id: version.json["pipeline_version_id"] };
    expect((await post("/runs", { display_name: "r", pipeline_version_reference: reference })).json).toMatchObject({
      state: "PENDING",
    });
  });

  test("that is none is refused with the reason", async ({ expect }) => {
    const { post } = await startRestApi();
    const answer = await post("/pipelines/upload", undefined, form("kind: Workflow", "w.yaml"));
    expect(answer).toMatchObject({ status: 400, json: { error_message: expect.stringContaining("unknown template") as string } });
    expect((await post("/pipelines/upload_version?pipelineid=nope", undefined, form(SPEC, "p.yaml"))).status).toBe(400);
  });
});
