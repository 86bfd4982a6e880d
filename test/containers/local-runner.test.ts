/** `kfp-runtime run --runner container`: steps of local runs in real containers. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { provideBaseImages } from "../support/base-images.ts";
import { builtPrograms, runCli, type CliOptions, type CliRun, type Programs } from "../support/built-programs.ts";
import { findContainers, type Containers } from "../support/containers.ts";
import { portableToolsMissing } from "../support/portable.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

interface World {
  readonly containers: Containers;
  readonly programs: Programs;
  readonly folder: string;
}

let world: World | undefined;

beforeAll(async () => {
  if (portableToolsMissing()) return;
  const containers = findContainers();
  if (containers === undefined) return;
  const problem = provideBaseImages(containers.engine, ["docker.io/library/busybox:1.37"]);
  if (problem !== undefined) {
    skipUnless(false, `local runs in containers: ${problem}`);
    return;
  }
  const programs = await builtPrograms();
  const dist = join(programs.bin, "..");
  if (!existsSync(join(dist, "portable/launch"))) {
    execFileSync(process.execPath, [join(root, "scripts/build-portable.mjs"), "--dist", dist], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  }
  world = { containers, programs, folder: mkdtempSync(join(tmpdir(), "kfp-local-runner-")) };
}, 900_000);
afterAll(() => {
  if (world !== undefined) rmSync(world.folder, { recursive: true, force: true });
});

function run({ containers, programs, folder }: World, args: readonly string[], more: Partial<CliOptions> = {}): Promise<CliRun> {
  const env = {
    ...containers.engine.env,
    KFP_CONTAINER_ENGINE: containers.run.slice(0, -1).join(" "),
    KFP_CONTAINER_RUN_OPTIONS: "--ulimit nofile=1000:1000 --ulimit nproc=1000:1000",
    SECRET_OF_THE_HOST: "planted-on-the-host",
  };
  const words = args[0] === "run" || args[0] === "resume" ? args : ["run", ...args];
  return runCli(programs, [...words, "--output", "json"], { cwd: folder, env, ...more });
}

function runningContainers({ containers: { run: words, engine } }: World, runId: string): string {
  const [command, ...options] = words.slice(0, -1);
  const args = [...options, "ps", "--all", "--quiet", "--filter", `label=kfp-runtime.run=${runId}`];
  return spawnSync(command ?? "", args, { encoding: "utf8", env: { ...process.env, ...engine.env } }).stdout;
}

/** A pipeline of one container a task, in JSON. */
function pipeline(folder: string, name: string, steps: Readonly<Record<string, object>>, kubernetes: object = {}): string {
  const names = Object.keys(steps);
  const spec = {
    pipelineInfo: { name },
    schemaVersion: "2.1.0",
    root: {
      dag: { tasks: Object.fromEntries(names.map((step) => [step, { componentRef: { name: step }, taskInfo: { name: step } }])) },
    },
    components: Object.fromEntries(names.map((step) => [step, { executorLabel: step }])),
    deploymentSpec: {
      executors: Object.fromEntries(
        Object.entries(steps).map(([step, container]) => [step, { container: { image: "busybox:1.37", ...container } }]),
      ),
    },
  };
  const platform = { platforms: { kubernetes: { deploymentSpec: { executors: kubernetes } } } };
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ pipeline_spec: spec, platform_spec: platform }));
  return path;
}

/** An importer of a model, a step that reads it, and one in a container that has nothing to do with it. */
function modelPipeline(uri: string): object {
  const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
  const script = 'printf "%s of %s" "$(cat "$0/weights")" "$0" > "$1"';
  return {
    pipelineInfo: { name: "model" },
    schemaVersion: "2.1.0",
    root: {
      outputDefinitions: { parameters: { said: { parameterType: "STRING" } } },
      dag: {
        outputs: { parameters: { said: { valueFromParameter: { producerSubtask: "read", outputParameterKey: "said" } } } },
        tasks: {
          bring: { componentRef: { name: "bring" }, taskInfo: { name: "bring" } },
          other: { componentRef: { name: "other" }, taskInfo: { name: "other" } },
          read: {
            componentRef: { name: "read" },
            taskInfo: { name: "read" },
            dependentTasks: ["bring"],
            inputs: { artifacts: { model: { taskOutputArtifact: { producerTask: "bring", outputArtifactKey: "artifact" } } } },
          },
        },
      },
    },
    components: {
      bring: { executorLabel: "bring", outputDefinitions: { artifacts: { artifact: model } } },
      other: { executorLabel: "other" },
      read: {
        executorLabel: "read",
        inputDefinitions: { artifacts: { model } },
        outputDefinitions: { parameters: { said: { parameterType: "STRING" } } },
      },
    },
    deploymentSpec: {
      executors: {
        bring: { importer: { artifactUri: { constant: uri }, typeSchema: model.artifactType } },
        other: { container: { image: "busybox:1.37", command: ["true"] } },
        read: {
          container: {
            image: "busybox:1.37",
            command: [
              "sh",
              "-ec",
              script,
              "{{$.inputs.artifacts['model'].path}}",
              "{{$.outputs.parameters['said'].output_file}}",
            ],
          },
        },
      },
    },
  };
}

const sh = (script: string) => ({ command: ["sh", "-ec", script] });

describe("steps in containers", () => {
  test("have what a pod has, and leave nothing behind", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { folder } = world;
    for (const [name, key, value] of [
      ["login", "user", "ada"],
      ["login", "password", "pw"],
      ["paint", "colour", "blue"],
    ] as const) {
      mkdirSync(join(folder, "objects", name), { recursive: true });
      writeFileSync(join(folder, "objects", name, key), value);
    }
    const source = join(root, "test/fixtures/local/cluster_objects.yaml");
    const ended = await run(world, [source, "--home", "objects-home", "--runner", "container", "--secrets", "objects"]);
    expect(ended.code, ended.stderr).toBe(0);
    const result = parseResult(ended.stdout);
    expect(new Set(Object.values(statesOf(result)))).toEqual(new Set(["SUCCEEDED"]));
    const said = (name: string) => result.tasks.find((task) => task.name === name)?.outputs.parameters["said"];
    expect(said("read-settings")).toBe("pw unset blue ada blue 0");
    expect(said("read-volumes")).toBe("written part 0 shared");
    expect(runningContainers(world, result.runId)).toBe("");
    const left = readdirSync(join(folder, "objects-home/runs", result.runId)).toSorted();
    expect(left.filter((name) => ["pods", "outputs", "volumes"].includes(name))).toEqual([]);
  });

  test("are shown models in images, which steps on the host are not", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { folder, containers } = world;
    const image = "localhost/kfp-runtime-test/model:1";
    const [command = "", ...options] = containers.run.slice(0, -1);
    const engine = (...args: string[]): void => {
      execFileSync(command, [...options, ...args], { env: { ...process.env, ...containers.engine.env }, stdio: "pipe" });
    };
    mkdirSync(join(folder, "models"));
    writeFileSync(join(folder, "models/weights"), "heavy");
    engine("create", "--name", "kfp-test-model", "busybox:1.37");
    try {
      engine("cp", join(folder, "models"), "kfp-test-model:/models");
      engine("commit", "--quiet", "kfp-test-model", image);
    } finally {
      engine("rm", "--force", "kfp-test-model");
    }
    const path = join(folder, "model.json");
    writeFileSync(path, JSON.stringify(modelPipeline(`oci://${image}`)));
    try {
      const ended = await run(world, [path, "--home", "model-home", "--runner", "container"]);
      expect(ended.code, ended.stderr).toBe(0);
      const result = parseResult(ended.stdout);
      expect(result.outputs.parameters["said"]).toBe("heavy of /oci/localhost_kfp-runtime-test_model:1/models");
      expect(runningContainers(world, result.runId)).toBe("");

      const onHost = await run(world, [path, "--home", "model-home"]);
      expect(onHost).toMatchObject({ code: 2 });
      expect(onHost.stderr).toContain(`models in images, oci://: import of oci://${image} (task bring) is not supported`);
      const mixed = await run(world, [path, "--home", "model-home", "--runner", "container", "--runner-for", "read=host"]);
      expect(mixed.code).toBe(1);
      expect(mixed.stderr).toContain(`Cannot show model image ${image} to a step on this machine: run it in a container`);
    } finally {
      engine("rmi", "--force", image);
    }
  });

  test("see their own image, not this machine, and no other step's files", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { folder } = world;
    writeFileSync(join(folder, "on-the-host"), "");
    const look = `test ! -e ${join(folder, "on-the-host")} && test -z "$SECRET_OF_THE_HOST" && ls ${folder}/alone/artifacts/*/*`;
    const source = pipeline(folder, "alone", { one: sh(look), two: sh(look) });
    const ended = await run(world, [source, "--home", "alone", "--runner", "container", "--parallelism", "1"]);
    expect(ended.code, ended.stderr).toBe(0);
    // Each lists the folder of its own outputs, the log, and nothing else.
    const listed = ended.stderr.split("\n").filter((line) => / \| (one|two)$/.test(line));
    expect(listed.toSorted().map((line) => line.replace(" | ", " sees "))).toEqual(["one sees one", "two sees two"]);
  });

  test("run init containers first, with the limits and the user of the step", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { folder } = world;
    const config = {
      step: {
        emptyDirMounts: [{ volumeName: "shared", mountPath: "/shared" }],
        initContainers: [
          {
            name: "first",
            image: "busybox:1.37",
            command: ["sh", "-c", "echo made > /shared/file"],
            volumeMounts: [{ volumeName: "shared", mountPath: "/shared" }],
          },
        ],
        securityContext: { runAsUser: 1234 },
      },
    };
    const source = pipeline(folder, "init", { step: sh('echo "$(cat /shared/file) $(id -u)"') }, config);
    const ended = await run(world, [source, "--home", "init", "--runner", "container"]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain("step | made 1234");
    expect(ended.stderr).not.toContain("not supported");
  });

  test("an image that cannot be had fails its step, and says so", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const source = pipeline(world.folder, "gone", {
      step: { image: "localhost/kfp-runtime/gone:1", ...sh("true") },
      other: sh("echo fine"),
    });
    const ended = await run(world, [source, "--home", "gone", "--runner", "container"]);
    expect(ended.code).toBe(1);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", step: "FAILED", other: "SUCCEEDED" });
    const step = result.tasks.find(({ name }) => name === "step");
    expect(step?.error).toBe("Image localhost/kfp-runtime/gone:1 is not there, and its pull policy is Never");
  });

  test("end with Ctrl-C, stubborn ones included", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    let sentMs = 0;
    const ended = await run(world, [join(root, "test/fixtures/slow.yaml"), "--home", "slow", "--runner", "container"], {
      onStderr: (stderr, signal) => {
        if (sentMs > 0 || (stderr.match(/\| pid \d+/g) ?? []).length < 3) return;
        sentMs = Date.now();
        signal("SIGINT");
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", obedient: "FAILED", stubborn: "FAILED" });
    expect(runningContainers(world, result.runId)).toBe("");
  });

  test("of a run whose process was killed are removed before it goes on", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const here = world;
    const source = pipeline(here.folder, "killed", { step: sh("echo begun; exec sleep 300") });
    const untilBegun = async (args: readonly string[], signalName: NodeJS.Signals) => {
      let containers: string[] | undefined;
      let runId = "";
      await run(here, args, {
        onStderr: (stderr, signal) => {
          if (containers !== undefined || !stderr.includes("step | begun")) return;
          runId = /run ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? "";
          containers = runningContainers(here, runId).split("\n").filter(Boolean);
          signal(signalName);
        },
      });
      return { runId, containers };
    };
    const killed = await untilBegun(["run", source, "--home", "killed", "--runner", "container"], "SIGKILL");
    expect(killed.containers).toHaveLength(1);
    expect(runningContainers(here, killed.runId).trim()).toBe(killed.containers?.[0]);
    const resumed = await untilBegun(["resume", killed.runId, "--home", "killed"], "SIGINT");
    expect(resumed).toMatchObject({ runId: killed.runId });
    expect(resumed.containers).toHaveLength(1);
    expect(resumed.containers).not.toEqual(killed.containers);
    expect(runningContainers(here, killed.runId)).toBe("");
  });

  test("one task may run on this machine all the same", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { folder } = world;
    writeFileSync(join(folder, "mark"), "");
    const look = sh(`if test -e ${join(folder, "mark")}; then echo on this machine; else echo elsewhere; fi`);
    const source = pipeline(folder, "mixed", { here: look, there: look });
    const ended = await run(world, [source, "--home", "mixed", "--runner", "container", "--runner-for", "here=host"]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain("here | on this machine");
    expect(ended.stderr).toContain("there | elsewhere");
  });

  test("without an engine nothing runs", async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const source = pipeline(world.folder, "no-engine", { step: sh("true") });
    const ended = await run(world, [source, "--home", "no-engine", "--runner", "container"], {
      env: { KFP_CONTAINER_ENGINE: "no-such-engine" },
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("Cannot run steps in containers: no engine answers (no-such-engine: ");
    expect(existsSync(join(world.folder, "no-engine"))).toBe(false);
  });
});
