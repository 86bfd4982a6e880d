/**
 * examples/kedro: what its nodes ask of a cluster, in the pod spec patches of our drivers; and, where a package index answers, the
 * project compiled by the SDK, run by `kfp-runtime run`, and run once and on a schedule through kfp.Client.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms, runCli } from "../support/built-programs.ts";
import { canMountAt, runPython, variablesOf } from "../support/example-environment.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { simulatePods } from "../support/simulated-pods.ts";
import { startServing } from "../support/serving.ts";
import { skipUnless } from "../support/skip.ts";

const example = path.join(root, "examples/kedro");
const compiled = readFileSync(path.join(example, "pipeline.yaml"), "utf8");
const requirements = readFileSync(path.join(example, "requirements.txt"), "utf8").trim().split("\n");
const nodes = ["split", "fit", "evaluate", "report", "list-files"];

describe("what the nodes ask of a cluster", () => {
  test("one image and the volume of the run, which is made before and deleted after them", async () => {
    const { simulation, order, patchOf, mainOf } = await simulatePods(compiled);
    expect(simulation.outcome).toBe("succeeded");
    const name = `flowers-${simulation.runId}`;
    expect(simulation.claims).toMatchObject([{ create: { name } }, { delete: name }]);
    for (const node of [...nodes, "fill-volume"]) {
      expect(mainOf(node).image).toBe("registry.example.com/flowers:1.0");
      expect(patchOf(node).volumes).toContainEqual({ name, persistentVolumeClaim: { claimName: name } });
      expect(mainOf(node).volumeMounts).toContainEqual({ name, mountPath: "/tmp/kedro-flowers/data" });
    }
    expect(order.indexOf("fill-volume")).toBeLessThan(order.indexOf("split"));
    expect(order.indexOf("deletepvc")).toBeGreaterThan(order.indexOf("list-files"));
  });

  test("resources, tolerations and further volumes: a default, and exceptions", async () => {
    const { patchOf, mainOf } = await simulatePods(compiled);
    expect(mainOf("split").resources).toEqual({ requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } });
    expect(mainOf("fit").resources).toEqual({ requests: { cpu: "1", memory: "2Gi" }, limits: { cpu: "2", memory: "4Gi" } });
    const toleration = { key: "dedicated", operator: "Equal", value: "training", effect: "NoSchedule" };
    expect(patchOf("fit").tolerations).toEqual([toleration]);
    expect(patchOf("split").tolerations).toBeUndefined();
    expect(patchOf("fit").volumes).toContainEqual({ name: "scratch", emptyDir: { sizeLimit: "500Mi" } });
    expect(JSON.stringify(patchOf("report").volumes)).toContain('"secretName":"mail-login"');
  });

  test("retry policies and caching, in the pipeline", () => {
    const count = (pattern: RegExp): number => [...compiled.matchAll(pattern)].length;
    expect(count(/maxRetryCount: 1\b/g)).toBe(4);
    expect(count(/backoffMaxDuration: 60s[^-]*maxRetryCount: 3\b/g)).toBe(1);
    expect(count(/cacheKey: november\n\s+enableCache: true/g)).toBe(1);
  });
});

const canRun = await canMountAt("/tmp/kedro-flowers/data", "/tmp/kedro-flowers/scratch", "/tmp/kedro-flowers/mail");
const isSkipped = skipUnless(
  canRun && canInstallSdk("kedro==1.7.0"),
  "examples/kedro: needs Linux with unshare, python3 with venv, and a package index",
);

describe.skipIf(isSkipped)("the project", () => {
  let folder = "";
  let variables: Record<string, string> = {};
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-kedro-"));
    cpSync(example, path.join(folder, "example"), { recursive: true });
    const environment = environmentWith(requirements);
    const project = path.join(folder, "example/project");
    variables = { ...variablesOf(environment, path.join(folder, "user")), KEDRO_PROJECT: project };
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is compiled by the SDK into the very pipeline that stands there", { timeout: 300_000 }, async () => {
    await runPython(["to_kubeflow.py"], path.join(folder, "example"), variables);
    expect(readFileSync(path.join(folder, "example/pipeline.yaml"), "utf8")).toBe(compiled);
  });

  test("runs on this machine, exit pipeline included, and leaves no volume", { timeout: 600_000 }, async () => {
    const programs = await builtPrograms();
    const home = path.join(folder, "home");
    const run = async (...args: readonly string[]) =>
      await runCli(programs, ["run", path.join(example, "pipeline.yaml"), "--home", home, "--output", "json", ...args], {
        cwd: folder,
        env: variables,
      });
    const ended = await run("--param", "params=seed=3");
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain("report | accuracy 0.75\n");
    expect(ended.stderr).toContain("list-files | 32 flowers were there\n");
    expect(readdirSync(path.join(home, "volumes"))).toEqual([]);

    // A node that fails: the rest is left out, the exit pipeline runs, the volume goes.
    const failed = await run("--param", "params=seed=three");
    expect(failed.code).toBe(1);
    const states = statesOf(parseResult(failed.stdout));
    expect(states).toMatchObject({ "exit-handler-1.split": "FAILED", "flowers-on-exit.list-files": "SUCCEEDED" });
    expect(Object.keys(states)).not.toContain("exit-handler-1.fit");
    expect(readdirSync(path.join(home, "volumes"))).toEqual([]);
  });

  test("runs once and on a schedule through the SDK's client", { timeout: 600_000 }, async () => {
    const home = path.join(folder, "served");
    const server = await startServing(await builtPrograms(), home, [], variables);
    onTestFinished(async () => void (await server.end("SIGKILL")));
    const submit = async (...args: readonly string[]): Promise<string> =>
      await runPython(["submit.py", ...args], example, { ...variables, KFP_ENDPOINT: server.rest.url });
    expect(await submit("once", "seed=2"), server.log()).toMatch(/ SUCCEEDED\n$/);
    expect(await submit("recurring", "1", "seed=2"), server.log()).toMatch(/ SUCCEEDED\n$/);
    expect(readdirSync(path.join(home, "volumes"))).toEqual([]);
  });
});
