/** The completion scripts in real shells, on a home with runs. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { fixturePipeline } from "../support/history-home.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

let programs: Programs;
let folder = "";
let runId = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(path.join(tmpdir(), "kfp-completion-"));
  const ended = await runCli(programs, ["run", fixturePipeline("two-steps"), "--output", "json"], { cwd: folder });
  runId = parseResult(ended.stdout).runId;
  mkdirSync(path.join(folder, "bin"));
  symlinkSync(path.join(programs.bin, "kfp-runtime"), path.join(folder, "bin/kfp-runtime"));
  writeFileSync(path.join(folder, "pipe.yaml"), "");
  writeFileSync(path.join(folder, "pipe.txt"), "");
  mkdirSync(path.join(folder, "pipes"));
  chmodSync(folder, 0o755);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${path.join(folder, "bin")}:${path.dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
  HOME: folder,
  TERM: "dumb",
});

function has(shell: string): boolean {
  return spawnSync(shell, ["--version"]).status === 0;
}

function output(shell: string, args: readonly string[]): string[] {
  const ended = spawnSync(shell, args, { cwd: folder, env: environment(), encoding: "utf8", timeout: 100_000 });
  expect(ended.status, ended.stderr).toBe(0);
  return ended.stdout.split("\n").filter((line) => line !== "");
}

/** The words that a shell offers, in its order; `words` ends with the one that is typed. */
const SHELLS: Readonly<Record<string, (words: readonly string[]) => string[]>> = {
  bash: (words) =>
    output("bash", [
      ...["--norc", "-c"],
      `source <(kfp-runtime completion bash); COMP_WORDS=(kfp-runtime "$@"); COMP_CWORD=$#; _kfp_runtime; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ...["bash", ...words],
    ]),
  fish: (words) =>
    output("fish", [
      ...["--no-config", "-c"],
      `kfp-runtime completion fish | source; complete -C ${JSON.stringify(["kfp-runtime", ...words].join(" "))}`,
    ]).map((line) => line.split("\t")[0] ?? ""),
  zsh: (words) =>
    output("zsh", [
      ...["-f", "-c"],
      // Stand-ins for what only works under a prompt; they print what the script hands to zsh.
      `compdef() { :; }; _describe() { print -rl -- "\${(@)\${(P)4}%%:*}"; }; _files() { [[ $1 == -g ]] && print -rl -- *.(yaml|yml|json)(N) *(/N); };
       source <(kfp-runtime completion zsh); words=(kfp-runtime "$@"); CURRENT=$(( $# + 1 )); _kfp_runtime`,
      ...["zsh", ...words],
    ]),
};

describe.for(Object.keys(SHELLS))("%s", (shell) => {
  describe.skipIf(skipUnless(has(shell), `completion in ${shell}: needs ${shell}`))("completes", () => {
    const complete = (...words: string[]): string[] =>
      (SHELLS[shell] as (words: readonly string[]) => string[])(words).toSorted();

    test("commands, options, and their values", () => {
      expect(complete("ru")).toEqual(["run", "runs"]);
      expect(complete("show", "--out")).toEqual(["--output"]);
      expect(complete("show", "--output", "")).toEqual(["json", "text"]);
    });

    test("runs and tasks", () => {
      expect(complete("show", "")).toEqual([runId.slice(0, 8), "last"].toSorted());
      expect(complete("logs", "last", "w")).toEqual(["write"]);
      const labels = complete("logs", "last", "loop.").map((label) => label.replaceAll("\\", ""));
      expect(labels).toEqual(["loop.read[0]", "loop.read[1]"]);
    });

    test("pipeline files and folders, not other files", () => {
      const found = complete("lint", "pi").map((name) => name.replace(/\/$/, ""));
      expect(found).toContain("pipe.yaml");
      expect(found).toContain("pipes");
      expect(found).not.toContain("pipe.txt");
    });
  });
});
