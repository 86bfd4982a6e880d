import { describe, test } from "vitest";
import { parseCommandLine } from "../../../src/cli/command-line.ts";
import type { RunCommand } from "../../../src/cli/commands/run.ts";
import { rerunCommand } from "../../../src/cli/text/rerun-command.ts";

describe("rerunCommand()", () => {
  test.for<{ argv: string[]; command: string }>([
    { argv: ["p.yaml"], command: "kfp-runtime run p.yaml" },
    { argv: ["my pipe's.yaml"], command: String.raw`kfp-runtime run 'my pipe'\''s.yaml'` },
    {
      argv: ["p.yaml", "--param", "token=s3cret", "--param", "a=1=2", "--params", "p.json"],
      command: "kfp-runtime run p.yaml --param token=... --param a=... --params p.json",
    },
    {
      argv: ["p.yaml", "--home", "/h", "--pipeline-root", "s3://b/c?d", "--isolation", "process", "--no-cache"],
      command: "kfp-runtime run p.yaml --home /h --pipeline-root 's3://b/c?d' --isolation process --no-cache",
    },
    {
      argv: ["p.yaml", "--parallelism", "2", "--capacity", "cpu=2", "--output", "json", "--full-logs", "--inspect-task", "a"],
      command: "kfp-runtime run p.yaml --parallelism 2 --capacity cpu=2 --full-logs --output json",
    },
  ])("$argv", async ({ argv, command }, { expect }) => {
    expect(rerunCommand((await parseCommandLine(["run", ...argv], 80)) as RunCommand)).toBe(command);
  });
});
