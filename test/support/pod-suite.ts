/**
 * The tests of a step's pod in foreign images, for the places that are asked for: few in every run, the whole matrix in the long one.
 *
 * @module
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  findContainers,
  provideImages,
  runContainer,
  signalContainer,
  type ContainerEnd,
  type Containers,
  type RuntimeImages,
} from "./containers.ts";
import { buildForeignImages, removeForeignImages, type ForeignImage } from "./foreign-images.ts";
import { hostileEnvironment } from "./hostile-environment.ts";
import { outputParameter, pipeline, playRun, startPeers, type Peers, type PlayedRun } from "./play-run.ts";
import { copyLauncher, initLimits, openFolder, type MainContainer } from "./pod-executor.ts";
import { compileStatic, muslMissing } from "./portable.ts";
import { runToEnd } from "./probe.ts";
import { skipUnless } from "./skip.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "./installed-servers.ts";

export interface PodPlace {
  readonly image: string;
  readonly user: number;
}

export interface PodSuiteOptions {
  readonly places: readonly PodPlace[];
  /** Users for whom the empty root without /proc is played. */
  readonly usersWithoutProc: readonly number[];
}

interface World {
  readonly containers: Containers;
  readonly images: RuntimeImages;
  readonly folder: string;
  readonly foreign: readonly ForeignImage[];
  readonly peers: Peers;
  /** The launcher's folder by user of the init container; the image's own is 65532. */
  readonly launcherFolder: string;
}

/** As long as debootstrap, npm ci and both builds may take. */
const setUpTimeoutMs = 1_200_000;

export function describePods({ places, usersWithoutProc }: PodSuiteOptions): void {
  describe("a step's pod", () => {
    let world: World | undefined;

    beforeAll(async () => {
      world = await makeWorld();
    }, setUpTimeoutMs + STORE_SERVER_SETUP_TIMEOUT_MS);
    afterAll(async () => {
      if (world === undefined) return;
      await world.peers.close();
      removeForeignImages(world.containers, world.foreign);
      await rm(world.folder, { recursive: true, force: true });
    });

    test.for(["driver", "launcher"] as const)("the image of the %s runs under its limits", async (kind, { expect, skip }) => {
      if (world === undefined) return skip();
      const program = kind === "driver" ? "driver" : "launcher-v2";
      const memory = kind === "driver" ? "512m" : "256m";
      const limits = { image: world.images[kind], cpus: 0.5, memory, readOnly: true };
      for (const more of [{}, { command: [program, "--version"] }, { command: [program, "--version"], user: 1000720000 }]) {
        const ended = await runContainer(world.containers, { ...limits, ...more });
        if (more.command === undefined) expect(ended.code).not.toBe(127);
        else expect({ ...ended }).toEqual({ code: 0, stdout: expect.stringMatching(new RegExp(`^${program} \\d`)), stderr: "" });
      }
    });

    test("the init container copies the launcher with little memory, as any user, and again", async ({ expect, skip }) => {
      if (world === undefined) return skip();
      const volume = await openFolder(world.folder, "copied");
      for (const more of [{ memory: "64m" }, {}]) {
        await copyLauncher(world.containers, world.images, volume, { ...initLimits, ...more });
        expect(spawnSync("diff", ["-r", world.launcherFolder, volume]).status).toBe(0);
      }
      const other = await openFolder(world.folder, "copied-by-another");
      await copyLauncher(world.containers, world.images, other, { ...initLimits, user: 1000720000 });
      expect(spawnSync("diff", ["-r", world.launcherFolder, other]).status).toBe(0);
    });

    test.for(places.map((place) => ({ ...place })))(
      "runs in the image $image as user $user",
      async ({ image, user }, { expect, skip }) => {
        const found = world?.foreign.find(({ name }) => name === image);
        if (world === undefined || found === undefined) return skip();
        const text = `written by ${String(user)} in ${image} ${String(Math.random())}`;
        const played = await playRun(
          world.peers,
          {
            ...{ containers: world.containers, images: world.images, folder: world.folder, launcherFolder: world.launcherFolder },
            env: hostileEnvironment,
            image: () => found.image,
            main: { user, readOnly: true, memory: "512m" },
          },
          pipeline(text),
        );
        expect(resultOf(world.peers, played)).toEqual(expectedResult(text));
      },
    );

    test.for([{ image: "empty" }, { image: "debian" }])(
      "a signal reaches the step in the image $image",
      async ({ image }, { expect, skip }) => {
        const found = world?.foreign.find(({ name }) => name === image);
        if (world === undefined || found === undefined) return skip();
        const { containers, launcherFolder, peers } = world;
        const name = `kfp-runtime-test-signal-${image}-${String(process.pid)}`;
        const source = pipeline("unused");
        const root = source["root"] as { dag: { tasks: Record<string, unknown> } };
        root.dag.tasks = { environment: root.dag.tasks["environment"] };
        const executors = (source["deploymentSpec"] as { executors: Record<string, unknown> }).executors;
        executors["exec-environment"] = { container: { image: "foreign", command: ["/t/step", "wait"] } };
        const played = await playRun(
          peers,
          {
            ...{ containers, images: world.images, folder: world.folder, launcherFolder },
            image: () => found.image,
            main: {
              ...{ name, readOnly: true, user: 65532 },
              onOutput: (chunk) => {
                if (chunk.toString().includes("waiting")) signalContainer(containers, name, "TERM");
              },
            },
          },
          source,
        );
        expect(played.mains["root.environment"]?.stdout).toBe("waiting\ntold to stop\n");
        expect(played.tasks["root.environment"]).toMatchObject({ outcome: "failed", exitCode: 143 });
      },
    );

    test.for(usersWithoutProc.map((user) => ({ user })))(
      "runs in an empty root without /proc as user $user",
      async ({ user }, { expect, skip }) => {
        const found = world?.foreign.find(({ name }) => name === "empty");
        if (world === undefined || found?.folder === undefined) return skip();
        const enter = path.join(world.folder, "enter");
        compileStatic("enter.c", enter);
        const text = `without proc ${String(user)} ${String(Math.random())}`;
        const played = await playRun(
          world.peers,
          {
            ...{ containers: world.containers, images: world.images, folder: world.folder, launcherFolder: world.launcherFolder },
            env: hostileEnvironment,
            image: () => found.image,
            runMain: (main) => runWithoutProc(main, { root: found.folder ?? "", enter, user }),
          },
          pipeline(text),
        );
        expect(resultOf(world.peers, played)).toEqual(expectedResult(text));
      },
    );
  });
}

async function makeWorld(): Promise<World | undefined> {
  const containers = findContainers();
  if (containers === undefined || muslMissing()) return undefined;
  const images = await provideImages(containers);
  if ("missing" in images) {
    skipUnless(false, `containers: ${images.missing}`);
    return undefined;
  }
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-pods-"));
  execFileSync("chmod", ["755", folder]);
  const launcherFolder = await openFolder(folder, "launcher");
  await copyLauncher(containers, images, launcherFolder);
  return {
    containers,
    images,
    folder,
    launcherFolder,
    foreign: buildForeignImages(containers, await openFolder(folder, "foreign")),
    peers: await startPeers(),
  };
}

/** What a run of the pipeline came to; what its programs said, where a task ended otherwise than it should. */
function resultOf(peers: Peers, played: PlayedRun): unknown {
  const { tasks, mains, runId } = played;
  const unexpected = Object.keys(mains).filter((task) => tasks[task]?.outcome !== "succeeded" && !/fail|absent/.test(task));
  const variables = (mains["root.environment"]?.stdout ?? "").split("\0");
  return {
    tasks,
    said: unexpected.map((task) => mains[task]?.stderr),
    text: outputParameter(peers, runId, "read", "text"),
    size: outputParameter(peers, runId, "write", "size"),
    lost: Object.entries(hostileEnvironment).filter(([name, value]) => !variables.includes(`${name}=${value}`)),
    leftOver: variables.filter((variable) => variable.startsWith("KFP_LAUNCHER_STASH")),
  };
}

function expectedResult(text: string): unknown {
  return {
    tasks: {
      root: { outcome: "failed" },
      "root.write": { outcome: "succeeded" },
      "root.read": { outcome: "succeeded" },
      "root.environment": { outcome: "succeeded" },
      "root.fail": { outcome: "failed", exitCode: 7 },
      "root.absent": { outcome: "failed", exitCode: 1 },
    },
    said: [],
    text,
    size: Buffer.byteLength(text),
    lost: [],
    leftOver: [],
  };
}

/** The main container as processes: its own mounts and processes, the network of the host, nothing mounted at /proc. */
async function runWithoutProc(main: MainContainer, place: { root: string; enter: string; user: number }): Promise<ContainerEnd> {
  const mounts = { ...main.volumes, ...main.readOnlyVolumes };
  const script = [
    "set -e",
    "mount --make-rprivate /",
    'mount --bind "$ROOT" "$ROOT"',
    ...Object.entries(mounts).flatMap(([inside, outside]) => [
      `mkdir -p "$ROOT${inside}"`,
      `mount --bind "${outside}" "$ROOT${inside}"`,
    ]),
    'mount -o remount,ro,bind "$ROOT"',
    'mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"',
    'exec "$ENTER" "$ROOT" "$@"',
  ].join("\n");
  const variables = Object.entries(main.env).map(([name, value]) => `${name}=${value}`);
  const command = ["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, "sh"];
  return runToEnd("unshare", [...command, String(place.user), ...variables, "--", ...main.argv], {
    ...{ PATH: process.env["PATH"] ?? "", ROOT: place.root, ENTER: place.enter },
  });
}
