/** A run whose artifacts live in an object store: the home's providers file, the environment's credentials. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFakeGcsServer, type FakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeS3Server, type FakeS3Server } from "../fakes/fake-s3-server.ts";
import { startGoogleLogin, type GoogleLogin } from "../fakes/google-login.ts";
import { AZURE_ACCOUNT, startAzurite } from "../support/azurite.ts";
import type { AzuriteServer } from "../support/azurite.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { root as projectRoot } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { startServing } from "../support/serving.ts";
import { skipUnless } from "../support/skip.ts";

let programs: Programs;
let server: FakeS3Server;
let login: GoogleLogin;
let google: FakeGcsServer;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  server = await startFakeS3Server();
  login = await startGoogleLogin();
  google = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined });
  folder = mkdtempSync(join(tmpdir(), "kfp-stores-"));
  writeFileSync(join(folder, "key.json"), login.keyDocument());
});
afterAll(async () => {
  await Promise.all([server.close(), login.close(), google.close()]);
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ["s3", "in-process", "runs", "runs"],
  ["minio", "process", "runs", "runs"],
  ["s3", "process", "a%20b//c#d/100%25", "a b/c#d/100%"],
  ["minio", "in-process", "a%20b//c#d/100%25", "a b/c#d/100%"],
  ["gs", "in-process", "runs", "runs"],
  ["gs", "process", "a%20b//c#d/100%25", "a b/c#d/100%"],
])("artifacts in %s://, %s, below %s", (scheme, isolation, root, prefix) => {
  test("go through the store from step to step", { timeout: 120_000 }, async () => {
    const home = join(folder, `${scheme}-${isolation}`);
    const environment = {
      AWS_ACCESS_KEY_ID: "test-key",
      AWS_SECRET_ACCESS_KEY: "test-secret",
      AWS_REGION: "us-east-1",
      GOOGLE_APPLICATION_CREDENTIALS: join(folder, "key.json"),
      ARTIFACT_LOCAL_PATH: join(folder, "local"),
    };
    const run = (args: readonly string[]) =>
      runCli(
        programs,
        ["run", join(projectRoot, "test/fixtures/pipelines/branches.yaml"), "--home", home, ...args, "--output", "json"],
        {
          cwd: folder,
          env: environment,
        },
      );
    mkdirSync(join(home, "launcher-config"), { recursive: true });
    const { endpoint, buckets } = scheme === "gs" ? google : server;
    const settings = { endpoint, disableSSL: true, region: "us-east-1", forcePathStyle: true };
    writeFileSync(
      join(home, "launcher-config/providers"),
      JSON.stringify({ [scheme]: { default: { ...settings, credentials: { fromEnv: true } } } }),
    );
    const bucket = `bucket-${scheme}-${isolation}`;
    buckets.set(bucket, new Map());
    const ended = await run(["--isolation", isolation, "--pipeline-root", `${scheme}://${bucket}/${root}`]);
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(result.outputs.parameters).toMatchObject({ both: "from if, note of if" });
    const uri = result.outputs.artifacts["note"]?.[0]?.uri ?? "";
    const start = `${scheme}://${bucket}/${root}/branches/${result.runId}/produce/`;
    expect(uri.slice(0, start.length)).toBe(start);
    const key = `${prefix}/branches/${result.runId}/produce/${uri.slice(start.length)}`;
    expect(buckets.get(bucket)?.get(key)?.body.toString()).toBe("note of if");
    if (isolation === "in-process") await readOverRest(home, environment, { uri, text: "note of if" });
  });
});

/** The server of the home reads what the run has in the store, with the configuration of the run. */
async function readOverRest(home: string, env: object, artifact: { readonly uri: string; readonly text: string }): Promise<void> {
  const serving = await startServing(programs, home, [], env);
  try {
    const [source = "", place = ""] = artifact.uri.split("://");
    const [bucket = "", ...key] = place.split("/");
    const query = new URLSearchParams({ source: source === "gs" ? "gcs" : source, bucket, key: key.join("/") });
    const ask = async (more: string, headers = {}) =>
      await fetch(`${serving.rest.url}/artifacts/get?${query.toString()}${more}`, { headers });
    const whole = await ask("");
    expect(await whole.text()).toBe(artifact.text);
    const part = await ask("", { range: "bytes=5-6" });
    expect([part.status, await part.text()]).toEqual([206, artifact.text.slice(5, 7)]);
    expect(await (await ask("&peek=4")).text()).toBe(artifact.text.slice(0, 4));
    query.set("key", `${key.slice(0, -1).join("/")}/other`);
    expect((await ask("")).status).toBe(404);
  } finally {
    expect(await serving.end("SIGTERM")).toBe(0);
  }
}

describe("artifacts in azblob://", () => {
  let azurite: AzuriteServer | { readonly missing: string };
  beforeAll(async () => {
    azurite = await startAzurite();
    if ("missing" in azurite) return void skipUnless(false, `runs with azblob://: ${azurite.missing}`);
    await azurite.createBucket("container");
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(async () => {
    if (!("missing" in azurite)) await azurite.stop();
  });

  test.each([
    ["in-process", "runs", "runs"],
    ["process", "a%20b//c#d/100%25", "a b/c__0x23__d/100__0x25__"],
  ])("%s, below %s, go through the store from step to step", { timeout: 120_000 }, async (isolation, root, prefix) => {
    if ("missing" in azurite) return;
    const home = join(folder, `azblob-${isolation}`);
    const environment = {
      AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT,
      AZURE_STORAGE_KEY: azurite.accountKey,
      ARTIFACT_LOCAL_PATH: join(folder, "local"),
    };
    mkdirSync(join(home, "launcher-config"), { recursive: true });
    const azblob = { default: { endpoint: azurite.endpoint, credentials: { fromEnv: true } } };
    writeFileSync(join(home, "launcher-config/providers"), JSON.stringify({ azblob }));
    const ended = await runCli(
      programs,
      [
        ...["run", join(projectRoot, "test/fixtures/pipelines/branches.yaml"), "--home", home, "--output", "json"],
        ...["--isolation", isolation, "--pipeline-root", `azblob://container/${root}`],
      ],
      {
        cwd: folder,
        env: environment,
      },
    );
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(result.outputs.parameters).toMatchObject({ both: "from if, note of if" });
    const uri = result.outputs.artifacts["note"]?.[0]?.uri ?? "";
    const start = `azblob://container/${root}/branches/${result.runId}/produce/`;
    expect(uri.slice(0, start.length)).toBe(start);
    const blob = await azurite.read("container", `${prefix}/branches/${result.runId}/produce/${uri.slice(start.length)}`);
    expect(blob?.toString()).toBe("note of if");
    if (isolation === "in-process") await readOverRest(home, environment, { uri, text: "note of if" });
  });
});

describe.each(["in-process", "process"])("a store that nobody can log in to, %s", (isolation) => {
  test("fails the step before its program runs, with advice", { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await runCli(
      programs,
      [
        ...["run", join(projectRoot, "test/fixtures/cases/stale-outputs-of-retries.yaml")],
        ...["--home", join(folder, `no-login-${isolation}`), "--isolation", isolation],
        ...["--pipeline-root", "minio://bucket/runs", "--output", "json"],
      ],
      { cwd: folder, env: { ARTIFACT_LOCAL_PATH: join(folder, `unused-${isolation}`) } },
    );
    expect(code).toBe(1);
    expect(JSON.stringify(parseResult(stdout))).toMatch(
      /Cannot log in to the object store with Secret .* Where there is no cluster, name the endpoint in section .*fromEnv: true/,
    );
    // The program lists its output.
    expect(stderr).not.toContain("attempt0");
  });
});

test("a home with special characters in its path keeps its artifacts inside", { timeout: 60_000 }, async () => {
  const home = join(folder, "what? 100% #1 a%20b");
  const { code, stdout, stderr } = await runCli(
    programs,
    ["run", join(projectRoot, "test/fixtures/pipelines/branches.yaml"), "--home", home, "--output", "json"],
    { cwd: folder },
  );
  expect(code, stderr).toBe(0);
  const uri = parseResult(stdout).outputs.artifacts["note"]?.[0]?.uri ?? "";
  expect(uri.startsWith(`${home}/artifacts/branches/`)).toBe(true);
  expect(readFileSync(uri, "utf8")).toBe("note of if");
});
