/**
 * Runs a row of the table with the built command.
 *
 * @module
 */
import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { prepareHome, type Home } from "../../../src/local/home/home.ts";
import { runCli, type CliRun, type Programs } from "../../support/built-programs.ts";
import { pipelineFile } from "./pipeline-files.ts";
import type { RealRun } from "./real-run.ts";
import { startStores } from "./stores.ts";

export interface Surroundings {
  readonly programs: Programs;
  /** Everything of all runs lies below it. */
  readonly folder: string;
}

/** Runs the row to its end. Rows with packages share their Python environments: one of them at a time. */
export async function runRow(row: RealRun, { folder, programs }: Surroundings): Promise<CliRun> {
  const own = path.join(folder, `${row.pipeline} ${row.variant ?? ""}`.trim());
  mkdirSync(own, { recursive: true });
  const home = await homeWith(path.join(folder, "environments"), path.join(own, "home"));
  for (const claim of row.claims ?? []) mkdirSync(path.join(home.volumes, claim), { recursive: true });
  const args = ["run", fileToRun(row, own), "--home", home.folder, "--no-cache", "--output", "json"];
  if (row.objects !== undefined) {
    const objects = path.join(own, "objects");
    for (const [name, content] of Object.entries(row.objects)) writeNested(path.join(objects, name), content);
    args.push("--secrets", objects);
  }
  for (const [name, value] of Object.entries(row.parameters ?? {})) {
    args.push("--param", `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  if (row.stored === undefined) return await runCli(programs, args, { cwd: own, env: { ...row.env } });
  const stores = await startStores(own, path.join(home.folder, "launcher-config/providers"), row.stored);
  try {
    return await runCli(programs, args, { cwd: own, env: { ...stores.environment, ...row.env } });
  } finally {
    await stores.close();
  }
}

/** @returns A new home whose environments lie in a folder of all homes. */
async function homeWith(environments: string, folder: string): Promise<Home> {
  const home = await prepareHome(folder);
  mkdirSync(environments, { recursive: true });
  rmdirSync(home.environments);
  symlinkSync(environments, home.environments);
  return home;
}

function fileToRun({ pipeline, stubs }: RealRun, own: string): string {
  const file = pipelineFile(pipeline);
  if (stubs === undefined) return file.path;
  const documents = parseAllDocuments(file.text).map((document) => document.toJS() as unknown);
  const [spec] = documents as { deploymentSpec: { executors: Record<string, { container: object }> } }[];
  for (const [executor, [...command]] of Object.entries(stubs.programs)) {
    const container = spec?.deploymentSpec.executors[executor]?.container;
    if (container === undefined) throw new Error(`${pipeline} has no container executor ${executor}`);
    Object.assign(container, { command, args: [] });
  }
  const stubbed = path.join(own, `${pipeline}.yaml`);
  writeFileSync(stubbed, documents.map((document) => stringify(document)).join("---\n"));
  return stubbed;
}

function writeNested(file: string, content: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}
