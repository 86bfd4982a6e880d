import { describe, test } from "vitest";
import { endpointText, readChannelSettings } from "../../src/apiclient/channel-settings.ts";

const flags = { tlsEnabled: false, caCertPath: "" };

describe("readChannelSettings()", () => {
  const pair = { KFP_API_ADDRESS: "env.example", KFP_API_PORT: "1111" };
  test.for([
    { name: "flags", environment: pair, address: "flag.example", port: "2222", endpoint: "flag.example:2222" },
    { name: "flags not given", environment: pair, endpoint: "env.example:1111" },
    { name: "address empty", environment: pair, address: "", port: "2222", endpoint: "env.example:1111" },
    { name: "half-given environment", environment: { KFP_API_ADDRESS: "env.example" }, endpoint: "ml-pipeline.kubeflow:8887" },
    { name: "nothing", environment: {}, endpoint: "ml-pipeline.kubeflow:8887" },
    { name: "IPv6", environment: {}, address: "[::1]", port: "80", endpoint: "[::1]:80" },
  ])("S40 takes the address from: $name (LAU-1)", ({ environment, address, port, endpoint }, { expect }) => {
    const settings = readChannelSettings(environment, { ...flags, address, port });
    expect(endpointText(settings.host, settings.port)).toBe(endpoint);
  });

  test("TLS without CA path is TLS, never plaintext (API-24, LAU-2)", ({ expect }) => {
    expect(readChannelSettings({}, { tlsEnabled: true, caCertPath: "" }).tls).toEqual({ caCertPath: "" });
    expect(readChannelSettings({ SSL_CERT_FILE: "/roots" }, { tlsEnabled: true, caCertPath: "/ca" }).tls).toEqual({
      caCertPath: "/ca",
      systemRootsPath: "/roots",
    });
    expect(readChannelSettings({}, { tlsEnabled: false, caCertPath: "/ca" }).tls).toBeUndefined();
  });

  test.for([
    { flag: undefined, variable: undefined, ms: undefined },
    { flag: undefined, variable: "90s", ms: 90_000 },
    { flag: "", variable: "90s", ms: 90_000 },
    { flag: "10m", variable: "90s", ms: 600_000 },
    { flag: "0", variable: undefined, ms: 0 },
  ])("how long calls are tried again: flag $flag, variable $variable", ({ flag, variable, ms }, { expect }) => {
    const environment = variable === undefined ? {} : { KFP_API_RETRY_TIMEOUT: variable };
    expect(readChannelSettings(environment, { ...flags, retryTimeout: flag }).retryTimeoutMs).toBe(ms);
  });

  test("a retry timeout that is not a duration names the flag", ({ expect }) => {
    expect(() => readChannelSettings({}, { ...flags, retryTimeout: "long" })).toThrow(
      'Cannot read flag --api_retry_timeout: "long" is not a duration',
    );
  });

  test("one reconnect variable brings the defaults of the others", ({ expect }) => {
    expect(readChannelSettings({}, flags).reconnect).toBeUndefined();
    expect(readChannelSettings({ ML_PIPELINE_GRPC_BACKOFF_BASE_DELAY: "250ms" }, flags).reconnect).toEqual({
      baseDelayMs: 250,
      multiplier: 1.6,
      jitter: 0.2,
      maxDelayMs: 120_000,
      minConnectTimeoutMs: 20_000,
    });
    expect(
      readChannelSettings(
        {
          ML_PIPELINE_GRPC_BACKOFF_MULTIPLIER: "2",
          ML_PIPELINE_GRPC_BACKOFF_JITTER: ".5",
          ML_PIPELINE_GRPC_BACKOFF_MAX_DELAY: "1m30s",
          ML_PIPELINE_GRPC_MIN_CONNECT_TIMEOUT: "5s",
        },
        flags,
      ).reconnect,
    ).toEqual({ baseDelayMs: 1000, multiplier: 2, jitter: 0.5, maxDelayMs: 90_000, minConnectTimeoutMs: 5000 });
  });

  test.for([
    ["ML_PIPELINE_GRPC_BACKOFF_BASE_DELAY", "2"],
    ["ML_PIPELINE_GRPC_BACKOFF_MULTIPLIER", "fast"],
    ["ML_PIPELINE_GRPC_BACKOFF_JITTER", "20%"],
    ["ML_PIPELINE_GRPC_BACKOFF_MAX_DELAY", "soon"],
    ["ML_PIPELINE_GRPC_MIN_CONNECT_TIMEOUT", "-1s"],
    ["KFP_API_RETRY_TIMEOUT", "five minutes"],
    ["KFP_API_PACKAGE", "v1"],
    ["KFP_RUN_LAYOUT", "new"],
  ] as const)("S41 names the variable that does not parse: %s=%s", ([name, value], { expect }) => {
    expect(() => readChannelSettings({ [name]: value }, flags)).toThrow(`Cannot read environment variable ${name}: "${value}"`);
  });

  test("reads forced package and layout", ({ expect }) => {
    expect(readChannelSettings({ KFP_API_PACKAGE: "v2", KFP_RUN_LAYOUT: "branch" }, flags)).toMatchObject({
      forcedPackage: "v2",
      forcedLayout: "branch",
    });
  });

  test.for(["0", "65536", "http", "-1"])("refuses port %s", (port, { expect }) => {
    expect(() => readChannelSettings({}, { ...flags, address: "host", port })).toThrow(/--ml_pipeline_server_port/);
  });
});
