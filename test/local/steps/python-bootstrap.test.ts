import { describe, test } from "vitest";
import { namedPackages, splitPythonBootstrap } from "../../../src/local/steps/python-bootstrap.ts";
import { loadPipelineFile } from "../../../src/local/pipeline/pipeline-file.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";

const bootstrap = (middle: string): string =>
  '\nif ! [ -x "$(command -v pip)" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || ' +
  `apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 ${middle} && "$0" "$@"\n`;
const install = "python3 -m pip install --quiet --no-warn-script-location";
const program = ["sh", "-ec", "python3 x.py", "source", "--flag"];
const kfp = `${install} 'kfp==2.14.3' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<"3.9"'`;

describe("splitPythonBootstrap()", () => {
  test.for([
    { name: "kfp alone", middle: kfp, installs: [kfp] },
    {
      name: "packages, with index options",
      middle: `${install} --index-url https://i/simple --trusted-host https://i/simple 'a==1' 'b && c'  &&  ${kfp}`,
      installs: [`${install} --index-url https://i/simple --trusted-host https://i/simple 'a==1' 'b && c'`, kfp],
    },
    {
      name: "an environment of the step's own",
      middle:
        `${install} 'a'  &&  \nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\n` +
        `python3 -m venv "$tmp/venv" --system-site-packages\n. "$tmp/venv/bin/activate"\n ${kfp}`,
      installs: [`${install} 'a'`, kfp],
    },
  ])("takes the install lines out: $name", ({ middle, installs }, { expect }) => {
    expect(splitPythonBootstrap(["sh", "-c", bootstrap(middle), ...program])).toEqual({ installs, command: program });
  });

  test.for([
    { name: "no shell", command: ["python3", "-c", bootstrap(kfp), ...program] },
    { name: "no program", command: ["sh", "-c", bootstrap(kfp)] },
    { name: "another script", command: ["sh", "-c", "pip install a", ...program] },
    { name: "something besides pip", command: ["sh", "-c", bootstrap(`apt-get install x && ${kfp}`), ...program] },
    { name: "another line in between", command: ["sh", "-c", bootstrap(`${kfp}\nrm -rf x`), ...program] },
    { name: "nothing", command: [] },
  ])("leaves alone: $name", ({ command }, { expect }) => {
    expect(splitPythonBootstrap(command)).toBeUndefined();
  });

  test("recognises every bootstrap of the conformance pipelines", async ({ expect }) => {
    let count = 0;
    for (const { name, text } of conformancePipelines()) {
      const { parsed } = await loadPipelineFile({ readText: () => Promise.resolve(text) }, name);
      for (const { spec } of Object.values(parsed.deployment.executors)) {
        if (spec.case !== "container" || !spec.value.command.some((part) => part.startsWith(bootstrap("").slice(0, 60))))
          continue;
        count += 1;
        const step = splitPythonBootstrap(spec.value.command);
        expect(step?.installs.length, name).toBeGreaterThan(0);
        expect(step?.command[0], name).toBe("sh");
      }
    }
    expect(count).toBeGreaterThan(30);
  });
});

describe("namedPackages()", () => {
  test("leaves out options and what is only for old versions", ({ expect }) => {
    expect(namedPackages([`${install} 'scikit-learn==1.8.0'`, kfp])).toEqual(["scikit-learn==1.8.0", "kfp==2.14.3"]);
  });
});
