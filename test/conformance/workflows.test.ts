/** What the reference's compiler makes of the pipelines: our programs take its command lines, and our patches its pods. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { parseDriverFlags } from "../../src/driver/flags.ts";
import { parseLauncherFlags } from "../../src/launcher/flags.ts";
import { assertValidPod } from "../support/step-pod.ts";
import { argoPod } from "./argo-pod.ts";
import { conformancePipelines } from "./pipelines.ts";
import { commandLines, compiledWorkflows } from "./workflows.ts";

interface GoldenDriver {
  readonly task: string;
  readonly type: string;
  readonly podSpecPatch?: JsonObject;
}

/** The compiler of the reference says: artifact iterator not implemented yet. */
const REFUSED = ["loop_over_artifacts"];

/** Drivers without a call: of several tasks that ignore the failure of one task, its exit hook has room for the last. */
const NOT_CALLED: Readonly<Record<string, readonly string[]>> = { ignore_upstream_failure: ["CONTAINER say"] };

const workflows = compiledWorkflows();
const names = workflows.map(({ name }) => name);
const pipelineOf = (workflow: string): string => workflow.split(".")[0] ?? "";
const environment = { KFP_POD_NAME: "pod", KFP_POD_UID: "uid" };

/** Drivers of the pipeline's golden; labels of tasks that it cannot know in advance are filled with ids. */
function goldenDrivers(pipeline: string): GoldenDriver[] {
  const file = new URL(`golden/${pipeline}.json`, import.meta.url);
  const text = readFileSync(file, "utf8").replaceAll(/<[A-Za-z][^<>"\n]*>/g, "00000000-0000-4000-8000-000000000002");
  return (JSON.parse(text) as { drivers: GoldenDriver[] }).drivers;
}

const nameOf = (label: string): string =>
  label
    .split(".")
    .at(-1)!
    .replace(/\[[\d,]+\]$/, "");

describe("compiled workflows", () => {
  test("there is one of every pipeline that the compiler accepts, and one with every setting passed", ({ expect }) => {
    const pipelines = conformancePipelines().map(({ name }) => name);
    expect(names.filter((name) => !name.includes("."))).toEqual(pipelines.filter((name) => !REFUSED.includes(name)));
    expect(names.filter((name) => name.includes("."))).toEqual(["importer_of_a_parameter.all-settings"]);
    for (const name of REFUSED) expect(existsSync(new URL(`golden/${name}.json`, import.meta.url)), name).toBe(true);
  });

  test.for(workflows)("$name: drivers and launchers take their command lines without a warning", async (workflow, { expect }) => {
    const lines = commandLines(workflow);
    expect(lines.length).toBeGreaterThan(0);
    for (const { where, program, argv } of lines) {
      if (program === "driver") {
        const deps = { environment, readText: () => Promise.resolve(undefined) };
        const command = await parseDriverFlags(argv, deps).catch((error: unknown) => error);
        const type = argv[argv.indexOf("--type") + 1];
        expect(command, where).toMatchObject({ mode: "drive", warnings: [], options: { type } });
      } else {
        const mode = argv.includes("--copy") ? "copy" : "importer";
        expect(parseLauncherFlags(argv), where).toMatchObject({ mode, warnings: [] });
      }
    }
  });

  test.for(workflows)("$name: every driver of the golden has its call in the workflow", (workflow, { expect }) => {
    const calls = commandLines(workflow)
      .filter(({ program }) => program === "driver")
      .map(({ argv }) => `${argv[argv.indexOf("--type") + 1]} ${argv[argv.indexOf("--task_name") + 1]}`);
    const driven = goldenDrivers(pipelineOf(workflow.name)).map(({ task, type }) =>
      type === "ROOT_DAG" ? "ROOT_DAG " : `${type} ${nameOf(task)}`,
    );
    const missing = driven.filter((driver) => !calls.includes(driver));
    expect(missing).toEqual(NOT_CALLED[workflow.name] ?? []);
  });

  const patches = workflows.flatMap((workflow) =>
    goldenDrivers(pipelineOf(workflow.name)).flatMap(({ task, podSpecPatch }) =>
      podSpecPatch === undefined || NOT_CALLED[workflow.name]?.includes(`CONTAINER ${nameOf(task)}`) === true
        ? []
        : [{ workflow, task, podSpecPatch, title: `${workflow.name} ${task}` }],
    ),
  );

  test.for(patches)("$title: the patch makes a valid pod of the template", ({ workflow, task, podSpecPatch }, { expect }) => {
    const steps = workflow.started.filter(
      ({ template, path }) => template.endsWith("system-container-impl") && path.at(-2) === nameOf(task),
    );
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) {
      const pod = argoPod(step);
      assertValidPod(podSpecPatch, pod);
    }
  });
});
