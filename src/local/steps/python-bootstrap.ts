/**
 * The part of a lightweight Python component's command that installs packages before the step's own program.
 *
 * The SDK writes `sh -c BOOTSTRAP PROGRAM ARGS...`, where BOOTSTRAP makes sure there is pip, runs one or two `pip install` lines, and
 * then runs PROGRAM. Recognised exactly: what looks otherwise is not touched. Pure.
 *
 * Source: kubeflow/pipelines sdk/python/kfp/dsl/component_factory.py @ e2520ff3becd0c29aa02ddcbd281bb68a4750354.
 *
 * @module
 */
const PROLOGUE =
  '\nif ! [ -x "$(command -v pip)" ]; then\n' +
  "    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip\n" +
  "fi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 ";
const EPILOGUE = ' && "$0" "$@"\n';

/** What `use_venv=True` puts between the lines: an environment of the step's own, which ours takes the place of. */
const OWN_ENVIRONMENT =
  '\nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\npython3 -m venv "$tmp/venv" --system-site-packages\n' +
  '. "$tmp/venv/bin/activate"\n';

const INSTALL = "python3 -m pip install ";

/** What the SDK's shell script would do, taken apart. */
export interface PythonStep {
  /** `pip install` lines for a shell, in their order. */
  readonly installs: readonly string[];
  /** The step's own program and its arguments. */
  readonly command: readonly string[];
}

/** @returns Undefined for any other command. */
export function splitPythonBootstrap(command: readonly string[]): PythonStep | undefined {
  const [shell, option, script, ...program] = command;
  if (shell !== "sh" || option !== "-c" || script === undefined || program.length === 0) return undefined;
  if (!script.startsWith(PROLOGUE) || !script.endsWith(EPILOGUE)) return undefined;
  const middle = script.slice(PROLOGUE.length, -EPILOGUE.length);
  const installs = middle
    .split(OWN_ENVIRONMENT)
    .flatMap(splitAnd)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (installs.length === 0 || !installs.every((line) => line.startsWith(INSTALL) && !line.includes("\n"))) return undefined;
  return { installs, command: program };
}

/** Splits at `&&` outside quotes. */
function splitAnd(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quote = "";
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] as string;
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === "'" || character === '"') {
      quote = character;
    } else if (text.startsWith("&&", index)) {
      parts.push(text.slice(start, index));
      index += 1;
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** The packages of install lines, for people: what is quoted and no option. */
export function namedPackages(installs: readonly string[]): string[] {
  const quoted = installs.flatMap((line) => [...line.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, a, b]) => a ?? b ?? ""));
  return quoted.filter((text) => text !== "" && !text.startsWith("-") && !text.startsWith("typing-extensions>="));
}
