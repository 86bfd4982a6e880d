import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findEnvironmentLogin } from "../../../src/objectstore/credentials/environment-credentials.ts";
import type { ChainOptions } from "../../../src/objectstore/credentials/environment-credentials.ts";
import { createHttpAgents } from "../../../src/objectstore/http-agents.ts";
import { createRetrier } from "../../../src/objectstore/retry.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

interface Seen {
  readonly line: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

let folder: string;
let server: Server;
let url: string;
let seen: Seen[];
let answers: Map<string, string>;
let clock: FakeClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-credentials-test-"));
  seen = [];
  answers = new Map();
  clock = new FakeClock("2026-08-01T12:00:00Z");
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const line = `${request.method} ${request.url}`;
      seen.push({ line, headers: request.headers, body });
      const answer = answers.get(line);
      response.writeHead(answer === undefined ? 404 : 200).end(answer ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function login(environment: Record<string, string>, options: Partial<ChainOptions> = {}) {
  const agents = await createHttpAgents({ environment: {}, maxSockets: 4 });
  const retrier = createRetrier(clock, { attempts: 2, signal: new AbortController().signal, random: () => 0 });
  return await findEnvironmentLogin({ clock, agents, retrier }, { environment: { HOME: folder, ...environment }, ...options });
}

async function credentials(environment: Record<string, string>, options: Partial<ChainOptions> = {}) {
  const found = await login(environment, options);
  return typeof found.credentials === "function" ? await found.credentials() : found.credentials;
}

const STATIC = { AWS_ACCESS_KEY_ID: "env-id", AWS_SECRET_ACCESS_KEY: "env-secret" };
const ANSWER = {
  AccessKeyId: "temp-id",
  SecretAccessKey: "temp-secret",
  Token: "temp-token",
  Expiration: "2026-08-01T13:00:00Z",
};
const TEMPORARY = {
  accessKeyId: "temp-id",
  secretAccessKey: "temp-secret",
  sessionToken: "temp-token",
  expiration: new Date("2026-08-01T13:00:00Z"),
};

async function writeProfiles(config: string, secrets = ""): Promise<void> {
  await mkdir(join(folder, ".aws"));
  await writeFile(join(folder, ".aws", "config"), config);
  await writeFile(join(folder, ".aws", "credentials"), secrets);
}

describe("findEnvironmentLogin()", () => {
  test("takes keys in variables before everything but a named profile", async () => {
    await writeProfiles(
      "",
      "[default]\naws_access_key_id = p\naws_secret_access_key = s\n[other]\naws_access_key_id=o\naws_secret_access_key=t\n",
    );
    expect(await credentials(STATIC)).toEqual({ accessKeyId: "env-id", secretAccessKey: "env-secret" });
    expect(await credentials({ ...STATIC, AWS_PROFILE: "other" })).toMatchObject({ accessKeyId: "env-id" });
    expect(await credentials(STATIC, { profile: "other" })).toEqual({ accessKeyId: "o", secretAccessKey: "t" });
    expect(await credentials({})).toEqual({ accessKeyId: "p", secretAccessKey: "s" });
  });

  test("names the profile that the pipeline root asks for and that is not there", async () => {
    await expect(credentials(STATIC, { profile: "nobody" })).rejects.toMatchObject({ code: "STORE_CONFIG_INVALID" });
  });

  test("leaves profiles with a role or a login session to the SDK", async () => {
    await writeProfiles("[profile a]\nrole_arn = r\nsource_profile = b\nregion = eu-x-1\n[profile s]\nsso_session = x\n");
    expect(await login({ AWS_PROFILE: "a" })).toEqual({ credentials: { sdkProfile: "a" }, region: "eu-x-1" });
    expect(await credentials({ AWS_PROFILE: "s" })).toEqual({ sdkProfile: "s" });
  });

  test("prefers the region of the environment to that of the profile", async () => {
    await writeProfiles("[default]\nregion = from-profile\n");
    expect((await login({ ...STATIC, AWS_REGION: "from-env" })).region).toBe("from-env");
    expect((await login({ ...STATIC, AWS_DEFAULT_REGION: "default" })).region).toBe("default");
    expect((await login(STATIC)).region).toBe("from-profile");
  });

  test("exchanges a web identity token, read again each time", async () => {
    await writeFile(join(folder, "token"), "jwt-1\n");
    const result = Object.entries({ ...ANSWER, SessionToken: ANSWER.Token }).map(
      ([name, value]) => `<${name}>${value}</${name}>`,
    );
    answers.set(
      "POST /",
      `<AssumeRoleWithWebIdentityResponse><Credentials>${result.join("")}</Credentials></AssumeRoleWithWebIdentityResponse>`,
    );
    const found = await login({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
      AWS_ROLE_ARN: "arn:aws:iam::1:role/r&x",
      AWS_ROLE_SESSION_NAME: "session",
      AWS_ENDPOINT_URL_STS: url,
    });
    if (typeof found.credentials !== "function") throw new Error("expected a source");
    expect(await found.credentials()).toEqual(TEMPORARY);
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toEqual({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: "arn:aws:iam::1:role/r&x",
      RoleSessionName: "session",
      WebIdentityToken: "jwt-1",
    });
    await writeFile(join(folder, "token"), "jwt-2");
    clock.advance(54 * 60_000);
    await found.credentials();
    expect(seen).toHaveLength(1);
    clock.advance(2 * 60_000);
    await found.credentials();
    expect(new URLSearchParams(seen[1]?.body).get("WebIdentityToken")).toBe("jwt-2");
  });

  test("asks a token service once for many requests at the same time", async () => {
    answers.set("GET /creds", JSON.stringify(ANSWER));
    const found = await login({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` });
    if (typeof found.credentials !== "function") throw new Error("expected a source");
    await Promise.all([found.credentials(), found.credentials(), found.credentials()]);
    expect(seen).toHaveLength(1);
  });

  test("shows the container endpoint the token in its file", async () => {
    answers.set("GET /creds", JSON.stringify(ANSWER));
    await writeFile(join(folder, "auth"), "pod-identity\n");
    const environment = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, "auth"),
    };
    expect(await credentials(environment)).toEqual(TEMPORARY);
    expect(seen[0]?.headers["authorization"]).toBe("pod-identity");
  });

  test("asks the instance metadata service with a session token", async () => {
    const list = "/latest/meta-data/iam/security-credentials/";
    answers.set("PUT /latest/api/token", "imds-token");
    answers.set(`GET ${list}`, "role-1\n");
    answers.set(`GET ${list}role-1`, JSON.stringify(ANSWER));
    expect(await credentials({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url })).toEqual(TEMPORARY);
    expect(seen[2]?.headers["x-aws-ec2-metadata-token"]).toBe("imds-token");
  });

  test.for([
    { name: "a refusal", answer: undefined, message: "Cannot get credentials from the container credentials endpoint: HTTP 404" },
    { name: "no JSON", answer: "<html>", message: "the container credentials endpoint answered something that is no JSON" },
    { name: "no keys", answer: '{"AccessKeyId":""}', message: "the container credentials endpoint answered without credentials" },
  ])("reports $name", async ({ answer, message }) => {
    if (answer !== undefined) answers.set("GET /creds", answer);
    await expect(credentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` })).rejects.toThrow(message);
  });

  test("names a token file that is not there", async () => {
    const environment = { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "none"), AWS_ROLE_ARN: "r" };
    await expect(credentials(environment)).rejects.toThrow(/none, which AWS_WEB_IDENTITY_TOKEN_FILE names/);
  });
});
