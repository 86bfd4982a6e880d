import { createServer, type AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { afterEach, describe, test } from "vitest";
import { readChannelSettings } from "../../src/apiclient/channel-settings.ts";
import { connectKfpApi, type ConnectOptions, type KfpApiConnection } from "../../src/apiclient/kfp-api-grpc.ts";
import { ApiError } from "../../src/core/errors.ts";
import { ArtifactSchema, PipelineTaskSchema, TaskState } from "../../src/core/kfp-types.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { runBytes, startScriptedServer, type ScriptedServerOptions } from "../fakes/scripted-api-server.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

interface Setup extends Partial<ScriptedServerOptions> {
  readonly environment?: Record<string, string>;
  readonly clock?: Clock;
  readonly token?: { text: string };
  readonly policy?: ConnectOptions["policy"];
}

async function connect(setup: Setup) {
  const { environment = {}, clock = new FakeClock(), token, policy } = setup;
  const server = await startScriptedServer({ script: () => ({ status: "INTERNAL" }), ...setup });
  const logger = new RecordingLogger();
  const settings = readChannelSettings(environment, {
    address: "127.0.0.1",
    port: String(server.port),
    tlsEnabled: false,
    caCertPath: "",
  });
  const api = await connectKfpApi(
    { clock, logger, random: () => 0, fileSystem: { readText: () => Promise.resolve(token?.text) } },
    { settings, ...(token === undefined ? {} : { tokenPath: "/token" }), ...(policy === undefined ? {} : { policy }) },
  );
  open.push(api, server);
  return { api, server, logger, clock };
}

const okRun = { answer: runBytes({ runId: "r" }) };

async function failureOf(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}

describe("retries", () => {
  test("UNAVAILABLE twice, then OK", async ({ expect }) => {
    const clock = new FakeClock();
    const { api, server, logger } = await connect({
      clock,
      script: (_, index) => (index < 2 ? { status: "UNAVAILABLE" } : okRun),
    });
    expect((await api.getRun("r", "FULL")).runId).toBe("r");
    expect(server.calls).toHaveLength(3);
    expect(clock.slept).toEqual([500, 500]);
    expect(logger.messages("warn")).toEqual([
      "The API server does not answer, calls are tried again for up to 300 s",
      "The API server answers again",
    ]);
  });

  test("gives up after five minutes", async ({ expect }) => {
    const clock = new FakeClock();
    const { api, server } = await connect({ clock, script: () => ({ status: "UNAVAILABLE", details: "later" }) });
    const error = await failureOf(api.getTask("r", "t"));
    expect(error.code).toBe("API_UNAVAILABLE");
    expect(error.details).toEqual({ status: "UNAVAILABLE", method: "GetTask" });
    expect(error.message).toMatch(
      /^API server 127\.0\.0\.1:\d+ is not available: GetTask ended with UNAVAILABLE after 600 tries in 300 s: later$/,
    );
    expect(server.calls).toHaveLength(600);
    expect(clock.monotonicMs()).toBe(299_500);

    expect((await failureOf(api.getTask("r", "t"))).message).toContain("GetTask ended with UNAVAILABLE: later");
    expect(server.calls, "a later call does not wait for the same absent server again").toHaveLength(601);
  });

  test("does not repeat what the server rejects", async ({ expect }) => {
    const { api, server } = await connect({ script: () => ({ status: "NOT_FOUND", details: "no\n such run" }) });
    const error = await failureOf(api.getRun("r", "FULL"));
    expect(error.code).toBe("API_REJECTED");
    expect(error.message).toMatch(/rejected GetRun with NOT_FOUND: no such run$/);
    expect(server.calls).toHaveLength(1);
  });

  test.for([
    ["createArtifacts", (api: KfpApiConnection) => api.createArtifacts([{}])],
    ["createArtifactTasks", (api: KfpApiConnection) => api.createArtifactTasks([{}])],
    ["createArtifact without reuse", (api: KfpApiConnection) => api.createArtifact({})],
  ] as const)("%s is not repeated after an ambiguous failure", async ([, call], { expect }) => {
    const { api, server } = await connect({ script: () => ({ status: "UNAVAILABLE" }) });
    const error = await failureOf(call(api));
    expect(error.code).toBe("API_UNAVAILABLE");
    expect(error.details["ambiguous"]).toBe(true);
    expect(server.calls).toHaveLength(1);
  });

  test("createArtifact with reuse is repeated", async ({ expect }) => {
    const artifact = create(ArtifactSchema, { artifactId: "a" });
    const { api } = await connect({ script: (_, index) => (index === 0 ? { status: "UNAVAILABLE" } : { answer: artifact }) });
    expect((await api.createArtifact({ reuseIfExists: true })).artifactId).toBe("a");
  });

  test("a request that never left is repeated even where repeating is unsafe", async ({ expect }) => {
    const { api, server, clock } = await connect({ environment: { KFP_API_RETRY_TIMEOUT: "3s" } });
    server.close();
    const error = await failureOf(api.createArtifacts([{}]));
    expect(error.code).toBe("API_UNAVAILABLE");
    expect(error.details["ambiguous"]).toBeUndefined();
    expect((clock as FakeClock).slept).toEqual([500, 500, 500, 500, 500]);
  });

  test("every try dials anew: none repeats the error of an earlier one", { timeout: 60_000 }, async ({ expect }) => {
    const dials: number[] = [];
    const hangUp = createServer((socket) => {
      dials.push(Date.now());
      socket.destroy();
    });
    await new Promise<void>((resolve) => hangUp.listen(0, "127.0.0.1", resolve));
    open.push(hangUp);
    const { port } = hangUp.address() as AddressInfo;
    const clock = new FakeClock();
    const api = await connectKfpApi(
      { clock, logger: new RecordingLogger(), random: () => 0, fileSystem: { readText: () => Promise.resolve(undefined) } },
      {
        settings: readChannelSettings(
          { ML_PIPELINE_GRPC_BACKOFF_BASE_DELAY: "1h", KFP_API_RETRY_TIMEOUT: "5s" },
          { address: "127.0.0.1", port: String(port), tlsEnabled: false, caCertPath: "" },
        ),
      },
    );
    open.push(api);
    expect((await failureOf(api.getTask("r", "t"))).code).toBe("API_UNAVAILABLE");
    expect(clock.slept).toHaveLength(9);
    expect(dials).toHaveLength(10);
  });

  test("calls at the same time share the lines about an outage, and all of them end well", async ({ expect }) => {
    const { api, logger } = await connect({ script: (_, index) => (index < 20 ? { status: "UNAVAILABLE" } : okRun) });
    const runs = await Promise.all(Array.from({ length: 10 }, () => api.getRun("r", "DEFAULT")));
    expect(runs).toHaveLength(10);
    expect(logger.messages("warn")).toHaveLength(2);
  });

  test("--api_retry_timeout 0 means one try", async ({ expect }) => {
    const { api, server } = await connect({
      environment: { KFP_API_RETRY_TIMEOUT: "0" },
      script: () => ({ status: "UNAVAILABLE" }),
    });
    expect((await failureOf(api.getTask("r", "t"))).code).toBe("API_UNAVAILABLE");
    expect(server.calls).toHaveLength(1);
  });

  test("capDeadlines() ends a wait between two tries; the next try is made at once", async ({ expect }) => {
    const { api, server } = await connect({
      clock: systemClock,
      policy: { minDelayMs: 600_000, maxDelayMs: 600_000, totalMs: 1_000_000 },
      script: (_, index) => (index === 0 ? { status: "UNAVAILABLE" } : okRun),
    });
    const pending = api.getRun("r", "DEFAULT");
    while (server.calls.length === 0) await systemClock.sleep(5);
    // The failure is on its way: only once it has arrived does the wait begin.
    const cap = setInterval(() => api.capDeadlines(10_000), 5);
    open.push({ close: () => clearInterval(cap) });
    expect((await pending).runId).toBe("r");
  });

  test("close() ends a wait, and nothing is tried again", async ({ expect }) => {
    const { api, server } = await connect({
      clock: systemClock,
      policy: { minDelayMs: 600_000, maxDelayMs: 600_000, totalMs: 1_000_000 },
      script: () => ({ status: "UNAVAILABLE" }),
    });
    const pending = failureOf(api.getRun("r", "DEFAULT"));
    while (server.calls.length === 0) await systemClock.sleep(5);
    const close = setInterval(() => api.close(), 5);
    open.push({ close: () => clearInterval(close) });
    expect((await pending).code).toBe("API_UNAVAILABLE");
    expect(server.calls.length).toBeLessThanOrEqual(2);
  });

  test("a silent server ends with DEADLINE_EXCEEDED (API-25, LAU-7)", async ({ expect }) => {
    const { api } = await connect({
      clock: systemClock,
      script: () => "silence",
      policy: { minDelayMs: 1, maxDelayMs: 2, totalMs: 300 },
    });
    const error = await failureOf(api.getTask("r", "t"));
    expect(error).toMatchObject({ code: "API_UNAVAILABLE", details: { status: "DEADLINE_EXCEEDED" } });
  });

  test.for<{ name: string; call: (api: KfpApiConnection) => Promise<unknown>; deadlineMs: number }>([
    { name: "a task", call: (api) => api.getTask("r", "t"), deadlineMs: 30_000 },
    { name: "a whole run", call: (api) => api.getRun("r", "FULL"), deadlineMs: 120_000 },
  ])("a try for $name has $deadlineMs ms, then there is another one (LAU-7)", async ({ call, deadlineMs }, { expect }) => {
    const clock = new FakeClock();
    const { api, server } = await connect({ clock, script: () => "silence" });
    call(api).catch(() => undefined);
    await expect.poll(() => server.calls.length).toBe(1);
    clock.advance(deadlineMs - 1);
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    expect(clock.slept).toEqual([]);
    clock.advance(1);
    await expect.poll(() => server.calls.length).toBe(2);
    expect(clock.slept).toEqual([500]);
  });

  test("capDeadlines() ends a call that is under way, and allows no long wait", async ({ expect }) => {
    const { api, server } = await connect({ clock: systemClock, script: () => "silence" });
    const pending = failureOf(api.getTask("r", "t"));
    while (server.calls.length === 0) await systemClock.sleep(5);
    api.capDeadlines(50);
    expect((await pending).details["status"]).toBe("DEADLINE_EXCEEDED");
  });
});

describe("package choice", () => {
  test("speaks v2beta1 to a server that knows both names", async ({ expect }) => {
    const { api, server } = await connect({ script: () => okRun });
    await api.getRun("r", "DEFAULT");
    expect(server.calls.map(({ apiPackage }) => apiPackage)).toEqual(["v2beta1"]);
  });

  test("falls back to v2 at the first call and stays there", async ({ expect }) => {
    const { api, server } = await connect({ packages: ["v2"], script: () => okRun });
    await api.getRun("r", "DEFAULT");
    await api.getRun("r", "DEFAULT");
    expect(server.calls.map(({ apiPackage }) => apiPackage)).toEqual(["v2", "v2"]);
    expect(api.traffic.callsByMethod.get("GetRun")).toBe(3);
  });

  test("says what is wrong when the server knows neither name", async ({ expect }) => {
    const { api } = await connect({ packages: [] });
    const error = await failureOf(api.getRun("r", "FULL"));
    expect(error.code).toBe("API_UNSUPPORTED");
    expect(error.message).toMatch(/does not offer the task API/);
  });

  test("does not switch when a task call is missing", async ({ expect }) => {
    const { api, server } = await connect({
      script: ({ method }) => (method === "getRun" ? okRun : { status: "UNIMPLEMENTED" }),
    });
    await api.getRun("r", "FULL");
    expect((await failureOf(api.createTask("r", {}))).code).toBe("API_UNSUPPORTED");
    expect(server.calls.map(({ apiPackage }) => apiPackage)).toEqual(["v2beta1", "v2beta1"]);
  });

  test("a forced package is not probed", async ({ expect }) => {
    const { api, server } = await connect({ packages: ["v2beta1"], environment: { KFP_API_PACKAGE: "v2" } });
    expect((await failureOf(api.getRun("r", "FULL"))).details["status"]).toBe("UNIMPLEMENTED");
    expect(server.calls).toHaveLength(0);
  });
});

describe("token", () => {
  const refused = { status: "UNAUTHENTICATED" } as const;

  test("goes along with every call; the bound run only with the cache lookup", async ({ expect }) => {
    const { api, server } = await connect({
      token: { text: "secret\n" },
      script: ({ method }) => (method === "getRun" ? okRun : { answer: {} }),
    });
    await api.getRun("r", "FULL");
    expect(await api.findCachedTask({ namespace: "n", fingerprint: "f", boundRunId: "r" })).toBeUndefined();
    expect(server.calls).toMatchObject([
      { authorization: "Bearer secret", boundRunId: undefined },
      { authorization: "Bearer secret", boundRunId: "r" },
    ]);
  });

  test("is read again once when the server refuses it", async ({ expect }) => {
    const token = { text: "old" };
    const { api, server } = await connect({
      token,
      script: ({ authorization }) => {
        token.text = "new";
        return authorization === "Bearer new" ? okRun : refused;
      },
    });
    await api.getRun("r", "FULL");
    expect(server.calls.map(({ authorization }) => authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  test("is another one for calls of somebody else on the same connection", async ({ expect }) => {
    const { api, server } = await connect({
      token: { text: "own" },
      script: ({ authorization }) => (authorization === "Bearer old" ? refused : okRun),
    });
    let theirs = "old";
    const tokens = {
      header: () => Promise.resolve(`Bearer ${theirs}`),
      refresh: () => Promise.resolve((theirs = "new") === "new"),
    };
    await Promise.all([api.as(tokens).getRun("r", "FULL"), api.getRun("r", "FULL")]);
    const sent = new Set(server.calls.map(({ authorization }) => authorization));
    expect(sent).toEqual(new Set(["Bearer new", "Bearer old", "Bearer own"]));
  });

  test("refused for good is an error without the token", async ({ expect }) => {
    const { api, server, logger } = await connect({ token: { text: "secret" }, script: () => refused });
    const error = await failureOf(api.getRun("r", "FULL"));
    expect(error.details["status"]).toBe("UNAUTHENTICATED");
    expect(server.calls).toHaveLength(1);
    expect(JSON.stringify([error.message, error.details, logger.lines])).not.toContain("secret");
  });
});

describe("getRun()", () => {
  // docs/spec/api-versions.md#bytes-of-run
  const branch = "12 01 72 9a 01 06 0a 01 70 12 01 76 a0 01 01 aa 01 06 0a 04 72 6f 6f 74";
  const merged = "12 01 72 9a 01 05 0a 01 6d 12 00 aa 01 06 0a 01 70 12 01 76 b0 01 01 ba 01 06 0a 04 72 6f 6f 74";
  const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

  test.for([
    { name: "branch", hex: branch, plugins: [] as string[] },
    { name: "merged", hex: merged, plugins: ["m"] },
  ])("reads the layout: $name", async ({ hex, plugins }, { expect }) => {
    const { api } = await connect({ script: () => ({ answer: bytesOf(hex) }) });
    const run = await api.getRun("r", "FULL");
    expect(run).toMatchObject({ runId: "r", taskCount: 1, pipelineReference: { pipelineId: "p", pipelineVersionId: "v" } });
    expect(run.tasks.map(({ name }) => name)).toEqual(["root"]);
    expect(Object.keys(run.pluginsInput)).toEqual(plugins);
  });

  test("takes the forced layout where the bytes do not tell", async ({ expect }) => {
    const script = () => ({ answer: bytesOf("12 01 72 aa 01 06 0a 04 72 6f 6f 74") });
    const detected = await connect({ script });
    expect((await detected.api.getRun("r", "FULL")).tasks).toEqual([]);
    const forced = await connect({ environment: { KFP_RUN_LAYOUT: "branch" }, script });
    expect((await forced.api.getRun("r", "FULL")).tasks.map(({ name }) => name)).toEqual(["root"]);
  });

  test.for([
    ["evidence of both layouts", `${branch} ba 01 06 0a 04 72 6f 6f 74`],
    ["no message", "ff"],
  ] as const)("refuses: %s", async ([, hex], { expect }) => {
    const { api } = await connect({ script: () => ({ answer: bytesOf(hex) }) });
    expect((await failureOf(api.getRun("r", "FULL"))).code).toBe("API_RESPONSE_INVALID");
  });
});

describe("bulk calls", () => {
  test("empty ones are not made", async ({ expect }) => {
    const { api, server } = await connect({});
    expect(await api.createArtifacts([])).toEqual([]);
    expect(await api.createArtifactTasks([])).toEqual([]);
    expect(await api.listArtifactTasks([])).toEqual([]);
    expect(await api.updateTasks("r", new Map())).toEqual(new Map());
    expect(server.calls).toHaveLength(0);
  });

  test("an answer with too few artifacts is an error", async ({ expect }) => {
    const { api } = await connect({ script: () => ({ answer: { artifacts: [] } }) });
    expect((await failureOf(api.createArtifacts([{}]))).code).toBe("API_RESPONSE_INVALID");
  });

  test("updateTasks() answers by id", async ({ expect }) => {
    const task = create(PipelineTaskSchema, { taskId: "t", name: "stored" });
    const { api } = await connect({ script: () => ({ answer: { tasks: { t: task } } }) });
    expect((await api.updateTasks("r", new Map([["t", { state: TaskState.SUCCEEDED }]]))).get("t")?.name).toBe("stored");
  });

  test("listArtifactTasks() follows the pages", async ({ expect }) => {
    const pages = [
      { artifactTasks: [{ id: "1" }], nextPageToken: "x" },
      { artifactTasks: [{ id: "2" }], nextPageToken: "" },
    ];
    const { api, server } = await connect({ script: (_, index) => ({ answer: pages[index] }) });
    expect((await api.listArtifactTasks(["t"])).map(({ id }) => id)).toEqual(["1", "2"]);
    expect(server.calls[1]?.request).toMatchObject({ pageToken: "x", pageSize: 200 });
  });
});
