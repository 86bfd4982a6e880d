/**
 * A run of drivers, launchers and importers as processes whose API server is stopped at every boundary: whenever a program starts, and
 * again while the command of a step runs, so that the launcher finds nobody when the command has ended.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import type { PipelineTask } from "../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { runPipeline } from "../../src/local/engine/engine.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import type { Programs } from "./built-programs.ts";
import { createProgramExecutor, type ProgramEnd, type RunningProgram, type StartedProgram } from "./program-executor.ts";
import { RestartableServer } from "./restartable-server.ts";

export interface OutageRun {
  readonly outcome: "succeeded" | "failed";
  readonly tasks: readonly PipelineTask[];
  /** How often the server was stopped. */
  readonly outages: number;
  /** Output of every program, by scope path and kind. */
  readonly programs: ReadonlyMap<string, ProgramEnd>;
  /** What the engine could not make sense of. */
  readonly errors: readonly string[];
}

export interface OutageOptions {
  readonly programs: Programs;
  /** Empty, of this run alone. */
  readonly folder: string;
  /** Gets the location of an artifact to import. */
  readonly makePipeline: (artifactUri: string) => JsonObject;
  /** Absent: the server is always there. 0: it comes back as soon as somebody has missed it. */
  readonly downMs?: number;
  /** How long programs put up with it; absent: their default. */
  readonly retryTimeout?: string;
}

/** What a program says with the first try that nobody answers. */
const SILENCE = "The API server does not answer";

export async function runWithOutages({
  programs,
  folder,
  makePipeline,
  downMs,
  retryTimeout,
}: OutageOptions): Promise<OutageRun> {
  const config = path.join(folder, "config");
  mkdirSync(config, { recursive: true });
  const pipelineRoot = path.join(folder, "root");
  mkdirSync(pipelineRoot);
  writeFileSync(path.join(pipelineRoot, "data.txt"), "data");
  writeFileSync(path.join(config, "defaultPipelineRoot"), pipelineRoot);
  const pipeline = makePipeline(path.join(pipelineRoot, "data.txt"));
  const server = await RestartableServer.start(path.join(folder, "rows.db"));
  const ends = new Map<string, ProgramEnd>();
  const errors: string[] = [];
  let outages = 0;

  /** Stops the server, lets the program find out, and brings the server back. */
  const outage = async (find: () => RunningProgram, times: number): Promise<RunningProgram> => {
    await server.stop();
    outages += 1;
    const startedAtMs = Date.now();
    const program = find();
    await program.says(SILENCE, times);
    const restMs = (downMs ?? 0) - (Date.now() - startedAtMs);
    if (restMs > 0) await systemClock.sleep(restMs);
    await server.startAgain();
    return program;
  };

  const see = async ({ kind, scopePath, start }: StartedProgram): Promise<ProgramEnd> => {
    const gate = path.join(folder, `gate-${scopePath}`);
    let program: RunningProgram;
    if (downMs === undefined) {
      writeFileSync(gate, "");
      program = start();
    } else {
      program = await outage(start, 1);
      if (kind === "launcher") {
        await program.says(`${scopePath} is at work`);
        await outage(() => {
          writeFileSync(gate, "");
          return program;
        }, 2);
      }
    }
    const ended = await program.ended;
    ends.set(`${scopePath} ${kind}`, ended);
    return ended;
  };

  try {
    const parsed = parsePipelineSpec(pipeline);
    const pipelineName = parsed.spec.pipelineInfo?.name ?? "";
    const { host, port } = server.running;
    const { run } = server.running.runs.createRun({
      displayName: pipelineName,
      pipelineSource: { case: "pipelineSpec", value: pipeline },
      runtimeConfig: { parameters: {}, pipelineRoot },
    });
    let count = 0;
    const outcome = await runPipeline(
      {
        executor: createProgramExecutor({
          programs,
          server: { address: host, port: String(port) },
          env: {
            ...{ GATES: folder, KFP_OUTPUTS_DIR: path.join(folder, "outputs"), KFP_RETRY_INDEX: "0" },
            KFP_LAUNCHER_CONFIG_DIR: config,
            ...(retryTimeout === undefined ? {} : { KFP_API_RETRY_TIMEOUT: retryTimeout }),
          },
          run: see,
        }),
        clock: systemClock,
        driverFolder: () => path.join(folder, `driver-${String((count += 1))}`),
        newPod: () => ({ name: `pod-${String((count += 1))}`, uid: `uid-${String(count)}`, namespace: "tests" }),
        onEvent: (event) => {
          if (event.kind === "ended" && event.error !== undefined) errors.push(`${event.place.scopePath}: ${event.error}`);
        },
        signal: new AbortController().signal,
      },
      {
        pipeline: parsed,
        pipelineName,
        runId: run.runId,
        runName: pipelineName,
        runDisplayName: pipelineName,
        namespace: "tests",
        runtimeConfig: "{}",
        cacheDisabled: true,
        publishLogs: true,
        logLevel: "1",
        apiServer: { address: host, port: String(port), tlsEnabled: false, caCertPath: "" },
        kubernetesConfigs: new Map(),
        parallelism: 1,
      },
    );
    return { outcome, tasks: await server.tasksOf(run.runId), outages, programs: ends, errors };
  } finally {
    await server.stop();
  }
}

/** What the programs of a run said that did not end well, for the message of a failed test. */
export function complaints({ programs, tasks, errors }: OutageRun): string {
  const texts = [...programs].filter(([, { code }]) => code !== 0).map(([name, { stderr }]) => `${name}:\n${stderr}`);
  const messages = tasks.map(({ scopePath, statusMetadata }) => `${scopePath}: ${statusMetadata?.message ?? ""}`);
  return [...errors, ...texts, ...messages].join("\n");
}

/**
 * An importer and a chain of steps, every second one in a sub-pipeline of its own. A step takes number and artifact of the one before
 * and gives its own.
 */
export function chainOf(steps: number, artifactUri: string): JsonObject {
  const artifact = { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } };
  const number = { parameterType: "NUMBER_INTEGER" };
  const io = {
    inputDefinitions: { parameters: { n: number }, artifacts: { data: artifact } },
    outputDefinitions: { parameters: { n: number }, artifacts: { data: artifact } },
  };
  const tasks: Record<string, JsonObject> = {
    load: { componentRef: { name: "comp-load" }, taskInfo: { name: "load" } },
  };
  const components: Record<string, JsonObject> = {
    "comp-load": { executorLabel: "exec-load", outputDefinitions: { artifacts: { artifact } } },
  };
  const executors: Record<string, JsonObject> = {
    "exec-load": {
      importer: { artifactUri: { constant: artifactUri }, typeSchema: { schemaTitle: "system.Dataset" } },
    },
  };
  const inputs = (producer: string, key: string): JsonObject => ({
    parameters: {
      n:
        producer === "load"
          ? { runtimeValue: { constant: 0 } }
          : { taskOutputParameter: { producerTask: producer, outputParameterKey: "n" } },
    },
    artifacts: { data: { taskOutputArtifact: { producerTask: producer, outputArtifactKey: key } } },
  });
  for (let index = 1; index <= steps; index += 1) {
    const name = `step-${String(index)}`;
    const isNested = index % 2 === 0;
    const scopePath = isNested ? `root.${name}.inner` : `root.${name}`;
    const producer = index === 1 ? "load" : `step-${String(index - 1)}`;
    tasks[name] = {
      componentRef: { name: isNested ? `comp-${name}-dag` : `comp-${name}` },
      taskInfo: { name },
      dependentTasks: [producer],
      inputs: inputs(producer, index === 1 ? "artifact" : "data"),
    };
    components[`comp-${name}`] = { executorLabel: `exec-${name}`, ...io };
    if (isNested) {
      components[`comp-${name}-dag`] = {
        ...io,
        dag: {
          tasks: {
            inner: {
              componentRef: { name: `comp-${name}` },
              taskInfo: { name: "inner" },
              inputs: {
                parameters: { n: { componentInputParameter: "n" } },
                artifacts: { data: { componentInputArtifact: "data" } },
              },
            },
          },
          outputs: {
            parameters: { n: { valueFromParameter: { producerSubtask: "inner", outputParameterKey: "n" } } },
            artifacts: { data: { artifactSelectors: [{ producerSubtask: "inner", outputArtifactKey: "data" }] } },
          },
        },
      };
    }
    executors[`exec-${name}`] = {
      container: {
        image: "none",
        command: ["sh", "-c"],
        args: [
          `echo '${scopePath} is at work'; until [ -e "$GATES/gate-${scopePath}" ]; do sleep 0.05; done; ` +
            `mkdir -p "$(dirname "$1")" "$(dirname "$3")"; echo data > "$1"; echo $(($2 + 1)) > "$3"`,
          "sh",
          "{{$.outputs.artifacts['data'].path}}",
          "{{$.inputs.parameters['n']}}",
          "{{$.outputs.parameters['n'].output_file}}",
        ],
      },
    };
  }
  return {
    pipelineInfo: { name: "chain" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: { dag: { tasks } },
    components,
    deploymentSpec: { executors },
  };
}
