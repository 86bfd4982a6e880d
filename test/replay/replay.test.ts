/** A replay that could not fail would prove nothing: what is changed in a recording is found. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, onTestFinished, test } from "vitest";
import { root } from "../support/probe.ts";
import { startFakeCluster, type FakeCluster } from "./fake-cluster.ts";
import { findPipelineFile, readRecording, type Recording } from "./recording.ts";
import { RECORDINGS, replayFile } from "./replay-folder.ts";

/** A recording as JSON, to be changed at will. */
interface Loose {
  [key: string | number]: Loose | undefined;
  [Symbol.iterator](): Iterator<Loose>;
}

function changed(name: string, change: (recording: Loose) => void): string {
  const recording = readRecording(RECORDINGS, name);
  change(recording as unknown as Loose);
  return folderOf(recording);
}

function folderOf(recording: Recording): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-recordings-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, `${recording.pipeline}.json`), JSON.stringify(recording));
  return folder;
}

const set = (target: Loose | undefined, key: string, value: unknown): void => {
  if (target === undefined) throw new Error(`the recording has no such member: ${key}`);
  (target as Record<string, unknown>)[key] = value;
};

describe("a recording that is changed", () => {
  let cluster: FakeCluster;
  beforeAll(async () => {
    cluster = await startFakeCluster();
  });
  afterAll(() => cluster.close());

  const PATCH = "outputFiles.pod_spec_patch_path.containers[main]";
  const DRIVER = 1;
  const LAUNCHER = 2;
  test.for<[what: string, field: string, change: (recording: Loose) => void]>([
    ["the exit code", "exit", ({ programs }) => set(programs?.[LAUNCHER], "exit", 3)],
    [
      "an output file",
      "outputFiles.condition_path",
      ({ programs }) => set(programs?.[DRIVER]?.["outputFiles"], "condition_path", "true"),
    ],
    [
      "an argument of the program",
      `${PATCH}.args[1]`,
      ({ programs }) =>
        set(programs?.[DRIVER]?.["outputFiles"]?.["pod_spec_patch_path"]?.["containers"]?.[0]?.["args"], "1", "x"),
    ],
    [
      "a variable of the pod",
      `${PATCH}.env[NAMESPACE].valueFrom`,
      ({ programs }) =>
        set(programs?.[DRIVER]?.["outputFiles"]?.["pod_spec_patch_path"]?.["containers"]?.[0]?.["env"]?.[2], "valueFrom", 1),
    ],
    [
      "a Kubernetes request",
      "kubernetesRequests.POST /api/v1/namespaces/local/persistentvolumeclaims",
      ({ programs }) =>
        set(programs?.[DRIVER], "kubernetesRequests", [
          { method: "POST", path: "/api/v1/namespaces/local/persistentvolumeclaims", body: {}, status: 201 },
        ]),
    ],
    [
      "a row a driver leaves",
      "rows.ROOT/echo.displayName",
      ({ programs }) => {
        for (const { request } of [...(programs?.[DRIVER]?.["calls"] ?? [])]) {
          if (request?.["task"] !== undefined) set(request["task"], "displayName", "say");
        }
      },
    ],
    ["a row at the end", "tasks.ROOT/echo.scopePath", ({ tasks }) => set(tasks?.["ROOT/echo"], "scopePath", "root.say")],
    ["the state at the end", "tasks.ROOT.state", ({ tasks }) => set(tasks?.["ROOT"], "state", "FAILED")],
  ])("differs in %s", async ([, field, change], { expect }) => {
    const folder = changed("hello_world.json.gz", change);
    const differences = await replayFile(cluster, folder, "hello_world.json");
    const unexplained = differences.filter(({ deviations }) => deviations.length === 0).map((difference) => difference.field);
    expect(unexplained).toContain(field);
  });

  test("differs in the link that a launcher makes", async ({ expect }) => {
    const folder = changed("artifacts_simple.json.gz", ({ programs }) => {
      const call = [...(programs ?? [])]
        .flatMap((program) => [...(program["calls"] ?? [])])
        .find(({ method }) => (method as unknown) === "CreateArtifactTasksBulk");
      set(call?.["request"]?.["artifactTasks"]?.[0], "key", "other");
    });
    const differences = await replayFile(cluster, folder, "artifacts_simple.json");
    expect(differences.filter(({ deviations }) => deviations.length === 0).map(({ field }) => field)).toContain(
      "rows.ROOT/for-loop-2.outputs.artifacts.other@double[0]",
    );
  });
});

describe("npm run replay", () => {
  const replay = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, "scripts/replay.mjs"), ...args], {
      encoding: "utf8",
    });
    return { status, lines: stdout.trimEnd().split("\n"), stderr };
  };

  test("ends with the counts, exit code 0 when all agree", ({ expect }) => {
    const { status, lines } = replay(RECORDINGS, "--only", "^(hello_world|concat_message)");
    expect({ status, lines }).toEqual({ status: 0, lines: ["2 agreed, 0 differed"] });
  });

  test("prints what differs, exit code 1", ({ expect }) => {
    const folder = changed("hello_world.json.gz", ({ programs }) =>
      set(programs?.[0]?.["outputFiles"], "iteration_count_path", "1"),
    );
    const { status, lines } = replay(folder);
    expect({ status, lines }).toEqual({
      status: 1,
      lines: [
        "hello_world: driver ROOT_DAG root -1: outputFiles.iteration_count_path",
        '  recorded: "1"',
        '  ours:     "0"',
        "0 agreed, 1 differed",
      ],
    });
  });

  test("says which file is no recording, and goes on", ({ expect }) => {
    const folder = changed("hello_world.json.gz", () => undefined);
    writeFileSync(path.join(folder, "broken.json"), "{");
    const { status, lines } = replay(folder);
    expect({ status, last: lines.at(-1) }).toEqual({ status: 1, last: "1 agreed, 1 differed" });
    expect(lines[0]).toMatch(/^broken\.json: cannot be replayed: Cannot read the recording .*broken\.json: /);
  });

  test("says that the folder is not there", ({ expect }) => {
    const { status, stderr } = replay("/nowhere/at/all");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^replay: .*\/nowhere\/at\/all/);
  });
});

describe("findPipelineFile()", () => {
  test("names the folders it has looked into", ({ expect }) => {
    expect(() => findPipelineFile("none", [RECORDINGS, "/nowhere"])).toThrow(
      /none\.yaml is in none of .*fixtures\/replay, \/nowhere/,
    );
  });
});
