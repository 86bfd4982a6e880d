import fc from "fast-check";
import { describe, expectTypeOf, test } from "vitest";
import { expandFileValue, LOGGING_FLAGS, parseFlags, requireFlags, usageText } from "../../../src/core/go/flags.ts";
import type { FlagTable } from "../../../src/core/go/flags.ts";

const TABLE = {
  x: { type: "string", default: "", help: "some text" },
  http_proxy: { type: "string", default: "unset", help: "proxy for http" },
  iteration_index: { type: "int", default: -1, help: "index, negative outside loops" },
  default_run_as_user: { type: "int64", default: -1n, help: "user id" },
  cache_disabled: { type: "bool", default: false, help: "no cache" },
} satisfies FlagTable;

const parse = (argv: readonly string[]) => parseFlags(TABLE, argv);

describe("parseFlags()", () => {
  test("types the values by the table", () => {
    const { values } = parse([]);
    expectTypeOf(values).toEqualTypeOf<{
      x: string;
      http_proxy: string;
      iteration_index: number;
      default_run_as_user: bigint;
      cache_disabled: boolean;
    }>();
  });

  test("gives defaults to what is not there", ({ expect }) => {
    expect(parse([])).toEqual({
      values: { x: "", http_proxy: "unset", iteration_index: -1, default_run_as_user: -1n, cache_disabled: false },
      provided: new Set(),
      positional: [],
      warnings: [],
      help: false,
    });
  });

  // docs/spec/driver-command-line.md#flag-syntax, docs/spec/launcher-command-line.md#flag-syntax.
  test.for([
    { argv: ["-x", "v"], values: { x: "v" } },
    { argv: ["--x", "v"], values: { x: "v" } },
    { argv: ["-x=v"], values: { x: "v" } },
    { argv: ["--x=v"], values: { x: "v" } },
    { argv: ["--x=a=b"], values: { x: "a=b" } },
    { argv: ["--x="], values: { x: "" } },
    { argv: ["--x", ""], values: { x: "" } },
    { argv: ["--iteration_index", "-1"], values: { iteration_index: -1 } },
    { argv: ["--http_proxy", "--cache_disabled"], values: { http_proxy: "--cache_disabled" } },
    { argv: ["--x", "--"], values: { x: "--" } },
    { argv: ["--cache_disabled"], values: { cache_disabled: true } },
    { argv: ["--cache_disabled=false"], values: { cache_disabled: false } },
    { argv: ["--cache_disabled=T"], values: { cache_disabled: true } },
    { argv: ["--cache_disabled", "true", "--x", "v"], values: { cache_disabled: true }, positional: ["true", "--x", "v"] },
    { argv: ["--x", "v", "run", "--iteration_index", "x"], values: { x: "v" }, positional: ["run", "--iteration_index", "x"] },
    { argv: ["-", "--x", "v"], values: {}, positional: ["-", "--x", "v"] },
    { argv: ["", "--x", "v"], values: {}, positional: ["", "--x", "v"] },
    { argv: ["--x", "v", "--", "sh", "-c", "x"], values: { x: "v" }, positional: ["sh", "-c", "x"] },
    { argv: ["--x", "a", "--x", "b"], values: { x: "b" } },
    { argv: ["--iteration_index=0x10"], values: { iteration_index: 16 } },
    { argv: ["--iteration_index", "010"], values: { iteration_index: 8 } },
    { argv: ["--iteration_index", "1_000"], values: { iteration_index: 1000 } },
    { argv: ["--default_run_as_user", "9223372036854775807"], values: { default_run_as_user: 9223372036854775807n } },
  ] as { argv: string[]; values: Record<string, unknown>; positional?: string[] }[])(
    "$argv",
    ({ argv, values, positional }, { expect }) => {
      const parsed = parse(argv);
      expect(parsed.values).toMatchObject(values);
      expect([...parsed.provided]).toEqual(Object.keys(values));
      expect(parsed.positional).toEqual(positional ?? []);
      expect(parsed.warnings).toEqual([]);
    },
  );

  test.for([
    { argv: ["--x"], message: "flag needs an argument: -x" },
    { argv: ["--iteration_index"], message: "flag needs an argument: -iteration_index" },
    { argv: ["---x"], message: "bad flag syntax: ---x" },
    { argv: ["--=v"], message: "bad flag syntax: --=v" },
    { argv: ["-=v"], message: "bad flag syntax: -=v" },
    { argv: ["--iteration_index="], message: 'invalid value "" for flag -iteration_index: parse error' },
    { argv: ["--iteration_index", "1.0"], message: 'invalid value "1.0" for flag -iteration_index: parse error' },
    { argv: ["--iteration_index", "abc"], message: 'invalid value "abc" for flag -iteration_index: parse error' },
    {
      argv: ["--iteration_index", "9223372036854775808"],
      message: 'invalid value "9223372036854775808" for flag -iteration_index: value out of range',
    },
    { argv: ["--cache_disabled="], message: 'invalid boolean value "" for -cache_disabled: parse error' },
    { argv: ["--cache_disabled=yes"], message: 'invalid boolean value "yes" for -cache_disabled: parse error' },
    { argv: ["--logtostderr=yes"], message: 'invalid boolean value "yes" for -logtostderr: parse error' },
    { argv: ["-v"], message: "flag needs an argument: -v" },
  ])("refuses $argv", ({ argv, message }, { expect }) => {
    expect(() => parse(argv)).toThrow(expect.objectContaining({ name: "UsageError", code: "FLAG_INVALID", message }));
  });

  // docs/spec/driver-command-line.md#required-flags, docs/spec/launcher-command-line.md#command-line-cases.
  test.for([
    { argv: ["--new_flag", "v", "--other=x", "--", "sh"], warnings: ["new_flag", "other"], positional: ["sh"] },
    { argv: ["--new_flag", "--x", "v"], warnings: ["new_flag"], provided: ["x"] },
    { argv: ["--new_flag", "-1", "--x", "v"], warnings: ["new_flag"], provided: ["x"] },
    { argv: ["-new_flag", "v", "--x", "v"], warnings: ["new_flag"], provided: ["x"] },
    { argv: ["--new_flag", "", "--x", "v"], warnings: ["new_flag"], provided: ["x"] },
    { argv: ["--new_flag", "--", "sh"], warnings: ["new_flag"], positional: ["sh"] },
    { argv: ["--new_flag"], warnings: ["new_flag"] },
    { argv: ["--X", "v"], warnings: ["X"] },
    { argv: ["--cache", "v"], warnings: ["cache"] },
    { argv: ["--toString=1", "--constructor", "a"], warnings: ["toString", "constructor"] },
  ] as { argv: string[]; warnings: string[]; provided?: string[]; positional?: string[] }[])(
    "warns about unknown flags in $argv",
    ({ argv, warnings, provided, positional }, { expect }) => {
      const parsed = parse(argv);
      expect(parsed.warnings).toEqual(warnings.map((name) => `unknown flag --${name} is ignored`));
      expect([...parsed.provided]).toEqual(provided ?? []);
      expect(parsed.positional).toEqual(positional ?? []);
    },
  );

  test("accepts the logging library's flags in silence", ({ expect }) => {
    const argv = Object.entries(LOGGING_FLAGS).flatMap(([name, { type }]) =>
      type === "bool" ? [`--${name}`] : [`--${name}`, "1"],
    );
    const parsed = parse([...argv, "--x", "v"]);
    expect(parsed).toMatchObject({ values: { x: "v" }, provided: new Set(["x"]), positional: [], warnings: [] });
    expect(Object.keys(parsed.values)).toEqual(Object.keys(TABLE));
  });

  test.for([["-h"], ["-help"], ["--help"], ["--x", "v", "--help", "--iteration_index", "bad"]])(
    "%j asks for help",
    (argv, { expect }) => {
      expect(parse(argv).help).toBe(true);
    },
  );

  test("finds a defined flag called h before it thinks of help", ({ expect }) => {
    expect(parseFlags({ h: { type: "string", default: "", help: "" } }, ["-h", "v"])).toMatchObject({
      values: { h: "v" },
      help: false,
    });
  });

  test("reads back any values written as --name=value or --name value", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.boolean(),
        fc.array(fc.string()),
        (x, user, off, rest) => {
          const argv = ["--x", x, `--default_run_as_user=${user}`, `--cache_disabled=${off}`, "--", ...rest];
          expect(parse(argv)).toMatchObject({ values: { x, default_run_as_user: user, cache_disabled: off }, positional: rest });
        },
      ),
    );
  });
});

describe("requireFlags()", () => {
  test("passes when all were given, even empty", ({ expect }) => {
    expect(() => requireFlags(parse(["--x="]), ["x"], "CONTAINER")).not.toThrow();
  });

  test.for([
    { names: ["http_proxy"], message: "--http_proxy is required for DAG but was not provided" },
    {
      names: ["x", "http_proxy", "iteration_index", "cache_disabled"],
      message: "--http_proxy is required for DAG but was not provided; also missing: --iteration_index, --cache_disabled",
    },
  ])("names all of $names that are missing in one message", ({ names, message }, { expect }) => {
    expect(() => requireFlags(parse(["--x", "v"]), names, "DAG")).toThrow(
      expect.objectContaining({ name: "UsageError", code: "FLAG_MISSING", message }),
    );
  });
});

describe("expandFileValue()", () => {
  const files = new Map([["/tmp/input.json", '{"a":1}']]);
  const readText = (path: string): Promise<string | undefined> => Promise.resolve(files.get(path));

  test("reads @path and leaves everything else alone", async ({ expect }) => {
    expect(await expandFileValue("executor_input", "@/tmp/input.json", readText)).toBe('{"a":1}');
    expect(await expandFileValue("executor_input", '{"b":"@/tmp/input.json"}', readText)).toBe('{"b":"@/tmp/input.json"}');
    expect(await expandFileValue("executor_input", "", readText)).toBe("");
  });

  test("names flag and file when the file cannot be read", async ({ expect }) => {
    const unreadable = expect.objectContaining({
      code: "FILE_UNREADABLE",
      message: 'Cannot read the value of --executor_input from file "/nope"',
    });
    await expect(expandFileValue("executor_input", "@/nope", readText)).rejects.toThrow(unreadable);
    const failing = (): Promise<string | undefined> => Promise.reject(new Error("EACCES"));
    await expect(expandFileValue("executor_input", "@/nope", failing)).rejects.toThrow(unreadable);
  });
});

describe("usageText()", () => {
  test("lists the flags with types, help and defaults", ({ expect }) => {
    expect(usageText(TABLE, "driver")).toBe(
      [
        "Usage of driver:",
        "  --cache_disabled",
        "    \tno cache",
        "  --default_run_as_user int64",
        "    \tuser id (default -1)",
        "  --http_proxy string",
        '    \tproxy for http (default "unset")',
        "  --iteration_index int",
        "    \tindex, negative outside loops (default -1)",
        "  --x string",
        "    \tsome text",
        "",
      ].join("\n"),
    );
  });
});
