/**
 * Steps whose every source of credentials holds a planted text, through the built programs at one log level and in one format, and all
 * places where that text must not turn up: streams, rows, published logs, files, objects.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { onTestFinished } from "vitest";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeKubeServer } from "../fakes/kube-server.ts";
import { startFakeS3Server, type FakeS3Server } from "../fakes/fake-s3-server.ts";
import { PLANTED_SECRET, startGoogleLogin, type GoogleLogin } from "../fakes/google-login.ts";
import { builtPrograms } from "./built-programs.ts";
import { stepOf } from "./launcher-pipelines.ts";
import { startLauncherWorld, type LauncherWorld } from "./launcher-world.ts";

/** In every secret. */
const PLANTED = "pl4nted";
const secret = (what: string): string => `${PLANTED}-${what}-secret`;

/** A way to log in, and what comes of it. */
export interface Scenario {
  readonly name: string;
  readonly program: "launcher" | "driver" | "importer";
  readonly exitCode: number;
  /** Provider section of the launcher configuration, `scheme` first. */
  readonly provider?: (places: Places) => readonly [scheme: string, section: object];
  readonly environment?: (places: Places) => Record<string, string>;
  readonly prepare?: (places: Places) => void;
  /** What an importer imports, or the URI of an input of a launcher. */
  readonly uri?: string;
  /** Query of the default pipeline root. */
  readonly rootQuery?: string;
  /** Of the driver's proxy flags. */
  readonly proxy?: string;
  /** Place whose very purpose is to hand the text on: a file, or the artifact of an import. */
  readonly handsOnIn?: string;
}

export interface Places {
  readonly world: LauncherWorld;
  readonly store: FakeS3Server;
  readonly google: { readonly endpoint: string };
  readonly login: GoogleLogin;
  /** Holds what was planted; not searched. */
  readonly planted: string;
}

const fromSecret = { secretRef: { secretName: "store", accessKeyKey: "ak", secretKeyKey: "sk" } };
const keyFromSecret = { secretRef: { secretName: "store", tokenKey: "key.json" } };
const s3Section = (endpoint: string, credentials: object): object => ({
  default: { endpoint, region: "us-east-1", forcePathStyle: true, maxRetries: 1, credentials },
});
const environmentKeys = {
  AWS_ACCESS_KEY_ID: "test-key",
  AWS_SECRET_ACCESS_KEY: secret("environment"),
  AWS_SESSION_TOKEN: secret("session"),
};
const withUser = (url: string): string => url.replace("://", `://user:${secret("userinfo")}@`);
/** Nothing listens there. */
const DEAD = "http://127.0.0.1:9";

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "keys of a Secret",
    program: "launcher",
    exitCode: 0,
    provider: ({ store }) => ["minio", s3Section(store.endpoint, fromSecret)],
  },
  {
    name: "keys and a session of the environment",
    program: "launcher",
    exitCode: 0,
    provider: ({ store }) => ["s3", s3Section(store.endpoint, { fromEnv: true })],
    environment: () => environmentKeys,
  },
  {
    name: "keys of the environment that the store refuses",
    program: "launcher",
    exitCode: 1,
    provider: ({ store }) => ["s3", s3Section(store.endpoint, { fromEnv: true })],
    environment: () => environmentKeys,
    prepare: ({ store }) => (store.fault = () => ({ kind: "status", status: 403, code: "SignatureDoesNotMatch" })),
  },
  {
    name: "an endpoint with a user and a password, where nobody answers",
    program: "launcher",
    exitCode: 1,
    provider: () => ["minio", s3Section(withUser(DEAD), fromSecret)],
  },
  {
    name: "a proxy with a password, which does not answer",
    program: "launcher",
    exitCode: 1,
    provider: () => ["minio", s3Section("http://store.invalid", fromSecret)],
    environment: () => ({ HTTP_PROXY: withUser(DEAD), HTTPS_PROXY: withUser(DEAD) }),
  },
  {
    name: "the key of a Google service account",
    program: "launcher",
    exitCode: 0,
    provider: ({ google }) => ["gs", { default: { endpoint: google.endpoint, credentials: keyFromSecret } }],
  },
  {
    name: "the key of a Google service account that the token service refuses",
    program: "launcher",
    exitCode: 1,
    provider: ({ google }) => ["gs", { default: { endpoint: google.endpoint, credentials: keyFromSecret } }],
    prepare: ({ login }) => (login.fault = () => 401),
  },
  {
    name: "a Secret that is not there",
    program: "launcher",
    exitCode: 1,
    provider: ({ store }) => {
      const missing = { secretRef: { secretName: "other", accessKeyKey: "ak", secretKeyKey: "sk" } };
      return ["minio", s3Section(store.endpoint, missing)];
    },
  },
  {
    name: "an endpoint with a user and a password in the pipeline root's query, where nobody answers",
    program: "launcher",
    exitCode: 1,
    provider: () => ["s3", s3Section(DEAD, { fromEnv: true })],
    environment: () => environmentKeys,
    rootQuery: `?region=us-east-1&endpoint=${encodeURIComponent(withUser(DEAD))}`,
  },
  {
    name: "an option with a password in the pipeline root's query that is not one",
    program: "launcher",
    exitCode: 1,
    provider: () => ["s3", s3Section(DEAD, { fromEnv: true })],
    rootQuery: `?password=${secret("query")}&endpoint=${encodeURIComponent(withUser("nonsense://"))}`,
  },
  {
    name: "an input with a user and a password in its URI",
    program: "launcher",
    exitCode: 1,
    uri: withUser("s3://bucket/root/in"),
  },
  {
    name: "an import from a web server with a password",
    program: "importer",
    exitCode: 0,
    uri: withUser("https://example.invalid/in"),
    handsOnIn: "rows",
  },
  {
    name: "proxies with a password, for the step",
    program: "driver",
    exitCode: 0,
    proxy: withUser("http://proxy.invalid:3128"),
    handsOnIn: "file patch",
  },
  { name: "a token for the API server", program: "driver", exitCode: 0 },
  { name: "a token for the API server", program: "importer", exitCode: 0 },
];

/** How a program logs. */
export interface Logging {
  readonly level: number;
  readonly format: "text" | "json";
}

/** Runs inside a test. @returns where the text turned up: `place: line`. */
export async function findPlanted(
  scenario: Scenario,
  { level, format }: Logging,
): Promise<{ exitCode: number | null; leaks: string[]; said: string }> {
  const executors = { "exec-comp-step": { container: { image: "image", command: ["true"] } } };
  const world = await startLauncherWorld({ ...stepOf({ title: "system.Dataset" }), deploymentSpec: { executors } });
  const [store, login, google, kube] = await Promise.all([
    startFakeS3Server(),
    startGoogleLogin(),
    startFakeGcsServer(),
    startFakeKubeServer(),
  ]);
  onTestFinished(async () => void (await Promise.all([store.close(), login.close(), google.close(), kube.close()])));
  const planted = path.join(world.folder, "planted");
  const places = { world, store, login, google, planted };
  const body = Buffer.from("content");
  store.buckets.set("bucket", new Map([["root/in", { body, contentType: "text/plain", etag: "opaque" }]]));
  google.buckets.set("bucket", new Map());
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const data = { ak: base64("test-key"), sk: base64(secret("store")), "key.json": base64(login.keyDocument()) };
  kube.answers.set("/api/v1/namespaces/ns/secrets/store", { data });

  const [scheme, section] = scenario.provider?.(places) ?? ["minio", s3Section(store.endpoint, fromSecret)];
  scenario.prepare?.(places);
  const environment = {
    PATH: process.env["PATH"] ?? "",
    TMPDIR: path.join(world.folder, "tmp"),
    HOME: planted,
    KFP_RETRY_INDEX: "0",
    KFP_LOG_FORMAT: format,
    KFP_POD_NAME: "pod",
    KFP_POD_UID: "uid",
    KFP_TOKEN_PATH: path.join(planted, "token"),
    KFP_LAUNCHER_CONFIG_DIR: path.join(planted, "config"),
    KUBECONFIG: path.join(planted, "kubeconfig"),
    ...scenario.environment?.(places),
  };
  for (const folder of [path.join(planted, "config"), environment.TMPDIR]) await mkdir(folder, { recursive: true });
  await writeFile(environment.KFP_TOKEN_PATH, secret("api-token"));
  await writeFile(environment.KUBECONFIG, kubeconfig(kube.url));
  await writeFile(path.join(planted, "config", "defaultPipelineRoot"), `${scheme}://bucket/root${scenario.rootQuery ?? ""}`);
  await writeFile(path.join(planted, "config", "providers"), JSON.stringify({ [scheme]: section }));

  const argv = await argumentsOf(scenario, { world, scheme, level });
  const { exitCode, text } = await run(argv, environment);
  const rows = (await world.api.listTasks(world.runId)).tasks;
  const found = new Map<string, string>([
    ["output", text],
    ["rows", JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))],
    ...(await readFilesBut(world.folder, planted)),
    ...[...(store.buckets.get("bucket") ?? [])].map(
      ([key, object]) => [`object ${key}`, object.body.toString("latin1")] as const,
    ),
    ...[...(google.buckets.get("bucket") ?? [])].map(
      ([key, object]) => [`object ${key}`, object.body.toString("latin1")] as const,
    ),
  ]);
  const keyLine = (JSON.parse(login.keyDocument()) as { private_key: string }).private_key.split("\n")[2] ?? "";
  const marks = [PLANTED, PLANTED_SECRET, keyLine, base64(secret("store")).slice(0, 12)];
  const leaks = [...found]
    .filter(([place]) => !isHandedOn(place, scenario))
    .flatMap(([place, content]) =>
      content
        .split("\n")
        .filter((line) => marks.some((mark) => line.includes(mark)))
        .map((line) => `${place}: ${line}`),
    );
  return { exitCode, leaks, said: text };
}

function isHandedOn(place: string, { handsOnIn }: Scenario): boolean {
  return handsOnIn !== undefined && place === handsOnIn;
}

function kubeconfig(server: string): string {
  return JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "k", user: "u" } }],
    clusters: [{ name: "k", cluster: { server } }],
    users: [{ name: "u", user: { token: secret("cluster-token") } }],
  });
}

interface Start {
  readonly world: LauncherWorld;
  readonly scheme: string;
  readonly level: number;
}

async function argumentsOf({ program, uri, proxy = "" }: Scenario, { world, scheme, level }: Start): Promise<string[]> {
  const server = ["--ml_pipeline_server_address", world.server.host, "--ml_pipeline_server_port", String(world.server.port)];
  const common = ["--pipeline_name", "p", "--run_id", world.runId, "--namespace", "ns", "--log_level", String(level), ...server];
  const pod = ["--pod_name", "pod", "--pod_uid", "uid", "--parent_task_id", world.root.taskId, "--task_name", "step"];
  if (program === "importer") {
    const spec = { artifactUri: { constant: uri ?? "minio://bucket/root/in" }, typeSchema: { schemaTitle: "system.Dataset" } };
    return [
      "launcher-v2",
      "--executor_type",
      "importer",
      ...common,
      ...pod,
      "--importer_spec",
      JSON.stringify(spec),
      "--iteration_index",
      "-1",
    ];
  }
  if (program === "driver") {
    const out = (name: string): string => path.join(world.folder, name);
    const options: DriverOptions = {
      type: "CONTAINER",
      ...{ pipelineName: "p", runId: world.runId, runName: "r", runDisplayName: "r", namespace: "ns" },
      ...{ conditionPath: out("condition"), pod: { name: "pod", uid: "uid" }, taskName: "step", parentTaskId: world.root.taskId },
      ...{ kubernetesConfig: "", cachedDecisionPath: out("cached"), podSpecPatchPath: out("patch"), cacheDisabled: false },
      ...{
        publishLogs: "true",
        logLevel: String(level),
        defaults: {},
        proxy: { httpProxy: proxy, httpsProxy: proxy, noProxy: "" },
      },
      apiServer: { address: world.server.host, port: String(world.server.port), tlsEnabled: false, caCertPath: "" },
    };
    const argv = driverArguments(options, { address: world.server.host, port: String(world.server.port) });
    return ["driver", ...argv, ...(argv.includes("--log_level") ? [] : ["--log_level", String(level)])];
  }
  const row = await world.row(world.root, "step");
  const artifact = (name: string): object => ({
    artifacts: [{ name, uri: `${scheme}://bucket/root/${name}`, type: { schemaTitle: "system.Dataset" } }],
  });
  const given =
    uri === undefined
      ? {}
      : { inputs: { artifacts: { in: { artifacts: [{ name: "in", uri, type: { schemaTitle: "system.Dataset" } }] } } } };
  const input = { ...given, outputs: { artifacts: { a: artifact("a"), "executor-logs": artifact("executor-logs") } } };
  const command = [
    "sh",
    "-c",
    'mkdir -p "$(dirname "$0")"; echo made > "$0"; echo said; echo told >&2',
    "{{$.outputs.artifacts['a'].path}}",
  ];
  return [
    "launcher-v2",
    ...common,
    ...pod,
    "--task_id",
    row.taskId,
    "--executor_input",
    JSON.stringify(input),
    "--publish_logs",
    "true",
    "--",
    ...command,
  ];
}

async function run(argv: readonly string[], env: Record<string, string>): Promise<{ exitCode: number | null; text: string }> {
  const { bin } = await builtPrograms();
  const child = spawn(process.execPath, [path.join(bin, "../lib/boot.cjs"), ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { exitCode, text };
}

async function readFilesBut(folder: string, excluded: string): Promise<Array<readonly [string, string]>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => path.join(parentPath, name));
  const wanted = files.filter((file) => !file.startsWith(`${excluded}/`));
  return await Promise.all(
    wanted.map(async (file) => [`file ${path.relative(folder, file)}`, await readFile(file, "latin1")] as const),
  );
}
