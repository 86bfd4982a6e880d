import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findEnvironmentLogin } from "../../../src/objectstore/credentials/environment-credentials.ts";
import type { ChainOptions } from "../../../src/objectstore/credentials/environment-credentials.ts";
import { createHttpAgents } from "../../../src/objectstore/http-agents.ts";
import { createRetrier } from "../../../src/objectstore/retry.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

interface Seen {
  readonly line: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

let folder: string;
let server: Server;
let url: string;
let seen: Seen[];
let answers: Map<string, string | (() => Answer)>;
let clock: FakeClock;

/** Instead of a status: never answers. */
const SILENT = 0;

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
      const found = answers.get(line) ?? (() => ({ status: 404, body: "" }));
      const { status, body: text } = typeof found === "string" ? { status: 200, body: found } : found();
      if (status === SILENT) return;
      response.writeHead(status).end(text);
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
  vi.unstubAllEnvs();
});

async function login(environment: Record<string, string>, options: Partial<ChainOptions> = {}) {
  const agents = await createHttpAgents({ environment: {}, maxSockets: 4 });
  // Without a signal, waits between tries pass at once.
  const waitless: Clock = { now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), sleep: (ms) => clock.sleep(ms) };
  const retrier = createRetrier(waitless, { attempts: 2, signal: new AbortController().signal, random: () => 0 });
  return await findEnvironmentLogin({ clock, agents, retrier }, { environment: { HOME: folder, ...environment }, ...options });
}

async function credentials(environment: Record<string, string>, options: Partial<ChainOptions> = {}) {
  return await (await login(environment, options)).credentials();
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

function stsAnswer(action: string): string {
  const result = Object.entries({ ...ANSWER, SessionToken: ANSWER.Token }).map(([name, value]) => `<${name}>${value}</${name}>`);
  return (
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
    `<Credentials>${result.join("")}</Credentials></${action}Result></${action}Response>`
  );
}

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

  test("a profile of the pipeline root may have any name", async () => {
    await writeProfiles("[default]\nregion = x\n");
    for (const profile of ["constructor", "__proto__", "toString"]) {
      await expect(credentials(STATIC, { profile })).rejects.toMatchObject({ code: "STORE_CONFIG_INVALID" });
    }
  });

  test("assumes the role of a profile with the keys of another one", async () => {
    await writeProfiles(
      "[profile a]\nrole_arn = arn:aws:iam::1:role/r\nrole_session_name = s\nsource_profile = b\nregion = eu-x-1\n",
      "[b]\naws_access_key_id = b-id\naws_secret_access_key = b-secret\n",
    );
    answers.set("POST /", stsAnswer("AssumeRole"));
    const found = await login({ AWS_PROFILE: "a", AWS_ENDPOINT_URL_STS: url });
    expect(found.region).toBe("eu-x-1");
    expect(await found.credentials()).toEqual(TEMPORARY);
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toMatchObject({
      Action: "AssumeRole",
      RoleArn: "arn:aws:iam::1:role/r",
      RoleSessionName: "s",
    });
    expect(seen[0]?.headers["authorization"]).toMatch(/^AWS4-HMAC-SHA256 Credential=b-id\/\d+\/eu-x-1\/sts\//);
    clock.advance(56 * 60_000);
    await found.credentials();
    expect(seen).toHaveLength(2);
  });

  test("runs the program that a profile names", async () => {
    const program = join(folder, "program");
    const answer = { Version: 1, ...ANSWER, SessionToken: ANSWER.Token, Expiration: "2126-08-01T13:00:00Z" };
    await writeFile(program, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`, { mode: 0o755 });
    await writeProfiles(`[profile p]\ncredential_process = ${program}\n`);
    expect(await credentials({ AWS_PROFILE: "p" })).toEqual({ ...TEMPORARY, expiration: new Date("2126-08-01T13:00:00Z") });
  });

  test("exchanges the web identity that a profile names", async () => {
    await writeFile(join(folder, "token"), "jwt\n");
    await writeProfiles(`[profile w]\nrole_arn = r\nweb_identity_token_file = ${join(folder, "token")}\n`);
    answers.set("POST /", stsAnswer("AssumeRoleWithWebIdentity"));
    expect(await credentials({ AWS_PROFILE: "w", AWS_ENDPOINT_URL_STS: url })).toEqual(TEMPORARY);
    expect(new URLSearchParams(seen[0]?.body).get("WebIdentityToken")).toBe("jwt");
  });

  test("says that a single sign-on session has to be renewed", async () => {
    await writeProfiles(
      "[profile s]\nsso_session = x\nsso_account_id = 1\nsso_role_name = r\n[sso-session x]\nsso_start_url = https://sso.example\nsso_region = eu-x-1\n",
    );
    vi.stubEnv("HOME", folder);
    await expect(credentials({ AWS_PROFILE: "s" })).rejects.toThrow(/^Cannot get credentials from the AWS profile "s": .*SSO/);
  });

  test("prefers the region of the environment to that of the profile", async () => {
    await writeProfiles("[default]\nregion = from-profile\n");
    expect((await login({ ...STATIC, AWS_REGION: "from-env" })).region).toBe("from-env");
    expect((await login({ ...STATIC, AWS_DEFAULT_REGION: "default" })).region).toBe("default");
    expect((await login(STATIC)).region).toBe("from-profile");
  });

  test("exchanges a web identity token, read again each time", async () => {
    await writeFile(join(folder, "token"), "jwt-1\n");
    answers.set("POST /", stsAnswer("AssumeRoleWithWebIdentity"));
    const found = await login({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
      AWS_ROLE_ARN: "arn:aws:iam::1:role/r&x",
      AWS_ROLE_SESSION_NAME: "session",
      AWS_ENDPOINT_URL_STS: url,
    });
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
    answers.set(`GET ${list}role-1`, JSON.stringify({ ...ANSWER, Expiration: "2126-08-01T13:00:00Z" }));
    // The SDK has no parameter for it.
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    expect(await credentials({})).toEqual({ ...TEMPORARY, expiration: new Date("2126-08-01T13:00:00Z") });
    expect(seen[2]?.headers["x-aws-ec2-metadata-token"]).toBe("imds-token");
  });

  test.for([
    { name: "a refusal", body: undefined, message: /: HTTP 404$/ },
    {
      name: "a text that is not JSON, without repeating it",
      body: '{"SecretAccessKey":"hidden',
      message: /: the answer is not JSON$/,
    },
    { name: "null", body: "null", message: /AccessKeyId/ },
    { name: "no keys", body: '{"AccessKeyId":""}', message: /not of the required format/ },
    { name: "empty keys", body: JSON.stringify({ ...ANSWER, SecretAccessKey: "" }), message: /without credentials$/ },
    { name: "JSON nested too deep", body: "[".repeat(200_000), message: /: the answer is not JSON$/ },
    { name: "an expiry that is no time", body: JSON.stringify({ ...ANSWER, Expiration: "soon" }), message: /RFC-3339/ },
  ])("reports $name of the container endpoint", async ({ body, message }) => {
    if (body !== undefined) answers.set("GET /creds", body);
    const asked = credentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` });
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
    await expect(asked).rejects.not.toThrow(/hidden/);
  });

  test("asks the container endpoint again after an error of the server", async () => {
    let count = 0;
    answers.set("GET /creds", () => (++count === 1 ? { status: 503, body: "" } : { status: 200, body: JSON.stringify(ANSWER) }));
    expect(await credentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` })).toEqual(TEMPORARY);
    expect(count).toBe(2);
  });

  test("shows no token to an endpoint that is neither https nor near", async () => {
    const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://192.0.2.1/creds", AWS_CONTAINER_AUTHORIZATION_TOKEN: "t" };
    await expect(credentials(environment)).rejects.toThrow(/URL not accepted/);
  });

  test.for([
    { name: "the container endpoint", line: "GET /creds", environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "/creds" } },
    { name: "the token service", line: "POST /", environment: { AWS_WEB_IDENTITY_TOKEN_FILE: "token", AWS_ROLE_ARN: "r" } },
  ])("gives $name up that never answers", async ({ line, environment }) => {
    await writeFile(join(folder, "token"), "jwt");
    answers.set(line, () => ({ status: SILENT, body: "" }));
    const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_WEB_IDENTITY_TOKEN_FILE: file, ...more } = environment;
    const full = {
      ...more,
      ...(uri === undefined ? {} : { AWS_CONTAINER_CREDENTIALS_FULL_URI: url + uri }),
      ...(file === undefined ? {} : { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, file) }),
      AWS_ENDPOINT_URL_STS: url,
    };
    await expect(credentials(full, { longestLoginMs: 50 })).rejects.toThrow(/no answer within 0.05 s/);
  });

  test.for([
    ["no XML", "not xml"],
    [
      "no credentials",
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult/></AssumeRoleWithWebIdentityResponse>",
    ],
    ["more than any such answer", `<a>${"x".repeat(5 * 1024 * 1024)}</a>`],
    ["elements nested too deep", `${"<a>".repeat(50_000)}${"</a>".repeat(50_000)}`],
    ["entities that grow", `<!DOCTYPE a [<!ENTITY e "${"x".repeat(9000)}">]><a>${"&e;".repeat(1000)}</a>`],
  ] as const)("refuses %s of the token service", async ([, body]) => {
    await writeFile(join(folder, "token"), "jwt-secret");
    answers.set("POST /", body);
    const asked = credentials({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
      AWS_ROLE_ARN: "r",
      AWS_ENDPOINT_URL_STS: url,
    });
    await expect(asked).rejects.toThrow(/^Cannot get credentials from the AWS token service: /);
    await expect(asked).rejects.not.toThrow(/jwt-secret|xxxx/);
  });

  test("names the reason of the token service", async () => {
    await writeFile(join(folder, "token"), "jwt");
    const error = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>m</Message></Error></ErrorResponse>";
    answers.set("POST /", () => ({ status: 400, body: error }));
    const environment = { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"), AWS_ROLE_ARN: "r", AWS_ENDPOINT_URL_STS: url };
    await expect(credentials(environment)).rejects.toThrow(/: HTTP 400 InvalidIdentityToken/);
  });

  test("keeps what it has while a refresh fails, until it expires", async () => {
    let answer: Answer = { status: 200, body: JSON.stringify(ANSWER) };
    answers.set("GET /creds", () => answer);
    const { credentials: ask } = await login({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` });
    expect(await ask()).toEqual(TEMPORARY);
    answer = { status: 404, body: "" };
    clock.advance(56 * 60_000);
    expect(await ask()).toEqual(TEMPORARY);
    clock.advance(5 * 60_000);
    await expect(ask()).rejects.toThrow(/HTTP 404/);
    answer = { status: 200, body: JSON.stringify({ ...ANSWER, Expiration: "2026-08-01T15:00:00Z" }) };
    expect((await ask()).expiration).toEqual(new Date("2026-08-01T15:00:00Z"));
  });

  test("asks nobody when instance metadata is switched off", async () => {
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    await expect(credentials({ AWS_EC2_METADATA_DISABLED: "true" })).rejects.toThrow(/^No credentials found/);
    expect(seen).toEqual([]);
  });

  test("says that there are no credentials when no metadata service is there", async () => {
    await new Promise((resolve) => server.close(resolve));
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    await expect(credentials({})).rejects.toThrow(/^No credentials found/);
  });

  test("says that an instance has no role", async () => {
    answers.set("PUT /latest/api/token", "imds-token");
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    await expect(credentials({})).rejects.toThrow("Cannot get credentials from the instance metadata service: HTTP 404");
  });

  test("does not look at the environment of the process", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "process-id");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "process-secret");
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/process");
    vi.stubEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "process-token");
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ROLE_ARN", "process-role");
    answers.set("GET /creds", JSON.stringify(ANSWER));
    answers.set("POST /", stsAnswer("AssumeRoleWithWebIdentity"));
    await writeFile(join(folder, "token"), "jwt");
    expect(await credentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds` })).toEqual(TEMPORARY);
    expect(seen[0]?.headers["authorization"]).toBeUndefined();
    const identity = { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"), AWS_ROLE_ARN: "r", AWS_ENDPOINT_URL_STS: url };
    expect(await credentials(identity)).toEqual(TEMPORARY);
    expect(new URLSearchParams(seen[1]?.body).get("RoleArn")).toBe("r");
  });

  test("names a token file that is not there", async () => {
    const environment = { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "none"), AWS_ROLE_ARN: "r" };
    await expect(credentials(environment)).rejects.toThrow(/none, which AWS_WEB_IDENTITY_TOKEN_FILE names/);
  });
});
