import { describe, expect, test } from "vitest";
import { parseCredentials } from "../../../src/objectstore/gcs/credentials-document.ts";

const KEY = { type: "service_account", client_email: "a@b", private_key: "planted-secret-value" };
const FEDERATED = {
  type: "external_account",
  audience: "//iam/x",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: "https://sts.googleapis.com/v1/token",
  credential_source: { file: "/var/run/token" },
};
const parse = (json: unknown): unknown => parseCredentials(typeof json === "string" ? json : JSON.stringify(json), "the file f");

describe("parseCredentials()", () => {
  test("a key has Google's token service where it names none", () => {
    expect(parse(KEY)).toEqual({
      type: "service_account",
      clientEmail: "a@b",
      privateKey: "planted-secret-value",
      privateKeyId: "",
      tokenUrl: "https://oauth2.googleapis.com/token",
    });
  });

  test("a federated identity keeps where its token comes from", () => {
    const source = { url: "http://idp/token", headers: { a: "b" }, format: { type: "json", subject_token_field_name: "value" } };
    expect(parse({ ...FEDERATED, credential_source: source, service_account_impersonation_url: "https://iam/sa" })).toMatchObject(
      {
        source: { place: { url: "http://idp/token", headers: { a: "b" } }, field: "value" },
        impersonation: { url: "https://iam/sa", lifetimeSeconds: 3600 },
      },
    );
  });

  test.for<[name: string, document: unknown, problem: RegExp]>([
    ["no JSON", "planted-secret-value", /with the file f: it is not JSON/],
    ["a list", "[]", /it is not a JSON object/],
    ["no type", {}, /type is missing or empty/],
    [
      "a login of a kind that is not known",
      { type: "gdch_service_account" },
      /type is "gdch_service_account", known are service_account/,
    ],
    ["a key without its secret", { ...KEY, private_key: "" }, /private_key is missing or empty/],
    ["a field of a wrong type", { ...KEY, client_email: 5 }, /client_email is not a text/],
    ["a token service that is no URL", { ...KEY, token_uri: "file:///etc/passwd" }, /token_uri is not an http or https URL/],
    [
      "an identity of AWS",
      { ...FEDERATED, credential_source: { environment_id: "aws1" } },
      /credential_source.environment_id asks for an AWS identity/,
    ],
    [
      "a program",
      { ...FEDERATED, credential_source: { executable: { command: "x" } } },
      /executable asks for the output of a program/,
    ],
    [
      "a client certificate",
      { ...FEDERATED, credential_source: { certificate: {} } },
      /certificate asks for a client certificate/,
    ],
    ["no place of the token", { ...FEDERATED, credential_source: {} }, /credential_source.url is missing/],
    [
      "a lifetime that is none",
      {
        ...FEDERATED,
        service_account_impersonation_url: "https://x",
        service_account_impersonation: { token_lifetime_seconds: -1 },
      },
      /token_lifetime_seconds is not a number of seconds/,
    ],
    [
      "accounts nested without end",
      Array.from({ length: 6 }).reduce<unknown>(
        (source) => ({
          type: "impersonated_service_account",
          service_account_impersonation_url: "https://x",
          source_credentials: source,
        }),
        KEY,
      ),
      /source_credentials is nested too deeply/,
    ],
  ])("refuses %s, without showing the document", ([, document, problem]) => {
    expect(() => parse(document)).toThrow(expect.objectContaining({ code: "STORE_CONFIG_INVALID" }) as Error);
    expect(() => parse(document)).toThrow(problem);
    expect(() => parse(document)).not.toThrow(/planted-secret/);
  });
});
