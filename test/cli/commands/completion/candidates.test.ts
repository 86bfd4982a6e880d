import { describe, expect, test } from "vitest";
import { COMMAND_TABLE } from "../../../../src/cli/commands/command-table.ts";
import { completeWords, type HomeWords } from "../../../../src/cli/commands/completion/candidates.ts";

const asked: (string | undefined)[] = [];
const words = (...values: string[]) => values.map((value) => ({ value, description: "d" }));
const home: HomeWords = {
  runs: (folder) => {
    asked.push(folder);
    return Promise.resolve(words("last", "abcd1234"));
  },
  tasks: (_, run) => Promise.resolve(words(`of-${run}`, "loop.read[0]")),
  artifacts: (_, run) => Promise.resolve(words(`of-${run}.out`)),
};
const complete = async (...typed: string[]) => {
  const { candidates, files } = await completeWords(COMMAND_TABLE, typed, home);
  return [...candidates.map(({ value }) => value), files === "none" ? [] : `:${files}`].flat();
};

describe("completeWords()", () => {
  test.for<{ typed: string[]; found: string[] }>([
    { typed: ["sh"], found: ["show"] },
    { typed: ["run"], found: ["run", "runs"] },
    { typed: ["--"], found: ["--help", "--version"] },
    { typed: ["nonsense", ""], found: [] },
    { typed: ["show", ""], found: ["last", "abcd1234"] },
    { typed: ["show", "ab"], found: ["abcd1234"] },
    { typed: ["show", "last", ""], found: ["of-last", "loop.read[0]"] },
    { typed: ["show", "--home", "h", "last", "loop"], found: ["loop.read[0]"] },
    { typed: ["show", "last", "x", ""], found: [] },
    { typed: ["artifacts", "last", ""], found: ["of-last.out"] },
    { typed: ["diff", "last", ""], found: ["last", "abcd1234"] },
    { typed: ["cache", ""], found: ["ls", "why", "clear"] },
    { typed: ["cache", "why", ""], found: ["of-last", "loop.read[0]"] },
    { typed: ["cache", "why", "--run", ""], found: ["last", "abcd1234"] },
    { typed: ["cache", "why", "--run", "abcd1234", "of"], found: ["of-abcd1234"] },
    { typed: ["show", "--o"], found: ["--output"] },
    { typed: ["show", "--output", ""], found: ["text", "json"] },
    { typed: ["show", "--output=j"], found: ["--output=json"] },
    { typed: ["show", "--output", "=", "j"], found: ["json"] },
    { typed: ["show", "--output", "="], found: ["text", "json"] },
    { typed: ["show", "--home", ""], found: [":folder"] },
    { typed: ["runs", "--limit", ""], found: [] },
    { typed: ["logs", "last", "--follow", "of"], found: ["of-last"] },
    { typed: ["run", ""], found: [":pipeline"] },
    { typed: ["run", "p.yaml", "--params", ""], found: [":file"] },
    { typed: ["lint", "a.yaml", "b.yaml", ""], found: [":pipeline"] },
    { typed: ["graph", ""], found: ["last", "abcd1234", ":pipeline"] },
    { typed: ["rewrite-workflow", ""], found: [":pipeline"] },
    { typed: ["rewrite-workflow", "w.yaml", "--output", ""], found: ["yaml", "json"] },
    { typed: ["completion", ""], found: ["bash", "zsh", "fish"] },
  ])("$typed", async ({ typed, found }) => {
    expect(await complete(...typed)).toEqual(found);
  });

  test("asks the home that the command names", async () => {
    asked.length = 0;
    await complete("show", "--home", "there", "");
    await complete("show", "--home=here", "");
    await complete("show", "");
    expect(asked).toEqual(["there", "here", undefined]);
  });
});
