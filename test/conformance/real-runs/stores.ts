/**
 * Object stores for the pipelines that import from s3://, minio:// and gs://: servers in this process.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startFakeGcsServer } from "../../fakes/fake-gcs-server.ts";
import { startFakeS3Server, type FakeS3Object, type FakeS3Server } from "../../fakes/fake-s3-server.ts";
import { startGoogleLogin } from "../../fakes/google-login.ts";

/** That pipelines of the table import from. */
const BUCKETS = ["bucket", "ml-pipeline-playground"];

export interface StoreServers {
  /** What the command needs to find them. */
  readonly environment: Readonly<Record<string, string>>;
  close: () => Promise<void>;
}

/**
 * @param folder For the files that the command needs.
 * @param settings Where the settings of the stores are written, as a home has them.
 * @param objects Content by URI.
 */
export async function startStores(
  folder: string,
  settings: string,
  objects: Readonly<Record<string, string>>,
): Promise<StoreServers> {
  const [s3, login] = await Promise.all([startFakeS3Server(), startGoogleLogin()]);
  const google = await startFakeGcsServer({ isAllowed: (token) => login.accountOf(token) !== undefined });
  for (const [uri, content] of Object.entries(objects)) {
    const [, scheme, bucket = "", name = ""] = /^(\w+):\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    if (scheme === "gs") google.put(bucket, name, content);
    else putIntoS3(s3, { bucket, name, content });
  }
  const key = path.join(folder, "google-key.json");
  writeFileSync(key, login.keyDocument());
  mkdirSync(path.dirname(settings), { recursive: true });
  const providers = { s3: provider(s3.endpoint), minio: provider(s3.endpoint), gs: provider(google.endpoint) };
  writeFileSync(settings, JSON.stringify(providers));
  return {
    environment: {
      AWS_ACCESS_KEY_ID: "test-key",
      AWS_SECRET_ACCESS_KEY: "test-secret",
      AWS_REGION: "us-east-1",
      GOOGLE_APPLICATION_CREDENTIALS: key,
      ARTIFACT_LOCAL_PATH: path.join(folder, "local"),
    },
    close: async () => {
      await Promise.all([s3.close(), login.close(), google.close()]);
    },
  };
}

/** What is outside of the pipeline root is read where an override names its bucket only. */
function provider(endpoint: string): object {
  const settings = { endpoint, disableSSL: true, region: "us-east-1", forcePathStyle: true, credentials: { fromEnv: true } };
  return { default: settings, overrides: BUCKETS.map((bucketName) => ({ ...settings, bucketName })) };
}

interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  readonly content: string;
}

function putIntoS3({ buckets }: FakeS3Server, { bucket, name, content }: StoredObject): void {
  const body = Buffer.from(content);
  const objects = buckets.get(bucket) ?? new Map<string, FakeS3Object>();
  objects.set(name, { body, contentType: "", etag: `"${createHash("md5").update(body).digest("hex")}"` });
  buckets.set(bucket, objects);
}
