import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, onTestFinished, test } from "vitest";
import { createTokenAuthorizer } from "../../../../src/apiserver/calls/token-authorizer.ts";
import type { RunArtifacts } from "../../../../src/apiserver/rest/artifacts/artifact-files.ts";
import { failedPrecondition } from "../../../../src/apiserver/service-error.ts";
import { startRestApi } from "../../../fakes/rest-api.ts";
import type { WatchedServerOptions } from "../../../fakes/watched-server.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };

/** A server with one root and a task in run `r`; `link` registers an artifact as its output. */
async function start(
  options: Partial<Omit<WatchedServerOptions, "rest">> = {},
  init: RequestInit = {},
  runArtifacts?: (folder: string) => RunArtifacts,
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kfp-artifacts-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, "artifacts");
  mkdirSync(root);
  const api = await startRestApi({
    ...options,
    rest: {
      artifactRoots: [root],
      ...(runArtifacts === undefined ? {} : { runArtifacts: () => runArtifacts(folder) }),
    },
  });
  await api.post("/runs", { run_id: "r", display_name: "r", pipeline_spec: SPEC }, init);
  const task = await api.post("/runs/r/tasks", { name: "t", type: "RUNTIME", scope_path: "t" }, init);
  const taskId = task.json["task_id"] as string;
  const link = async (uri: string, key = "out"): Promise<string> => {
    const artifact = { name: `${key}-name`, type: "Dataset", uri };
    const made = await api.post("/artifacts", { artifact, run_id: "r", task_id: taskId, producer_key: key }, init);
    return made.json["artifact_id"] as string;
  };
  return { ...api, folder, root, taskId, link };
}

/** As KFP's UI splits a URI, with the first folder of a path as bucket. */
function place(path: string): { bucket: string; key: string } {
  const [bucket = "", ...rest] = path.slice(1).split("/");
  return { bucket, key: rest.join("/") };
}

function uiQuery(path: string): string {
  return new URLSearchParams({ source: "file", ...place(path) }).toString();
}

// docs/spec/api-server.md#decision-artifact-reading
describe("an artifact", () => {
  test("is read by id, as the UI reads it, and through the reference's call", async ({ expect }) => {
    const { get, root, link, taskId } = await start();
    const path = join(root, "data set.csv");
    writeFileSync(path, "a,b\n1,2\n");
    const id = await link(path);
    const byId = await get(`/artifacts/${id}:read`);
    expect(byId).toMatchObject({ status: 200, text: "a,b\n1,2\n" });
    expect(Object.fromEntries(byId.headers)).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-length": "8",
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
      "content-disposition": "inline; filename*=UTF-8''data%20set.csv",
      "content-security-policy": expect.stringMatching(/^sandbox; default-src 'none'/) as string,
    });
    expect((await get(`//artifacts/get?${uiQuery(path)}`)).text).toBe("a,b\n1,2\n");
    expect((await get(`//artifacts/get?${uiQuery(path)}&peek=3`)).text).toBe("a,b");
    const { bucket, key } = place(path);
    expect((await get(`//artifacts/file/${bucket}/${encodeURIComponent(key)}`)).text).toBe("a,b\n1,2\n");
    for (const name of ["out", "out-name"]) {
      const { json } = await get(`/runs/r/nodes/${taskId}/artifacts/${name}:read`);
      expect(json).toEqual({ data: Buffer.from("a,b\n1,2\n").toString("base64") });
    }
  });

  test("is read in parts", async ({ expect }) => {
    const { get, root, link, request } = await start();
    const path = join(root, "f.txt");
    writeFileSync(path, "0123456789");
    const id = await link(path);
    const ranged = async (range: string) => await get(`/artifacts/${id}:read`, { headers: { range } });
    const part = await ranged("bytes=2-4");
    expect(part).toMatchObject({ status: 206, text: "234" });
    expect(part.headers.get("content-range")).toBe("bytes 2-4/10");
    expect(await ranged("bytes=-2")).toMatchObject({ status: 206, text: "89" });
    const behind = await ranged("bytes=10-");
    expect(behind).toMatchObject({ status: 416, json: { code: 11 } });
    expect(behind.headers.get("content-range")).toBe("bytes */10");
    const head = await request("HEAD", `/artifacts/${id}:read`);
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers.get("content-length")).toBe("10");
  });

  test("of many megabytes comes whole, also in Base64", async ({ expect }) => {
    const { get, root, link, taskId } = await start();
    const path = join(root, "big.bin");
    const bytes = Buffer.alloc(3_000_001, "0123456789abcdef-");
    writeFileSync(path, bytes);
    const id = await link(path);
    const whole = await get(`/artifacts/${id}:read`);
    expect(whole.headers.get("content-type")).toBe("application/octet-stream");
    expect(whole.text === bytes.toString()).toBe(true);
    const { json } = await get(`/runs/r/nodes/${taskId}/artifacts/out:read`);
    expect(Buffer.from(json["data"] as string, "base64").equals(bytes)).toBe(true);
  });

  test("that is a folder gives its files, one by one", async ({ expect }) => {
    const { get, root, link } = await start();
    mkdirSync(join(root, "model/a"), { recursive: true });
    writeFileSync(join(root, "model/a/w.txt"), "w");
    const id = await link(join(root, "model"));
    const folder = await get(`/artifacts/${id}:read`);
    expect(folder).toMatchObject({ status: 400, json: { code: 9 } });
    expect(folder.text).toContain(join(root, "model", "a"));
    expect((await get(`/artifacts/${id}:read?path=a/w.txt`)).text).toBe("w");
    expect((await get(`//artifacts/get?${uiQuery(join(root, "model/a/w.txt"))}`)).text).toBe("w");
    expect((await get(`/artifacts/${id}:read?path=a/none`)).status).toBe(404);
  });

  test("of a page is no page in the browser", async ({ expect }) => {
    const { get, root, link } = await start();
    for (const name of ["x.html", "x.svg", "x"]) {
      writeFileSync(join(root, name), "<script>alert(1)</script>");
      const { headers } = await get(`/artifacts/${await link(join(root, name))}:read`);
      expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
    }
  });
});

// docs/spec/api-server.md#decision-artifact-reading
describe("an artifact of a run that lies elsewhere", () => {
  /** Objects by URI that run `r` may read, and folders of it. */
  const startWithRuns = async (objects: Readonly<Record<string, string>>, folders: (folder: string) => string[] = () => []) => {
    const asked: string[] = [];
    let closed = 0;
    const world = await start({}, {}, (folder) => ({
      folders: (runId) => (runId === "r" ? folders(folder) : []),
      openObject: (runId, uri) => {
        asked.push(`${runId} ${uri}`);
        const text = runId === "r" ? objects[uri] : undefined;
        if (text === undefined) return Promise.reject(failedPrecondition(`run ${runId} may not read ${uri}`));
        const bytes = Buffer.from(text);
        return Promise.resolve({
          size: bytes.length,
          read: (from: number, to: number) => Readable.from([bytes.subarray(from, to)]),
          close: () => Promise.resolve(void (closed += 1)),
        });
      },
    }));
    return { ...world, asked, closed: () => closed };
  };

  test("is read with what the run may read, in every way, and in parts", async ({ expect }) => {
    const uri = "s3://b/dir/f.txt";
    const { get, link, taskId, asked, closed } = await startWithRuns({ [uri]: "0123456789", [`${uri}/inner`]: "i" });
    const id = await link(uri);
    expect((await get(`/artifacts/${id}:read`)).text).toBe("0123456789");
    const part = await get("//artifacts/get?source=s3&bucket=b&key=dir/f.txt", { headers: { range: "bytes=2-4" } });
    expect(part).toMatchObject({ status: 206, text: "234" });
    expect((await get("//artifacts/get?source=s3&bucket=b&key=dir/f.txt&peek=3&namespace=kubeflow")).text).toBe("012");
    expect((await get(`/artifacts/${id}:read?path=inner`)).text).toBe("i");
    const { json } = await get(`/runs/r/nodes/${taskId}/artifacts/out:read`);
    expect(Buffer.from(json["data"] as string, "base64").toString()).toBe("0123456789");
    expect(asked).toEqual([`r ${uri}`, `r ${uri}`, `r ${uri}`, `r ${uri}/inner`, `r ${uri}`]);
    expect(closed()).toBe(5);
  });

  test("is read by the run that still can, where several have it", async ({ expect }) => {
    const uri = "gs://b/k";
    const { get, post, asked } = await startWithRuns({ [uri]: "x" });
    await post("/runs", { run_id: "first", display_name: "first", pipeline_spec: SPEC });
    const made = await post("/runs/first/tasks", { name: "t", type: "RUNTIME", scope_path: "t" });
    const artifact = { name: "a", type: "Dataset", uri };
    const body = { artifact, run_id: "first", task_id: made.json["task_id"], producer_key: "out" };
    const { json } = await post("/artifacts", body);
    const again = await post("/runs/r/tasks", { name: "t2", type: "RUNTIME", scope_path: "t2" });
    const artifactTask = {
      artifact_id: json["artifact_id"],
      run_id: "r",
      task_id: again.json["task_id"],
      type: "OUTPUT",
      key: "out",
      producer: { task_name: "t2" },
    };
    expect((await post("/artifact_tasks", { artifact_task: artifactTask })).status).toBe(200);
    expect((await get(`/artifacts/${json["artifact_id"] as string}:read`)).text).toBe("x");
    expect(asked).toEqual([`first ${uri}`, `r ${uri}`]);
  });

  test("is not read when no run has it, and never by another URI than its own", async ({ expect }) => {
    const { get, link, asked } = await startWithRuns({ "s3://b/k": "x", "s3://b/other": "secret" });
    await link("s3://b/k");
    expect((await get("//artifacts/get?source=s3&bucket=b&key=other")).status).toBe(404);
    expect((await get("//artifacts/get?source=s3&bucket=b&key=k2")).status).toBe(404);
    expect(asked).toEqual([]);
    const id = await link("s3://refused/k");
    expect(await get(`/artifacts/${id}:read`)).toMatchObject({ status: 400, json: { code: 9 } });
  });

  test("as a file, in the folders of that run only, links followed", async ({ expect }) => {
    const { get, link, folder, internal } = await startWithRuns({}, (base) => [
      join(base, "root-of-r"),
      join(base, "imported.csv"),
    ]);
    mkdirSync(join(folder, "root-of-r"));
    writeFileSync(join(folder, "root-of-r/f"), "in");
    writeFileSync(join(folder, "imported.csv"), "imported");
    writeFileSync(join(folder, "imported.csv.bak"), "secret");
    writeFileSync(join(folder, "secret"), "secret");
    symlinkSync(join(folder, "secret"), join(folder, "root-of-r/link"));
    const read = async (name: string) => await get(`/artifacts/${await link(join(folder, name), name)}:read`);
    expect((await read("root-of-r/f")).text).toBe("in");
    expect((await read("imported.csv")).text).toBe("imported");
    for (const name of ["secret", "imported.csv.bak", "root-of-r/link"]) expect((await read(name)).status).toBe(403);
    expect((await read("root-of-r/none")).status).toBe(404);
    expect(internal).toEqual([]);
  });
});

describe("nothing else is read", () => {
  test("outside the folders of the server, by name, by way of .. or of links", async ({ expect }) => {
    const { get, folder, root, link, internal } = await start();
    writeFileSync(join(folder, "secret"), "secret");
    writeFileSync(join(root, "own"), "own");
    symlinkSync(join(folder, "secret"), join(root, "link"));
    symlinkSync(folder, join(root, "out"));
    spawnSync("mkfifo", [join(root, "pipe")]);
    await link(root, "all");
    const uris = [
      "/etc/passwd",
      join(folder, "secret"),
      `${root}/../secret`,
      `${root}-other/x`,
      join(root, "link"),
      join(root, "out/secret"),
    ];
    for (const uri of uris) {
      const id = await link(uri);
      const answer = await get(`/artifacts/${id}:read`);
      expect([403, 404], uri).toContain(answer.status);
      expect(answer.text).not.toMatch(/^(secret|root)/);
    }
    const id = await link(root);
    for (const path of ["../secret", "link", "out/secret", "%2e%2e/secret", "..%2fsecret"]) {
      expect((await get(`/artifacts/${id}:read?path=${path}`)).status, path).toBeGreaterThanOrEqual(400);
    }
    expect((await get(`/artifacts/${id}:read?path=own`)).text).toBe("own");
    expect((await get(`/artifacts/${id}:read?path=pipe`)).status).toBe(400);
    expect((await get(`/artifacts/${id}:read?path=a%00b`)).status).toBe(404);
    expect(internal).toEqual([]);
  });

  test("that no artifact of a run names", async ({ expect }) => {
    const { get, root, link, taskId } = await start();
    writeFileSync(join(root, "loose.txt"), "x");
    await link(join(root, "other.txt"));
    expect((await get(`//artifacts/get?${uiQuery(join(root, "loose.txt"))}`)).status).toBe(404);
    expect((await get("/artifacts/unknown:read")).status).toBe(404);
    expect((await get(`/runs/r/nodes/${taskId}/artifacts/none:read`)).status).toBe(404);
    expect((await get(`/runs/r/nodes/unknown/artifacts/out:read`)).status).toBe(404);
    expect((await get(`/runs/q/nodes/${taskId}/artifacts/out:read`)).status).toBe(404);
  });

  test.for([
    { query: "", status: 400 },
    { query: "source=file&bucket=b", status: 400 },
    { query: "source=ftp&bucket=b&key=k", status: 400 },
    { query: "source=__proto__&bucket=b&key=k", status: 400 },
    { query: "source=s3&bucket=b&key=../k", status: 400 },
    { query: "source=s3&bucket=b&key=k", status: 404 },
  ])("artifacts/get?$query: $status", async ({ query, status }, { expect }) => {
    const { get } = await start();
    expect((await get(`//artifacts/get?${query}`)).status).toBe(status);
  });

  test("of stores elsewhere, which is said", async ({ expect }) => {
    const { get, link } = await start();
    await link("s3://b/k");
    expect(await get("//artifacts/get?source=s3&bucket=b&key=k")).toMatchObject({ status: 400, json: { code: 9 } });
  });

  test("without the user's token, where there are tokens", async ({ expect }) => {
    const authorizer = createTokenAuthorizer("u".repeat(32));
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const { get, root, link } = await start({ authorizer }, bearer("u".repeat(32)));
    writeFileSync(join(root, "f"), "x");
    const id = await link(join(root, "f"));
    expect((await get(`/artifacts/${id}:read`)).status).toBe(401);
    expect((await get(`/artifacts/${id}:read`, bearer(authorizer.tokenOfRun("r")))).status).toBe(403);
    expect((await get(`/artifacts/${id}:read`, bearer("u".repeat(32)))).text).toBe("x");
  });
});
