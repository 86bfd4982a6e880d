/** A run whose artifacts live in an object store: the home's providers file, the environment's credentials. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFakeS3Server, type FakeS3Server } from "../fakes/fake-s3-server.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";

let programs: Programs;
let server: FakeS3Server;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  server = await startFakeS3Server();
  folder = mkdtempSync(join(tmpdir(), "kfp-stores-"));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ["s3", "in-process"],
  ["minio", "process"],
])("artifacts in %s://, %s", (scheme, isolation) => {
  test("go through the store from step to step", { timeout: 120_000 }, async () => {
    const home = join(folder, scheme);
    const run = (args: readonly string[]) =>
      runCli(
        programs,
        ["run", join(root, "test/fixtures/pipelines/branches.yaml"), "--home", home, ...args, "--output", "json"],
        {
          cwd: folder,
          env: {
            AWS_ACCESS_KEY_ID: "test-key",
            AWS_SECRET_ACCESS_KEY: "test-secret",
            AWS_REGION: "us-east-1",
            ARTIFACT_LOCAL_PATH: join(folder, "local"),
          },
        },
      );
    mkdirSync(join(home, "launcher-config"), { recursive: true });
    const settings = { endpoint: server.endpoint, disableSSL: true, region: "us-east-1", forcePathStyle: true };
    writeFileSync(
      join(home, "launcher-config/providers"),
      JSON.stringify({ [scheme]: { default: { ...settings, credentials: { fromEnv: true } } } }),
    );
    const bucket = `bucket-${scheme}`;
    server.buckets.set(bucket, new Map());
    const ended = await run(["--isolation", isolation, "--pipeline-root", `${scheme}://${bucket}/runs`]);
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(result.outputs.parameters).toMatchObject({ both: "from if, note of if" });
    const uri = result.outputs.artifacts["note"]?.[0]?.uri ?? "";
    expect(uri).toMatch(new RegExp(`^${scheme}://${bucket}/runs/branches/${result.runId}/produce/`));
    const key = uri.slice(`${scheme}://${bucket}/`.length);
    expect(server.buckets.get(bucket)?.get(key)?.body.toString()).toBe("note of if");
  });
});
