import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.ts";

const parse = (...argv: string[]) => parseCommandLine(argv, 100);
const defaults = {
  kind: "run",
  pipeline: "p.yaml",
  params: [],
  home: ".kfp-runtime",
  isolation: "in-process",
  cacheDisabled: false,
  output: "text",
  dryRun: false,
};

describe("parseCommandLine()", () => {
  test.for<{ argv: string[]; expected: object }>([
    { argv: ["run", "p.yaml"], expected: defaults },
    { argv: ["run", "--param", "a=1", "p.yaml", "--param", "b=x y"], expected: { ...defaults, params: ["a=1", "b=x y"] } },
    { argv: ["run", "p.yaml", "--param=a=--b", "--params", "f.yaml"], expected: { params: ["a=--b"], paramsFile: "f.yaml" } },
    { argv: ["run", "p.yaml", "--no-cache", "--dry-run"], expected: { cacheDisabled: true, dryRun: true } },
    { argv: ["run", "p.yaml", "--capacity", "cpu=8,memory=1Gi"], expected: { capacity: "cpu=8,memory=1Gi" } },
    { argv: ["resume", "last", "--capacity", "none"], expected: { capacity: "none" } },
    { argv: ["serve", "--capacity", "none"], expected: { capacity: "none" } },
    { argv: ["run", "p.yaml", "--parallelism", "12", "--output=json"], expected: { parallelism: 12, output: "json" } },
    { argv: ["run", "p.yaml", "--isolation", "process", "--home", "h"], expected: { isolation: "process", home: "h" } },
    { argv: ["run", "p.yaml", "--pipeline-root", "s3://b/c"], expected: { pipelineRoot: "s3://b/c" } },
    { argv: ["run", "12"], expected: { pipeline: "12" } },
    { argv: ["run", "p.yaml", "--param", "a.b=1"], expected: { params: ["a.b=1"] } },
    { argv: ["home"], expected: { kind: "home", action: "show", home: ".kfp-runtime" } },
    { argv: ["home", "clear", "--home", "h"], expected: { kind: "home", action: "clear", home: "h" } },
    { argv: ["home", "check"], expected: { kind: "home", action: "check", home: ".kfp-runtime" } },
    { argv: ["home", "backup", "b"], expected: { kind: "home", action: "backup", home: ".kfp-runtime", target: "b" } },
    { argv: ["home", "gc"], expected: { kind: "home", action: "gc", home: ".kfp-runtime" } },
    {
      argv: ["home", "gc", "--older-than", "720h"],
      expected: { kind: "home", action: "gc", home: ".kfp-runtime", olderThanMs: 2_592_000_000 },
    },
    {
      argv: [
        "serve",
        "--allow-origin",
        "https://example.org",
        "--allow-origin",
        "http://[::1]:3000",
        "--allow-origin",
        "app://a",
      ],
      expected: { kind: "serve", allowedOrigins: ["https://example.org", "http://[::1]:3000", "app://a"] },
    },
    {
      argv: ["rewrite-workflow", "w.yaml"],
      expected: { kind: "rewrite-workflow", file: "w.yaml", output: "yaml", diff: false, loopParallelism: 200 },
    },
    {
      argv: ["rewrite-workflow", "-", "--diff", "--output", "json", "--loop-parallelism", "0"],
      expected: { file: "/dev/stdin", output: "json", diff: true, loopParallelism: 0 },
    },
    { argv: ["run", "p.yaml", "--params", "-"], expected: { pipeline: "p.yaml", paramsFile: "-" } },
    { argv: [], expected: { kind: "help" } },
    { argv: ["run", "--no-cache", "--", "p.yaml"], expected: { pipeline: "p.yaml", cacheDisabled: true } },
    { argv: ["run", "--", "--no-cache"], expected: { pipeline: "./--no-cache", cacheDisabled: false } },
    { argv: ["lint", "a.yaml", "--", "-b.yaml"], expected: { kind: "lint", files: ["a.yaml", "./-b.yaml"] } },
    { argv: ["--", "run", "-"], expected: { pipeline: "/dev/stdin" } },
    { argv: ["show", "last", "--", "step"], expected: { kind: "show", run: "last", task: "step" } },
    { argv: ["run", "--help"], expected: { kind: "help" } },
    { argv: ["--version"], expected: { kind: "version" } },
  ])("$argv", async ({ argv, expected }) => {
    expect(await parse(...argv)).toMatchObject(expected);
  });

  test.for<{ argv: string[]; message: string }>([
    ...["garbage", "https://example.org/", "https://example.org:443", "null"].map((origin) => ({
      argv: ["serve", "--allow-origin", origin],
      message: `Cannot read option --allow-origin: "${origin}" is not an origin such as https://example.org`,
    })),
    { argv: ["run", "--"], message: "Which pipeline? kfp-runtime run PIPELINE.yaml" },
    { argv: ["run", "p.yaml", "--", "x"], message: 'Too many words for kfp-runtime run: "x"; values begin with their option' },
    { argv: ["ran", "p.yaml"], message: 'Unknown command "ran": did you mean run?' },
    { argv: ["train"], message: 'Unknown command "train": try kfp-runtime --help' },
    { argv: ["rewrite-workflow"], message: "Which workflow? kfp-runtime rewrite-workflow WORKFLOW.yaml" },
    {
      argv: ["rewrite-workflow", "-", "-"],
      message: 'Too many words for kfp-runtime rewrite-workflow: "-"; values begin with their option',
    },
    {
      argv: ["rewrite-workflow", "w.yaml", "--loop-parallelism", "-1"],
      message: 'Cannot read option --loop-parallelism: "-1" is not a whole number from 1',
    },
    { argv: ["run"], message: "Which pipeline? kfp-runtime run PIPELINE.yaml" },
    { argv: ["run", "p.yaml", "--parm", "a=1"], message: "Unknown option --parm: did you mean --param?" },
    { argv: ["run", "p.yaml", "--verbose"], message: "Unknown option --verbose: try kfp-runtime --help" },
    { argv: ["home", "backup"], message: "Which folder? Try kfp-runtime home backup FOLDER" },
    { argv: ["home", "clear", "b"], message: "Unexpected word b: home clear takes none" },
    { argv: ["home", "clear", "--older-than", "1h"], message: "Option --older-than belongs to home gc" },
    { argv: ["home", "--param", "a=1"], message: "Unknown option --param: try kfp-runtime --help" },
    { argv: ["run", "p.yaml", "--home", "a", "--home", "b"], message: "Option --home is given more than once" },
    { argv: ["run", "p.yaml", "--output", "xml"], message: 'Option --output cannot be "xml": it is one of "text", "json"' },
    {
      argv: ["run", "p.yaml", "--capacity", "8"],
      message: 'Cannot read option --capacity: "8" is not none, nor amounts as cpu=8,memory=16Gi',
    },
    {
      argv: ["run", "p.yaml", "--parallelism", "1.5"],
      message: 'Cannot read option --parallelism: "1.5" is not a whole number from 1',
    },
    { argv: ["run", "p.yaml", "a=1"], message: 'Too many words for kfp-runtime run: "a=1"; values begin with their option' },
    { argv: ["run", "p.yaml", "--home"], message: "Not enough arguments following: home" },
  ])("$argv: $message", async ({ argv, message }) => {
    await expect(parse(...argv)).rejects.toMatchObject({ code: "USAGE_INVALID", message });
  });
});
