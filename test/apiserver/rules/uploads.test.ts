/**
 * Uploads and the checks on a spec file, rule by rule, under both packages, against the whole server.
 *
 * docs/spec/pipelines-and-python-client.md#upload-endpoints, #checks-on-a-spec-file
 */
import { gzipSync } from "node:zlib";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { stringify } from "yaml";
import { tarArchive, zipArchive } from "../../support/archives.ts";
import { startWay, WAYS, type ApiWay } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const SPEC = stringify(SMALL_SPEC);
const PLATFORM = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
const documents = (...values: readonly object[]) => values.map((value) => stringify(value)).join("---\n");

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly json: JsonObject;
}

type Send = (path: string, content: string | Buffer, name?: string, field?: string) => Promise<Answer>;

function sender({ url }: ApiWay): Send {
  return async (path, content, name = "file.yaml", field = "uploadfile") => {
    const body = new FormData();
    body.set(field, new Blob([typeof content === "string" ? content : new Uint8Array(content)]), name);
    const response = await fetch(`${url}/pipelines/${path}`, { method: "POST", body });
    const json = (await response.json()) as JsonObject;
    return { status: response.status, type: response.headers.get("content-type") ?? "", json };
  };
}

const query = (values: Record<string, string>) => `?${new URLSearchParams(values).toString()}`;

describe.for(WAYS.filter(({ transport }) => transport === "rest"))("uploads over $name", (by) => {
  async function start() {
    const api = await startWay(by);
    return { ...api, send: sender(api) };
  }

  test.for<{ name: string; query: Record<string, string>; file?: string; shown: JsonObject }>([
    { name: "no names", query: {}, shown: { name: "file.yaml", display_name: "file.yaml" } },
    { name: "a name", query: { name: "n" }, shown: { name: "n", display_name: "n" } },
    { name: "a display name", query: { display_name: "D d" }, shown: { name: "D d", display_name: "D d" } },
    { name: "both", query: { name: "n", display_name: "D" }, shown: { name: "n", display_name: "D" } },
    { name: "a path as file name", query: {}, file: "a/b\\c.yaml", shown: { name: "c.yaml", display_name: "c.yaml" } },
    {
      name: "all there is",
      query: { name: "n", description: "d", namespace: "any", tags: '{"a":"1"}' },
      shown: { name: "n", display_name: "n", description: "d", tags: { a: "1" } },
    },
    {
      name: "the longest name",
      query: { name: "x".repeat(128) },
      shown: { name: "x".repeat(128), display_name: "x".repeat(128) },
    },
    { name: "the longest namespace", query: { name: "n", namespace: "n".repeat(63) }, shown: { name: "n", display_name: "n" } },
  ])("make a pipeline and its first version: $name", async ({ query: values, file, shown }, { expect }) => {
    const { send, call } = await start();
    const { status, type, json } = await send(`upload${query(values)}`, SPEC, file);
    expect([status, type]).toEqual([200, "application/json"]);
    const pipelineId = textAt(json, "pipeline_id");
    expect(json).toEqual({ ...shown, pipeline_id: pipelineId, created_at: "1970-01-01T00:16:40Z" });
    expect(await call("GetPipeline", { pipeline_id: pipelineId })).toEqual(json);
    const { pipeline_versions: versions } = await call("ListPipelineVersions", { pipeline_id: pipelineId });
    const { tags: _, ...names } = shown;
    const cut = (text: string) => text.slice(0, 127);
    expect(versions).toMatchObject([
      { ...names, name: cut(textAt(shown, "name")), display_name: cut(textAt(shown, "display_name")), pipeline_spec: SMALL_SPEC },
    ]);
  });

  test.for<{ name: string; query: Record<string, string>; shown: JsonObject }>([
    { name: "no names", query: {}, shown: { name: "file.yaml", display_name: "file.yaml" } },
    { name: "a name", query: { name: "v" }, shown: { name: "v", display_name: "v" } },
    {
      name: "all there is",
      query: { name: "v", display_name: "V", description: "d", tags: '{"a":"1"}' },
      shown: { name: "v", display_name: "V", description: "d", tags: { a: "1" } },
    },
    {
      name: "the longest name",
      query: { name: "x".repeat(127) },
      shown: { name: "x".repeat(127), display_name: "x".repeat(127) },
    },
  ])("make a version: $name", async ({ query: values, shown }, { expect }) => {
    const { send, call } = await start();
    const pipelineId = textAt(await call("CreatePipeline", { pipeline: { name: "p" } }), "pipeline_id");
    const { status, json } = await send(`upload_version${query({ ...values, pipelineid: pipelineId })}`, SPEC);
    expect(status).toBe(200);
    const ids = { pipeline_id: pipelineId, pipeline_version_id: textAt(json, "pipeline_version_id") };
    expect(json).toEqual({ ...shown, ...ids, created_at: "1970-01-01T00:16:40Z", pipeline_spec: SMALL_SPEC });
    expect(await call("GetPipelineVersion", ids)).toEqual(json);
  });

  const packed = (entries: readonly (readonly [string, string])[]) => entries.map(([name, content]) => ({ name, content }));

  test.for<{ name: string; file: string; content: string | Buffer }>([
    { name: "YAML", file: "p.yaml", content: SPEC },
    { name: "YAML, the short ending", file: "p.yml", content: SPEC },
    { name: "JSON", file: "p.json", content: JSON.stringify(SMALL_SPEC) },
    { name: "JSON in a YAML file", file: "p.yaml", content: JSON.stringify(SMALL_SPEC) },
    { name: "zip", file: "p.zip", content: zipArchive(packed([["a.yaml", SPEC]])) },
    { name: "zip by content, whatever its name", file: "p.bin", content: zipArchive(packed([["a.yaml", SPEC]])) },
    {
      name: "zip with pipeline.yaml behind others",
      file: "p.zip",
      content: zipArchive(
        packed([
          ["a.txt", "x"],
          ["pipeline.yaml", SPEC],
        ]),
      ),
    },
    { name: "tar.gz", file: "p.tar.gz", content: gzipSync(tarArchive(packed([["a.yml", SPEC]]))) },
    {
      name: "tar.gz by content",
      file: "p",
      content: gzipSync(
        tarArchive(
          packed([
            ["b.yaml", "x"],
            ["pipeline.yaml", SPEC],
          ]),
        ),
      ),
    },
  ])("take $name", async ({ file, content }, { expect }) => {
    const { send } = await start();
    expect((await send("upload?name=p", content, file)).status).toBe(200);
  });

  interface Refused {
    readonly name: string;
    readonly query?: Record<string, string>;
    readonly content?: string | Buffer;
    readonly file?: string;
    readonly field?: string;
    readonly status: number;
    readonly says: RegExp;
  }
  const REFUSED: readonly Refused[] = [
    { name: "another part", field: "file", status: 400, says: /uploadfile/ },
    { name: "an unknown format", file: "p.txt", status: 400, says: /none of/ },
    { name: "a file that is too large", content: Buffer.alloc(33_554_433, " "), status: 400, says: /33554432/ },
    { name: "a broken zip", file: "p.zip", content: "PK nothing", status: 400, says: /zip/ },
    { name: "a broken tar.gz", file: "p.gz", content: Buffer.from([0x1f, 0x8b, 1, 2]), status: 400, says: /gzip/ },
    {
      name: "a zip whose first entry is no YAML",
      file: "p.zip",
      content: zipArchive(
        packed([
          ["a.txt", "x"],
          ["b.yaml", SPEC],
        ]),
      ),
      status: 400,
      says: /not a YAML file/,
    },
    {
      name: "pipeline.yaml in a folder behind another file",
      file: "p.zip",
      content: zipArchive(
        packed([
          ["a.txt", "x"],
          ["d/pipeline.yaml", SPEC],
        ]),
      ),
      status: 400,
      says: /not a YAML file/,
    },
    { name: "tags that are no JSON", query: { tags: "a=1" }, status: 400, says: /tags/ },
    { name: "tags that are no texts", query: { tags: '{"a":1}' }, status: 400, says: /tags/ },
    {
      name: "21 tags",
      query: { tags: JSON.stringify(Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, ""]))) },
      status: 400,
      says: /at most 20/,
    },
    { name: "a long namespace", query: { namespace: "n".repeat(64) }, status: 400, says: /63/ },
    { name: "a name in use", query: { name: "taken" }, status: 409, says: /taken/ },
    { name: "nothing", content: "", status: 400, says: /unknown template format/ },
    { name: "no pipeline", content: "a: 1\n", status: 400, says: /unknown template format/ },
    {
      name: "no name of the pipeline",
      content: stringify({ ...SMALL_SPEC, pipelineInfo: {} }),
      status: 400,
      says: /unknown template format/,
    },
    { name: "no root", content: stringify({ ...SMALL_SPEC, root: undefined }), status: 400, says: /unknown template format/ },
    {
      name: "MSG-1: an unknown member",
      content: stringify({ ...SMALL_SPEC, news: 1 }),
      status: 400,
      says: /unknown template format.*news/,
    },
    { name: "two pipelines", content: documents(SMALL_SPEC, SMALL_SPEC), status: 400, says: /more than one pipeline/ },
    { name: "two platforms", content: documents(SMALL_SPEC, PLATFORM, PLATFORM), status: 400, says: /more than one platform/ },
    {
      name: "another version of the format",
      content: stringify({ ...SMALL_SPEC, schemaVersion: "2.1" }),
      status: 400,
      says: /2\.1\.0/,
    },
    {
      name: "no version of the format",
      content: stringify({ ...SMALL_SPEC, schemaVersion: undefined }),
      status: 400,
      says: /2\.1\.0/,
    },
    ...["Hello", "-a", "a_b", "a.b", "é", "x".repeat(129)].map((name) => ({
      ...{
        name: `the pipeline name ${name.slice(0, 9)}`,
        content: stringify({ ...SMALL_SPEC, pipelineInfo: { name } }),
        status: 400,
        says: /small letter/,
      },
    })),
    { name: "a syntax error", content: "a: [\n", status: 400, says: /line/ },
    {
      name: "a workflow of Argo",
      content: stringify({ apiVersion: "argoproj.io/v1alpha1", kind: "Workflow" }),
      status: 400,
      says: /unknown template format/,
    },
    { name: "text that is no UTF-8", content: Buffer.from([0x61, 0xff, 0xfe]), status: 400, says: /UTF-8/ },
  ];

  test.for(REFUSED)("are refused with $status for $name", async (row, { expect }) => {
    const { send, call, internal } = await start();
    const pipelineId = textAt((await send("upload?name=taken", SPEC)).json, "pipeline_id");
    const targets = ["upload", ...(row.query?.["namespace"] === undefined ? ["upload_version"] : [])];
    for (const target of targets) {
      const values = { name: "new", ...row.query, ...(target === "upload" ? {} : { pipelineid: pipelineId }) };
      const { status, type, json } = await send(`${target}${query(values)}`, row.content ?? SPEC, row.file, row.field);
      expect([status, type], target).toEqual([row.status, "application/json"]);
      expect(Object.keys(json)).toEqual(["error_message", "error_details"]);
      expect(json["error_message"]).toMatch(row.says);
      expect(textAt(json, "error_details").endsWith(textAt(json, "error_message"))).toBe(true);
    }
    expect((await call("ListPipelines"))["total_size"]).toBe(1);
    expect((await call("ListPipelineVersions", { pipeline_id: pipelineId }))["total_size"]).toBe(1);
    expect(internal).toEqual([]);
  });

  test.for<{ name: string; path: string; says: RegExp }>([
    { name: "a name of 129 characters", path: `upload${query({ name: "x".repeat(129) })}`, says: /at most 128/ },
    { name: "a display name of 129 characters", path: `upload${query({ display_name: "x".repeat(129) })}`, says: /at most 128/ },
    {
      name: "a version's name of 128 characters",
      path: `upload_version${query({ name: "x".repeat(128), pipelineid: "{p}" })}`,
      says: /at most 127/,
    },
    { name: "no pipelineid", path: "upload_version?name=v", says: /pipelineid/ },
    { name: "an empty pipelineid", path: "upload_version?name=v&pipelineid=", says: /pipelineid/ },
    { name: "an unknown pipelineid", path: "upload_version?name=v&pipelineid=nope", says: /nope not found/ },
  ])("are refused with 400 for $name", async ({ path, says }, { expect }) => {
    const { send } = await start();
    const pipelineId = textAt((await send("upload?name=p", SPEC)).json, "pipeline_id");
    const { status, json } = await send(path.replace("%7Bp%7D", pipelineId), SPEC);
    expect([status, json["error_message"]]).toEqual([400, expect.stringMatching(says)]);
  });

  test.for<{ name: string; content: string; spec: JsonObject }>([
    { name: "a pipeline", content: SPEC, spec: SMALL_SPEC },
    {
      name: "a pipeline and its platform",
      content: documents(SMALL_SPEC, PLATFORM),
      spec: { pipeline_spec: SMALL_SPEC, platform_spec: PLATFORM },
    },
    {
      name: "the platform first",
      content: documents(PLATFORM, SMALL_SPEC),
      spec: { pipeline_spec: SMALL_SPEC, platform_spec: PLATFORM },
    },
    { name: "other and empty documents beside it", content: `---\n${documents({ a: 1 }, SMALL_SPEC)}---\n`, spec: SMALL_SPEC },
    { name: "a platform that is not Kubernetes", content: documents(SMALL_SPEC, { platforms: { other: {} } }), spec: SMALL_SPEC },
    { name: "comments", content: `# hello\n${SPEC}# bye\n`, spec: SMALL_SPEC },
    {
      name: "the longest name",
      content: stringify({ ...SMALL_SPEC, pipelineInfo: { name: "a".repeat(128) } }),
      spec: { ...SMALL_SPEC, pipelineInfo: { name: "a".repeat(128) } },
    },
    {
      name: "a name of digits and dashes",
      content: stringify({ ...SMALL_SPEC, pipelineInfo: { name: "0-1-" } }),
      spec: { ...SMALL_SPEC, pipelineInfo: { name: "0-1-" } },
    },
  ])("keep $name", async ({ content, spec }, { expect }) => {
    const { send, call } = await start();
    const pipelineId = textAt((await send("upload?name=p", content)).json, "pipeline_id");
    const { pipeline_versions: versions } = await call("ListPipelineVersions", { pipeline_id: pipelineId });
    expect((versions as JsonObject[])[0]?.["pipeline_spec"]).toEqual(spec);
    const run = { display_name: "r", pipeline_version_reference: { pipeline_id: pipelineId } };
    expect(await call("CreateRun", { run })).toMatchObject({ state: "PENDING" });
  });

  test("only by POST", async ({ expect }) => {
    const { url } = await start();
    for (const path of ["upload", "upload_version"]) {
      const response = await fetch(`${url}/pipelines/${path}`, { method: "PUT" });
      expect([response.status, ((await response.json()) as JsonObject)["code"]], path).toEqual([501, 12]);
    }
  });
});
