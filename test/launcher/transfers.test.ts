/** Downloads, uploads and locations, in whole attempts with a store that records and fails on demand. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/core/errors.ts";
import { RuntimeArtifactSchema, type ExecutorInput, type PipelineTask } from "../../src/core/kfp-types.ts";
import { FakeObjectStore, transientFailure } from "../fakes/object-store.ts";
import { plain, script, single, stepOf, train } from "../support/launcher-pipelines.ts";
import {
  artifactsOf,
  launcherPipeline,
  startLauncherWorld,
  stateOf,
  type LaunchOptions,
  type LaunchOutcome,
  type LauncherWorld,
} from "../support/launcher-world.ts";

interface StoreWorld extends LauncherWorld {
  readonly store: FakeObjectStore;
  readonly launchWithStore: (task: PipelineTask, launch?: LaunchOptions) => Promise<LaunchOutcome>;
}

const root = "minio://mlpipeline/v2/artifacts";

async function startStoreWorld(pipeline: typeof single): Promise<StoreWorld> {
  const world = await startLauncherWorld(pipeline);
  const store = new FakeObjectStore();
  return {
    ...world,
    store,
    launchWithStore: (task, launch = {}) =>
      world.launch(task, {
        ...launch,
        pipelineRoot: root,
        environment: { ARTIFACT_LOCAL_PATH: world.folder, ...launch.environment },
        host: { openStore: () => Promise.resolve(store), ...launch.host },
      }),
  };
}

interface Input {
  readonly uri: string;
  readonly metadata?: Record<string, boolean>;
  readonly customPath?: string;
}

function withInputs(...inputs: readonly Input[]): (input: ExecutorInput) => void {
  return ({ inputs: side }) => {
    const artifacts = inputs.map((input) => create(RuntimeArtifactSchema, { name: "d", ...input }));
    if (side !== undefined) side.artifacts["data"] = { $typeName: "ml_pipelines.ArtifactList", artifacts };
  };
}

describe("downloads", () => {
  test("every artifact of a list is downloaded before the command, to the path the command sees", async () => {
    const world = await startStoreWorld(plain);
    world.store.objects.set("minio://b/one", "1").set("s3://b/two", "2");
    const { exitCode, stdout } = await world.launchWithStore(await world.row(world.root, "say"), {
      change: withInputs({ uri: "minio://b/one" }, { uri: "s3://b/two" }),
      command: script('cat "$0" "$1"', "{{$.inputs.artifacts['data'].path}}", `${world.folder}/s3/b/two`),
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "12" });
    expect(world.store.requests.filter((request) => request.startsWith("download"))).toEqual([
      "download minio://b/one",
      "download s3://b/two",
    ]);
    expect(world.store.requests.at(-1)).toBe("close");
  });

  test.for([
    {
      name: "nothing there",
      input: { uri: "minio://b/none" },
      downloads: 1,
      warning: "There is nothing at the location of an input artifact",
    },
    { name: "in the workspace already", input: { uri: "minio://b/w", metadata: { _kfp_workspace: true } }, downloads: 0 },
    {
      name: "no local path",
      input: { uri: "https://h/f" },
      downloads: 0,
      warning: "An input artifact has no local path and is not downloaded",
    },
    { name: "a metric without URI", input: { uri: "" }, downloads: 0 },
    {
      name: "a custom path",
      input: { uri: "minio://b/one", customPath: "/tmp/kfp-test-elsewhere" },
      downloads: 1,
      warning: "There is nothing at the location of an input artifact",
    },
  ])("$name is not a failure (LAU-18)", async ({ input, downloads, warning }) => {
    const world = await startStoreWorld(plain);
    const { exitCode, logger } = await world.launchWithStore(await world.row(world.root, "say"), { change: withInputs(input) });
    expect(exitCode).toBe(0);
    expect(world.store.requests.filter((request) => request.startsWith("download"))).toHaveLength(downloads);
    const warnings = logger.lines.filter(({ level }) => level === "warn");
    expect(warnings.map(({ message, fields }) => ({ message, ...fields }))).toEqual(
      warning === undefined ? [] : [{ message: warning, key: "data", uri: input.uri }],
    );
  });

  test("a failure names the input and its URI, and no command runs", async () => {
    const world = await startStoreWorld(plain);
    world.store.failures.push({ request: "download", error: new StorageError("OBJECT_ACCESS_DENIED", "access denied") });
    const { exitCode, task, stdout } = await world.launchWithStore(await world.row(world.root, "say"), {
      change: withInputs({ uri: "minio://b/one" }),
      command: script("echo ran"),
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(task.statusMetadata?.message).toBe(
      'failed to execute component: failed to download input artifact "data" from minio://b/one: access denied',
    );
    expect(artifactsOf(task)).toEqual([]);
  });
});

describe("locations", () => {
  test("each bucket is made ready once, while the command runs", async () => {
    const world = await startStoreWorld(single);
    const warmed: string[] = [];
    const before: number[] = [];
    world.store.warmUp = (uri) => {
      warmed.push(uri.split("/", 3).join("/"));
      before.push(world.store.requests.length);
      return Promise.reject(new Error("a hint that cannot be followed"));
    };
    const { exitCode } = await world.launchWithStore(await world.row(world.root, "train"), { command: train });
    expect({ exitCode, warmed, before }).toEqual({ exitCode: 0, warmed: [root.split("/", 3).join("/")], before: [0] });
  });

  test("nothing is made ready for a command that cannot be started", async () => {
    const world = await startStoreWorld(single);
    const warmed: string[] = [];
    world.store.warmUp = (uri) => Promise.resolve(void warmed.push(uri));
    const { exitCode } = await world.launchWithStore(await world.row(world.root, "train"), { command: ["/nowhere"] });
    expect({ exitCode, warmed }).toEqual({ exitCode: 1, warmed: [] });
  });

  test("a refused output is found out before the command runs (LAU-31)", async () => {
    const world = await startStoreWorld(single);
    world.store.refused.push(root);
    const { exitCode, task, stdout } = await world.launchWithStore(await world.row(world.root, "train"), {
      command: script("echo ran"),
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(task.statusMetadata?.message).toMatch(
      /^failed to execute component: artifact URI .* is outside the configured pipeline root/,
    );
  });

  test("a configuration that cannot be read is named", async () => {
    const world = await startStoreWorld(plain);
    const { task } = await world.launchWithStore(await world.row(world.root, "say"), {
      host: {
        openStore: () => Promise.reject(new StorageError("STORE_CONFIG_INVALID", "failed to get launcher configmap: 500")),
      },
    });
    expect(task.statusMetadata?.message).toBe("failed to get launcher configmap: 500");
  });

  test("absolute paths alone do not ask for the configuration", async () => {
    const world = await startLauncherWorld(single);
    const requests: boolean[] = [];
    const store = new FakeObjectStore();
    await world.launch(await world.row(world.root, "train"), {
      command: train,
      host: {
        openStore: ({ localOnly }) => {
          requests.push(localOnly);
          return Promise.resolve(store);
        },
      },
    });
    expect(requests).toEqual([true]);
  });
});

describe("uploads", () => {
  const isUpload = (request: string): boolean => /^upload .*\/(model|a)$/.test(request) || request === "refresh";

  test("R1 go to the provisioned URIs; the log is stored under the attempt's name", async () => {
    const world = await startStoreWorld(single);
    const { task } = await world.launchWithStore(await world.row(world.root, "train"), {
      command: train,
      environment: { KFP_RETRY_INDEX: "2" },
    });
    expect([...world.store.objects.keys()].toSorted()).toEqual([
      `${root}/train/salt-0/executor-logs-2`,
      `${root}/train/salt-0/model`,
    ]);
    expect(world.store.objects.get(`${root}/train/salt-0/model`)).toBe("weights\n");
    expect(stateOf(task)).toBe("SUCCEEDED");
  });

  test("R3 a transient failure is tried once more, with fresh credentials", async () => {
    const world = await startStoreWorld(single);
    world.store.failures.push({ request: `upload ${root}/train/salt-0/model`, error: transientFailure() });
    const { task } = await world.launchWithStore(await world.row(world.root, "train"), { command: train });
    expect(world.store.requests.filter(isUpload)).toEqual([
      `upload ${root}/train/salt-0/model`,
      "refresh",
      `upload ${root}/train/salt-0/model`,
    ]);
    expect(artifactsOf(task).filter(({ key }) => key === "model")).toHaveLength(1);
  });

  test.for([
    { name: "R4 permanent", errors: [new StorageError("OBJECT_ACCESS_DENIED", "denied")], attempts: 1 },
    {
      name: "no such bucket",
      errors: [new StorageError("OBJECT_NOT_FOUND", "no bucket", { details: { bucket: "b" } })],
      attempts: 1,
    },
    { name: "transient twice", errors: [transientFailure(), transientFailure()], attempts: 3 },
  ])("$name: the task fails, nothing but the log is stored", async ({ errors, attempts }) => {
    const world = await startStoreWorld(single);
    for (const error of errors) world.store.failures.push({ request: `upload ${root}/train/salt-0/model`, error });
    const { task, exitCode } = await world.launchWithStore(await world.row(world.root, "train"), { command: train });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toMatch(
      /^failed to execute component: failed to upload output artifact "model" to minio:/,
    );
    expect(world.store.requests.filter(isUpload)).toHaveLength(attempts);
    expect(artifactsOf(task).map(({ key }) => key)).toEqual(["executor-logs"]);
  });

  test("R5 two provisioned elements are uploaded in order and registered, each with what was reported of it", async () => {
    const world = await startStoreWorld(stepOf({ title: "system.Model" }));
    const uris = [`${root}/first/a`, `${root}/second/a`];
    const report = { artifacts: { a: { artifacts: [{ metadata: { n: 1 } }, { metadata: { n: 2 } }] } } };
    const { task, exitCode } = await world.launchWithStore(await world.row(world.root, "step"), {
      change({ outputs }) {
        const [given] = outputs?.artifacts["a"]?.artifacts ?? [];
        if (outputs === undefined || given === undefined) throw new Error("no output");
        const artifacts = uris.map((uri, index) => ({ ...given, uri, name: `a-${index}` }));
        outputs.artifacts["a"] = { $typeName: "ml_pipelines.ArtifactList", artifacts };
      },
      command: script(
        'for name in first second; do mkdir -p "$0/$name"; echo $name > "$0/$name/a"; done; printf "%s" "$1" > "$2"',
        `${world.folder}/minio/mlpipeline/v2/artifacts`,
        JSON.stringify(report),
        "{{$.outputs.output_file}}",
      ),
      publishLogs: false,
    });
    expect(task.statusMetadata?.message ?? "").toBe("");
    expect(exitCode).toBe(0);
    expect(world.store.requests.filter(isUpload)).toEqual(uris.map((uri) => `upload ${uri}`));
    expect(uris.map((uri) => world.store.objects.get(uri))).toEqual(["first\n", "second\n"]);
    const stored = (task.outputs?.artifacts ?? []).flatMap(({ artifacts }) => artifacts);
    expect(new Map(stored.map(({ uri, metadata }) => [uri, metadata["n"]?.kind.value]))).toEqual(
      new Map([
        [uris[0], 1],
        [uris[1], 2],
      ]),
    );
  });

  test("a log that cannot be uploaded costs a warning, on success and on failure", async () => {
    const world = await startStoreWorld(plain);
    const failure = { request: `upload ${root}/say/salt-0/executor-logs`, error: new StorageError("TRANSFER_FAILED", "full") };
    world.store.failures.push(failure, failure);
    const row = await world.row(world.root, "say");
    const first = await world.launchWithStore(row);
    expect(first.exitCode).toBe(0);
    expect(first.logger.messages("warn")).toEqual(["The log of the step is not uploaded"]);
    const second = await world.launchWithStore(row, { command: script("exit 4") });
    expect(second.exitCode).toBe(4);
    expect(second.task.statusMetadata?.message).toBe("failed to execute component: exit status 4");
    expect(artifactsOf(second.task)).toEqual([]);
  });

  test("a folder is an artifact, too", async () => {
    const world = await startStoreWorld(stepOf({ title: "system.Dataset" }));
    const { exitCode } = await world.launchWithStore(await world.row(world.root, "step"), {
      command: script('mkdir "$0"; echo 1 > "$0/part"', "{{$.outputs.artifacts['a'].path}}"),
    });
    expect(exitCode).toBe(0);
    expect(world.store.objects.get(`${root}/step/salt-0/a`)).toBe("<folder>");
  });
});

describe("the order of keys", () => {
  test("everything goes in it, however the driver wrote it (LAU-9)", async () => {
    const keys = { parameters: { z: "STRING", a: "STRING" }, artifacts: { y: "system.Dataset", b: "system.Dataset" } };
    const pipeline = launcherPipeline({ root: { tasks: { step: "comp-step" } } }, { "comp-step": keys });
    const world = await startStoreWorld(pipeline);
    const artifactOf = (key: string): object => ({
      artifacts: [{ name: key, uri: `${root}/${key}`, type: { schemaTitle: "system.Dataset" } }],
    });
    const parameterOf = (key: string): object => ({ outputFile: `${world.folder}/parameters/${key}` });
    for (const key of ["q", "c"]) world.store.objects.set(`${root}/${key}`, key);
    const sent: string[] = [];
    const api = new Proxy(world.api, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver);
        if (name === "createArtifacts")
          return (requests: Parameters<typeof world.api.createArtifacts>[0]) => {
            sent.push(...requests.map(({ producerKey }) => `artifact ${producerKey}`));
            return world.api.createArtifacts(requests);
          };
        if (name === "updateTasks")
          return (...args: Parameters<typeof world.api.updateTasks>) => {
            const updates = [...args[1].values()].flatMap(({ outputs }) => outputs?.parameters ?? []);
            sent.push(...updates.map(({ parameterKey }) => `parameter ${parameterKey}`));
            return world.api.updateTasks(...args);
          };
        return member;
      },
    });
    const { exitCode } = await world.launchWithStore(await world.row(world.root, "step"), {
      executorInput: JSON.stringify({
        inputs: { artifacts: { q: artifactOf("q"), c: artifactOf("c") } },
        outputs: {
          parameters: { z: parameterOf("z"), a: parameterOf("a") },
          artifacts: { y: artifactOf("y"), b: artifactOf("b") },
          outputFile: `${world.folder}/output.json`,
        },
      }),
      // One parameter is reported, the other has a file.
      command: script(
        `echo '{"parameterValues":{"z":"1"}}' > "$0"; for file in "$@"; do mkdir -p "$(dirname "$file")"; echo 1 > "$file"; done`,
        "{{$.outputs.output_file}}",
        "{{$.outputs.parameters['a'].output_file}}",
        ...["y", "b"].map((key) => `{{$.outputs.artifacts['${key}'].path}}`),
      ),
      host: { openStore: () => Promise.resolve(world.store), connect: () => Promise.resolve({ api }) },
    });
    expect(exitCode).toBe(0);
    expect(world.store.requests.filter((request) => /^(down|up)load /.test(request))).toEqual([
      ...["c", "q"].map((key) => `download ${root}/${key}`),
      ...["b", "y"].map((key) => `upload ${root}/${key}`),
    ]);
    expect(sent).toEqual(["artifact b", "artifact y", "parameter a", "parameter z"]);
  });
});

describe("modelcars", () => {
  /** Ends of an attempt, from the first call to the end of the command. */
  const stop = new AbortController();
  stop.abort("SIGTERM");
  test.for<{ name: string; launch: LaunchOptions }>([
    { name: "the parent is not there", launch: { flags: ["--parent_task_id", "nowhere"] } },
    { name: "there is no command", launch: { command: [] } },
    { name: "it was told to stop before it began", launch: { host: { signal: stop.signal } } },
    { name: "another input has no store", launch: { change: withInputs({ uri: "oci://r/o/m:v1" }, { uri: "minio://b/none" }) } },
    { name: "the command cannot be started", launch: { command: ["/nowhere"] } },
    { name: "the command fails", launch: { command: ["false"] } },
    { name: "an output is missing", launch: { command: ["true"] } },
  ])("are told to end when $name (LAU-19)", async ({ launch }, { expect }) => {
    const world = await startStoreWorld(stepOf({ type: "STRING" }));
    const folder = `${world.folder}/oci/r_o_m:v1`;
    await mkdir(`${folder}/models`, { recursive: true });
    if (launch.change !== undefined) {
      const failure = { request: "download minio://b/none", error: new StorageError("TRANSFER_FAILED", "away") };
      world.store.failures.push(failure, failure);
    }
    const { exitCode } = await world.launchWithStore(await world.row(world.root, "step"), {
      change: withInputs({ uri: "oci://r/o/m:v1" }),
      ...launch,
    });
    expect(exitCode).not.toBe(0);
    expect(await readFile(`${folder}/launcher-complete`, "utf8")).toBe("");
  });

  test("are waited for, and told to end whatever happens", async () => {
    const world = await startStoreWorld(plain);
    const folder = `${world.folder}/oci/r_o_m:v1`;
    let looks = 0;
    const { exitCode, stdout } = await world.launchWithStore(await world.row(world.root, "say"), {
      change: withInputs({ uri: "oci://r/o/m:v1" }),
      command: script('cat "$0/weights"; exit 5', "{{$.inputs.artifacts['data'].path}}"),
      host: {
        clock: {
          now: () => world.clock.now(),
          monotonicMs: () => world.clock.monotonicMs(),
          sleep: async (ms, signal) => {
            looks += 1;
            if (looks === 3) {
              await mkdir(`${folder}/models`, { recursive: true });
              await writeFile(`${folder}/models/weights`, "w");
            }
            await world.clock.sleep(ms, signal);
          },
        },
      },
    });
    expect({ exitCode, stdout, looks }).toEqual({ exitCode: 5, stdout: "w", looks: 3 });
    expect(await readFile(`${folder}/launcher-complete`, "utf8")).toBe("");
  });

  test.for([
    { variable: "1m15s", waited: "75 s", words: 2 },
    { variable: "", waited: "3600 s", words: 119 },
  ])(
    "that never come end the step after $waited, with a word every half minute (LAU-19)",
    async ({ variable, waited, words }) => {
      const world = await startStoreWorld(plain);
      const { task, logger } = await world.launchWithStore(await world.row(world.root, "say"), {
        change: withInputs({ uri: "oci://r/o/m:v1" }),
        environment: { KFP_MODELCAR_TIMEOUT: variable },
      });
      expect(task.statusMetadata?.message).toMatch(
        new RegExp(`Model oci://r/o/m:v1 did not appear at "[^"]+/models" within ${waited}; KFP_MODELCAR_TIMEOUT sets`),
      );
      expect(logger.messages("info").filter((message) => message === "Waiting for the modelcar")).toHaveLength(words);
    },
  );
});
