import { describe, test } from "vitest";
import { parseProviders } from "../../src/config/store-providers.ts";

describe("parseProviders()", () => {
  test("matches keys whatever their case, an exact spelling first", ({ expect }) => {
    expect(
      parseProviders({
        MinIO: { Default: { EndPoint: "h:1", disablessl: true, Credentials: { FROMENV: true } }, Overrides: [] },
        s3: { default: { REGION: "wrong", region: "right" } },
      }),
    ).toEqual({
      minio: { default: { endpoint: "h:1", disableSsl: true, credentials: { fromEnv: true } }, overrides: [] },
      s3: { default: { region: "right" } },
    });
  });

  test.for([undefined, null, {}, { azure: { default: 1 } }, { minio: null }])("%j configures nothing", (json, { expect }) => {
    expect(parseProviders(json)).toEqual({});
  });

  test("reads every field of a gs section", ({ expect }) => {
    const credentials = { fromEnv: false, secretRef: { secretName: "s", tokenKey: "t" } };
    const json = {
      gs: { default: { credentials }, overrides: [{ bucketName: "b", keyPrefix: "k", credentials: { fromEnv: true } }] },
    };
    expect(parseProviders(json)).toEqual(json);
  });

  test.for([
    { json: [], message: /providers must be a mapping/ },
    { json: "text", message: /providers must be a mapping/ },
    { json: { minio: [] }, message: /providers\.minio must be a mapping/ },
    { json: { minio: { overrides: {} } }, message: /providers\.minio\.overrides must be a list/ },
    { json: { minio: { overrides: ["x"] } }, message: /providers\.minio\.overrides\[0\] must be a mapping/ },
    {
      json: { s3: { default: { credentials: { fromEnv: "true" } } } },
      message: /s3\.default\.credentials\.fromEnv must be true or false/,
    },
    { json: { s3: { default: { maxRetries: "5" } } }, message: /s3\.default\.maxRetries must be a whole number/ },
    { json: { s3: { default: { maxRetries: -1 } } }, message: /s3\.default\.maxRetries must be a whole number/ },
    { json: { s3: { default: { region: {} } } }, message: /s3\.default\.region must be a text/ },
    { json: { gs: { default: { credentials: 1 } } }, message: /gs\.default\.credentials must be a mapping/ },
  ])("rejects $json", ({ json, message }, { expect }) => {
    expect(() => parseProviders(json)).toThrow(message);
  });
});
