/** The wheel for pip: built, installed without an index, tried with pytest. @module */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { lockedWheels } from "../../scripts/lib/python-environment.mjs";
import { builtPrograms } from "./built-programs.ts";
import { root, runScript } from "./probe.ts";

const lock = "test/python/requirements.txt";
const asked = readFileSync(path.join(root, "test/python/requirements.in"), "utf8").match(/^\w\S*==\S+$/gm) ?? [];

/** Builds it into a folder. @returns Its path. */
export async function buildWheel(out: string): Promise<string> {
  const dist = path.dirname((await builtPrograms()).bin);
  const { code, stderr } = await runScript("build-wheel.mjs", ["--dist", dist, "--out", out]);
  expect(code, stderr).toBe(0);
  const [file = ""] = readdirSync(out);
  return path.join(out, file);
}

/** A fresh environment with the wheel and what it is tested with, from the locked wheels alone. */
export class WheelEnvironment {
  readonly #folder: string;
  readonly #offline = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: lockedWheels(lock) };

  /** @param folder It and the files of its user go there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async install(wheel: string): Promise<void> {
    await this.#run("python3", ["-m", "venv", path.join(this.#folder, "environment")]);
    await this.python(["-m", "pip", "install", "--quiet", wheel, ...asked]);
  }

  /** Takes another version from the package index. */
  async replace(requirement: string): Promise<void> {
    const args = ["-m", "pip", "install", "--quiet", "--no-deps", requirement];
    await this.#run(path.join(this.#folder, "environment/bin/python"), args, { PIP_NO_INDEX: "0" });
  }

  /** test/python/test_kfp_runtime.py. @returns What pytest has printed. */
  async test(): Promise<string> {
    const pytest = ["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--basetemp", path.join(this.#folder, "pytest")];
    return await this.python(["-B", "-W", "ignore", ...pytest, path.join(root, "test/python/test_kfp_runtime.py")]);
  }

  async python(args: readonly string[]): Promise<string> {
    return await this.#run(path.join(this.#folder, "environment/bin/python"), args);
  }

  /** Without the settings of this machine that would lead clients elsewhere. */
  async #run(command: string, args: readonly string[], variables: Record<string, string> = {}): Promise<string> {
    const home = path.join(this.#folder, "user");
    mkdirSync(home, { recursive: true });
    const own = { PATH: process.env["PATH"] ?? "", HOME: home, NO_PROXY: "*", PYTHONDONTWRITEBYTECODE: "1" };
    const env = { ...own, ...this.#offline, ...variables };
    const child = spawn(command, args, { cwd: this.#folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    expect(code, output).toBe(0);
    return output;
  }
}
