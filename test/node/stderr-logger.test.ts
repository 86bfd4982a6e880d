import { describe, test } from "vitest";
import { createLogger, readLogFormat, type LogFormat } from "../../src/node/stderr-logger.ts";
import { FakeClock } from "../fakes/fake-clock.ts";

function record(format: LogFormat, verbosity = 1) {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) };
  return { written, logger: createLogger({ clock: new FakeClock("2026-08-01T12:00:00.5Z"), stream, format, verbosity }) };
}

describe("createLogger()", () => {
  test("text: level, UTC time, message, pairs, quoted where needed", ({ expect }) => {
    const { written, logger } = record("text");
    logger.info("Task created", { taskId: "4711", name: 'say "hi"', iteration: 0, cached: false, parent: undefined, empty: "" });
    expect(written).toEqual([
      'INFO 2026-08-01T12:00:00.500Z Task created taskId=4711 name="say \\"hi\\"" iteration=0 cached=false empty=""\n',
    ]);
  });

  test("json: one object per line, fields cannot hide the message", ({ expect }) => {
    const { written, logger } = record("json");
    logger.warn("Careful", { level: "fake", n: 1 });
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: "warn", time: "2026-08-01T12:00:00.500Z", message: "Careful", n: 1 },
    ]);
    expect(written[0]?.endsWith("}\n")).toBe(true);
  });

  test("an event stays one line whatever it holds", ({ expect }) => {
    const { written, logger } = record("text");
    logger.error("first\nsecond\u001B[31m", { key: "a\nb" });
    expect(written).toEqual(['ERROR 2026-08-01T12:00:00.500Z first\\nsecond [31m key="a\\nb"\n']);
  });

  test("verbose lines need the verbosity, and compute nothing without it", ({ expect }) => {
    const { written, logger } = record("text", 3);
    logger.verbose(4, "secret-ish", () => {
      throw new Error("computed");
    });
    logger.verbose(3, "details", () => ({ n: 1 }));
    expect(written).toEqual(["DEBUG 2026-08-01T12:00:00.500Z details n=1\n"]);
  });

  test("fixed fields are on every line", ({ expect }) => {
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text) };
    const logger = createLogger({ clock: new FakeClock(), stream, format: "text", verbosity: 1, fields: { task: "train" } });
    logger.info("Started");
    expect(written).toEqual(["INFO 2026-08-01T12:00:00.000Z Started task=train\n"]);
  });
});

describe("readLogFormat()", () => {
  test.for([
    [undefined, "text"],
    ["", "text"],
    ["text", "text"],
    ["json", "json"],
  ] as const)("%s is %s", ([text, format], { expect }) => {
    expect(readLogFormat(text)).toBe(format);
  });

  test("names the variable that is wrong", ({ expect }) => {
    expect(() => readLogFormat("xml")).toThrow(/KFP_LOG_FORMAT: "xml"/);
  });
});
