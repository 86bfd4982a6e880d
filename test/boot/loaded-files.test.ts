/** What the built programs load when they do their usual work: every file and every module of Node costs each step of each pipeline. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  SAMPLE_KUBERNETES_CONFIG,
  startSampleServer,
  type ProgramStart,
  type SampleServer,
} from "../../scripts/lib/sample-run.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { makeFolder, removeFolder, runToEnd } from "../support/probe.ts";

let folder = "";
let boot = "";
let server: SampleServer;

beforeAll(async () => {
  folder = await makeFolder();
  boot = path.join((await builtPrograms()).bin, "../lib/boot.cjs");
  server = await startSampleServer();
}, 120_000);
afterAll(() => Promise.all([server.close(), removeFolder(folder)]));

interface Loaded {
  /** In alphabetical order. */
  readonly chunks: readonly string[];
  /** Public modules of Node, without those of `node -e 0`. */
  readonly nodeModules: readonly string[];
}

async function load(program: string, { argv, environment }: ProgramStart): Promise<Loaded> {
  const hook = path.join(folder, "list-modules.cjs");
  writeFileSync(
    hook,
    `const before = new Set(process.moduleLoadList);
     process.on("exit", () => require("node:fs").writeSync(2, "modules " +
       process.moduleLoadList.filter((name) => !before.has(name) && /^NativeModule (?!internal)/.test(name))
         .map((name) => name.slice(13)).join(",") + "\\n"));`,
  );
  const ended = await runToEnd(process.execPath, ["--require", hook, boot, program, ...argv], {
    PATH: process.env["PATH"] ?? "",
    KFP_RUNTIME_DEBUG_CODE_CACHE: "1",
    ...environment,
  });
  if (ended.code !== 0) throw new Error(ended.stderr);
  return {
    chunks: [...ended.stderr.matchAll(/^code cache of (\S+): /gm)].map(([, name = ""]) => name).toSorted(),
    nodeModules: (/^modules (.*)$/m.exec(ended.stderr)?.[1] ?? "").split(","),
  };
}

const ofBoth = ["driver-run-launcher-v2-start", "driver-start-launcher-v2-run", "shared-run", "shared-start"];
const ofDriver = ["driver", "driver-run", "driver-run-launcher-v2-sometimes", ...ofBoth].toSorted();
const ofLauncher = ["launcher-v2", "launcher-v2-run", "driver-sometimes-launcher-v2-run", ...ofBoth].toSorted();

/** Loaded by what no plain start needs. */
const forbidden = ["perf_hooks", "https", "worker_threads", "inspector", "readline", "sqlite", "url", "util"];

const FILES = {
  "ROOT_DAG driver": ofDriver,
  "CONTAINER driver": ofDriver,
  "CONTAINER driver with a Kubernetes config": ofDriver,
  launcher: ofLauncher,
} as const;
type Start = keyof typeof FILES;
const starts = Object.keys(FILES) as Start[];

describe("the files that a program loads from its start to its end", () => {
  let loaded: Readonly<Record<Start, Loaded>>;

  beforeAll(async () => {
    const run = await server.newRun();
    const configured = await server.newRun();
    const rootDag = await load("driver", run.rootDriver);
    const container = await load("driver", await run.containerDriver());
    await load("driver", configured.rootDriver);
    loaded = {
      "ROOT_DAG driver": rootDag,
      "CONTAINER driver": container,
      "CONTAINER driver with a Kubernetes config": await load(
        "driver",
        await configured.containerDriver(SAMPLE_KUBERNETES_CONFIG),
      ),
      launcher: await load("launcher-v2", await run.launcher()),
    };
  }, 120_000);

  test.for(starts)("are few and known: %s", (name, { expect }) => {
    expect(loaded[name].chunks).toEqual(FILES[name]);
  });

  test.for(starts)("bring in no module of Node that the work does not need: %s", (name, { expect }) => {
    const { nodeModules } = loaded[name];
    expect(nodeModules).toContain("http2");
    const unwanted = name === "launcher" ? forbidden : [...forbidden, "child_process"];
    expect(nodeModules.filter((id) => unwanted.includes(id))).toEqual([]);
  });
});

describe("the files that an answer without any work needs", () => {
  test.for([
    { program: "driver", files: ["driver", "driver-start-launcher-v2-run", "shared-start"] },
    { program: "launcher-v2", files: ["driver-run-launcher-v2-start", "launcher-v2", "shared-start"] },
  ])("are those of the start: $program --version", async ({ program, files }, { expect }) => {
    const { chunks, nodeModules } = await load(program, { argv: ["--version"], environment: {} });
    expect(chunks).toEqual(files);
    expect(nodeModules.filter((id) => ["http2", "http", "tls", "crypto"].includes(id))).toEqual([]);
  });
});
