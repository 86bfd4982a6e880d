/** The pipelines of the table in the SDK's own local runner: the outputs of ours, or what the table says instead. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";
import { canInstallSdk } from "../support/python-sdk.ts";
import { skipUnless } from "../support/skip.ts";
import {
  KFP_LOCAL_WORDS,
  kfpLocalRows,
  kfpLocalWord,
  outputsAsKfpLocalTells,
  parametersOfTasks,
  SDK,
  type Word,
} from "./real-runs/kfp-local.ts";
import { pipelineFile } from "./real-runs/pipeline-files.ts";
import type { RealRun } from "./real-runs/real-run.ts";

/** Of all of them: each step of theirs starts pip and imports the SDK. */
const TIMEOUT_MS = 3_000_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const PROCESSES = 3;

interface Answer {
  readonly name: string;
  readonly outputs?: unknown;
  readonly steps?: readonly unknown[];
  readonly error?: string;
}

/** Runs the rows one after the other. */
async function runInKfpLocal(rows: readonly RealRun[], folder: string): Promise<Answer[]> {
  mkdirSync(folder);
  const jobs = rows.map(({ pipeline, parameters = {}, env = {} }) => {
    const file = path.join(folder, `${pipeline}.yaml`);
    // Steps share the environment of the runner: they must not bring another SDK into it.
    writeFileSync(file, pipelineFile(pipeline).text.replaceAll(/kfp==[\d.]+/g, SDK));
    return { name: pipeline, file, arguments: parameters, env };
  });
  const bin = path.join(environmentWith([SDK]), "bin");
  const { PATH: searchPath = "" } = process.env;
  const output = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      path.join(bin, "python"),
      [path.join(import.meta.dirname, "real-runs/kfp_local.py"), path.join(folder, "runs")],
      {
        cwd: folder,
        env: { ...process.env, PATH: `${bin}:${searchPath}` },
        maxBuffer: MAX_OUTPUT_BYTES,
        timeout: TIMEOUT_MS,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        // Its log is padded to the width of a terminal.
        const said = stderr.replaceAll(/\s+/g, " ").slice(-2000);
        reject(new Error(`kfp.local ended with ${String(error.signal ?? error.code)}: ${said}`));
      },
    );
    child.stdin?.end(JSON.stringify(jobs));
  });
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

const reason = "kfp.local: needs python3 3.11 with venv, and a package index";
describe.skipIf(skipUnless(canInstallSdk(SDK), reason))("kfp.local", () => {
  const rows = kfpLocalRows();
  const answers = new Map<string, Answer>();
  let folder = "";

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "kfp-local-"));
    const shares = Array.from({ length: PROCESSES }, (_, share) => rows.filter((__, index) => index % PROCESSES === share));
    const lists = await Promise.all(shares.map((share, index) => runInKfpLocal(share, path.join(folder, String(index)))));
    for (const answer of lists.flat()) answers.set(answer.name, answer);
  }, TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.for(rows.map((row) => ({ row, name: row.pipeline, word: kfpLocalWord(row.pipeline) })))(
    "$name: $word",
    ({ row, word }, { expect }) => {
      const { outputs, steps = [], error } = answers.get(row.pipeline) ?? { name: "no answer" };
      const { error: pattern, differs } = KFP_LOCAL_WORDS[word] as Word;
      if (pattern !== undefined) return expect(error).toMatch(pattern);
      expect(error).toBeUndefined();
      expect([outputsAsKfpLocalTells(row, "heads"), outputsAsKfpLocalTells(row, "tails")]).toContainEqual(outputs);
      const parameters = parametersOfTasks(row);
      if (differs !== undefined) {
        expect(parameters).not.toContainEqual(differs);
        return expect(steps).toContainEqual(differs);
      }
      if (parameters !== undefined && row.state !== "FAILED") for (const step of steps) expect(parameters).toContainEqual(step);
    },
  );
});
