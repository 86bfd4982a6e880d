/** Environments made by stand-ins for python3, pip and uv: small programs that do what the module relies on. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { activateEnvironment, PythonEnvironments, withoutPythonVariables } from "../../../src/local/steps/python-environment.ts";

let folder = "";
let notices: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-python-"));
  notices = [];
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "environments"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): void {
  const path = join(folder, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** `-c` answers who it is, `-m venv` copies it, `-m pip` counts. */
function fakePython(pip: string): void {
  program(
    "python3",
    `case "$1 $2" in
-c*) echo '["'"$0"'", "3.12.1 (main)"]' ;;
"-m venv") echo made >> ${folder}/made; mkdir -p "$3/bin"; cp "$0" "$3/bin/python3" ;;
"-m pip") ${pip} ;;
esac`,
  );
}

const environments = (signal = new AbortController().signal): PythonEnvironments =>
  new PythonEnvironments({
    folder: join(folder, "environments"),
    environment: { PATH: `${join(folder, "bin")}:/usr/bin:/bin`, PYTHONPATH: "/elsewhere" },
    onNotice: (text) => notices.push(text),
    signal,
  });
const running = new AbortController().signal;
const installs = ["python3 -m pip install --quiet 'a==1'", "python3 -m pip install 'b'"];
const lines = (name: string): string[] => readFileSync(join(folder, name), "utf8").trim().split("\n");

describe("PythonEnvironments", () => {
  test("makes one environment for steps that ask at the same time, and finds it again", async () => {
    fakePython(`echo "$VIRTUAL_ENV|\${PYTHONPATH:-}|$*" >> ${folder}/installed`);
    const made = environments();
    const paths = await Promise.all(Array.from({ length: 5 }, () => made.provide(installs, running)));
    const [path = ""] = new Set(paths);
    expect(new Set(paths).size).toBe(1);
    expect(await environments().provide(installs, running)).toBe(path);
    expect(lines("made")).toHaveLength(1);
    expect(lines("installed")).toEqual([`${path}||-m pip install --quiet a==1`, `${path}||-m pip install b`]);
    expect(notices).toEqual(["making a Python environment with a==1, b; later runs reuse it"]);
  });

  test("makes another one for other packages", async () => {
    fakePython("true");
    const made = environments();
    expect(await made.provide(installs, running)).not.toBe(await made.provide(installs.slice(1), running));
  });

  test("makes a half-made one anew", async () => {
    fakePython("true");
    const path = await environments().provide(installs, running);
    rmSync(join(path, "complete"));
    writeFileSync(join(path, "leftover"), "");
    expect(await environments().provide(installs, running)).toBe(path);
    expect(existsSync(join(path, "leftover"))).toBe(false);
    expect(lines("made")).toHaveLength(2);
  });

  test("prefers uv, and does without when it fails", async () => {
    fakePython("true");
    program(
      "uv",
      `echo uv "$@" >> ${folder}/uv; for last; do true; done; mkdir -p "$last/bin"; cp ${folder}/bin/python3 "$last/bin/"; : > "$last/bin/pip"`,
    );
    await environments().provide(installs, running);
    expect(lines("uv")).toEqual([expect.stringMatching(/^uv venv --quiet --seed --python .*python3 .*environments/)]);
    expect(existsSync(join(folder, "made"))).toBe(false);
    program("uv", "exit 1");
    await environments().provide(["python3 -m pip install 'other'"], running);
    expect(lines("made")).toHaveLength(1);
  });

  test("says in one line what pip says, and leaves nothing behind", async () => {
    fakePython("echo downloading; echo 'ERROR: first' >&2; echo 'ERROR: No matching distribution found for a==1' >&2; exit 1");
    await expect(environments().provide(installs, running)).rejects.toMatchObject({
      code: "PYTHON_UNAVAILABLE",
      message: expect.stringMatching(
        /^Cannot install the Python packages a==1, b: No matching distribution found for a==1; check that a package index can be reached .* Python 3\.12\.1$/,
      ) as string,
    });
    expect(readdirSync(join(folder, "environments"))).toEqual([]);
  });

  test("says that there is no python3", async () => {
    const made = new PythonEnvironments({
      folder,
      environment: { PATH: join(folder, "bin") },
      onNotice: () => undefined,
      signal: new AbortController().signal,
    });
    await expect(made.provide(installs, running)).rejects.toMatchObject({
      code: "PYTHON_UNAVAILABLE",
      message: "Cannot run Python components: python3 does not work (it is not on the PATH); install Python 3.9 or newer",
    });
  });

  test("says that the module venv is missing", async () => {
    program("python3", `[ "$1" = -c ] && echo '["python3", "3.9"]' && exit 0; echo "No module named venv" >&2; exit 1`);
    await expect(environments().provide(installs, running)).rejects.toThrow(
      /python3: No module named venv; its module venv is needed/,
    );
  });

  test("ends what it has started when the run is cancelled", async () => {
    fakePython(`echo started >> ${folder}/installed; sleep 1000`);
    const controller = new AbortController();
    const provided = environments(controller.signal).provide(installs, controller.signal);
    const watch = setInterval(() => {
      if (existsSync(join(folder, "installed"))) controller.abort(new Error("cancelled"));
    }, 10);
    // What was killed says nothing about this machine.
    await expect(provided).rejects.toMatchObject({ code: "INTERRUPTED", message: "cancelled by user" });
    clearInterval(watch);
    expect(readdirSync(join(folder, "environments"))).toEqual([]);
  });

  test.for([
    { name: "while python3 is asked who it is", python: `echo > "$STARTED"; exec sleep 1000` },
    {
      name: "while the environment is made",
      python: `[ "$1" = -c ] && echo '["python3", "3.9"]' && exit 0; echo > "$STARTED"; exec sleep 1000`,
    },
  ])("blames nothing but the cancellation $name", async ({ python }, { expect }) => {
    const started = join(folder, "started");
    program("python3", python.replace("$STARTED", started));
    const controller = new AbortController();
    const watch = setInterval(() => {
      if (existsSync(started)) controller.abort(new Error("cancelled"));
    }, 10);
    await expect(environments(controller.signal).provide(installs, controller.signal)).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    clearInterval(watch);
    await expect(environments(controller.signal).provide(installs, controller.signal)).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });

  test("an exit task makes the environment that was being made when the run was stopped", async () => {
    fakePython(`echo started >> ${folder}/installed; [ -e ${folder}/go ] || exec sleep 1000`);
    const [step, exit] = [new AbortController(), new AbortController()];
    const made = environments(step.signal);
    const ofStep = made.provide(installs, step.signal);
    const ofExit = made.provide(installs, exit.signal);
    const watch = setInterval(() => {
      if (!existsSync(join(folder, "installed"))) return;
      writeFileSync(join(folder, "go"), "");
      step.abort("SIGTERM");
    }, 10);
    await expect(ofStep).rejects.toMatchObject({ code: "INTERRUPTED", message: "cancelled by user" });
    clearInterval(watch);
    const path = await ofExit;
    expect(existsSync(join(path, "complete"))).toBe(true);
    expect(await made.provide(installs, exit.signal)).toBe(path);
  });

  test("an exit task whose time is over says what it waited for", async () => {
    fakePython(`echo started >> ${folder}/installed; exec sleep 1000`);
    const [step, exit] = [new AbortController(), new AbortController()];
    step.abort("SIGTERM");
    const provided = environments(step.signal).provide(installs, exit.signal);
    const watch = setInterval(() => {
      if (existsSync(join(folder, "installed"))) exit.abort("SIGTERM");
    }, 10);
    await expect(provided).rejects.toMatchObject({
      code: "INTERRUPTED",
      message: "cancelled by user: its Python environment was not ready in the time that exit tasks have",
    });
    clearInterval(watch);
  });
});

describe("the environment of a step", () => {
  test("has the programs of its Python first", ({ expect }) => {
    expect(activateEnvironment({ PATH: "/usr/bin", A: "1" }, "/e")).toEqual({
      A: "1",
      PATH: "/e/bin:/usr/bin",
      VIRTUAL_ENV: "/e",
    });
    expect(activateEnvironment({}, "/e")).toMatchObject({ PATH: "/e/bin" });
    expect(withoutPythonVariables({ PYTHONHOME: "x", PYTHONPATH: "y", PYTHONUNBUFFERED: "1" })).toEqual({
      PYTHONUNBUFFERED: "1",
    });
  });
});
