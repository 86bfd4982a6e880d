/** The log while its command runs, in whole attempts. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { StorageError } from "../../../src/core/errors.ts";
import { isPartDue } from "../../../src/launcher/log/log-parts.ts";
import type { ObjectStore } from "../../../src/ports/object-store.ts";
import { plain, script } from "../../support/launcher-pipelines.ts";
import { artifactsOf, startLauncherWorld, stateOf, temporaryFolder, type LaunchOptions } from "../../support/launcher-world.ts";

describe("isPartDue()", () => {
  test.for([
    { name: "the interval has passed", settings: { intervalMs: 5000 }, grownBytes: 1, sinceMs: 5000, tookMs: 0, due: true },
    {
      name: "the interval has not passed",
      settings: { intervalMs: 5000 },
      grownBytes: 1e9,
      sinceMs: 4999,
      tookMs: 0,
      due: false,
    },
    { name: "nothing new", settings: { intervalMs: 5000, growthBytes: 1 }, grownBytes: 0, sinceMs: 1e9, tookMs: 0, due: false },
    { name: "enough has been added", settings: { growthBytes: 10 }, grownBytes: 10, sinceMs: 0, tookMs: 0, due: true },
    { name: "not enough has been added", settings: { growthBytes: 10 }, grownBytes: 9, sinceMs: 1e9, tookMs: 0, due: false },
    {
      name: "either of both",
      settings: { intervalMs: 5000, growthBytes: 10 },
      grownBytes: 3,
      sinceMs: 5000,
      tookMs: 0,
      due: true,
    },
    { name: "a slow upload before", settings: { growthBytes: 10 }, grownBytes: 10, sinceMs: 3999, tookMs: 1000, due: false },
    { name: "a slow upload long before", settings: { growthBytes: 10 }, grownBytes: 10, sinceMs: 4000, tookMs: 1000, due: true },
  ])("$name", ({ settings, due, ...state }) => {
    expect(isPartDue(settings, state)).toBe(due);
  });
});

interface Moment {
  /** What has been uploaded so far, this upload included. */
  readonly uploads: readonly string[];
  /** Keys of the artifacts on the task's row. */
  readonly registered: () => Promise<string[]>;
  /** Lets the command go on. */
  readonly tell: () => void;
}

/** Every write of the command moves the clock by a second; `$0` exists once the test tells. */
async function launchSay(
  text: string,
  environment: Record<string, string>,
  onUpload: (moment: Moment) => Promise<void> | void,
  host: LaunchOptions["host"] = {},
) {
  const world = await startLauncherWorld(plain);
  const row = await world.row(world.root, "say");
  const folder = await temporaryFolder();
  const uploads: string[] = [];
  const registered = async (): Promise<string[]> => artifactsOf(await world.task(row.taskId)).map(({ key }) => key);
  const store: ObjectStore = {
    assertAllowed: () => undefined,
    prepare: () => Promise.resolve(),
    download: () => Promise.reject(new Error("nothing to download")),
    exists: () => Promise.resolve(false),
    refresh: () => Promise.resolve(),
    close: () => Promise.resolve(),
    upload: async (path) => {
      uploads.push(readFileSync(path, "utf8"));
      await onUpload({ uploads, registered, tell: () => writeFileSync(`${folder}/go`, "") });
    },
  };
  const outcome = await world.launch(row, {
    command: script(text, `${folder}/go`),
    environment,
    host: { openStore: () => Promise.resolve(store), userStdout: { write: () => world.clock.advance(1000) }, ...host },
  });
  return { ...outcome, uploads, logs: artifactsOf(outcome.task).map(({ key }) => key) };
}

const untilTold = 'while [ ! -e "$0" ]; do sleep 0.01; done';

describe("startLogParts()", () => {
  test.for([
    { name: "the command succeeds", text: `echo one; ${untilTold}; printf two`, state: "SUCCEEDED" },
    { name: "the command fails", text: `echo one; ${untilTold}; printf two; exit 3`, state: "FAILED" },
  ])("uploads and registers what is there, and the whole log once at the end: $name", async ({ text, state }) => {
    const { task, uploads, logs } = await launchSay(text, { KFP_LOG_UPLOAD_INTERVAL: "1s" }, ({ tell }) => tell());
    expect(stateOf(task)).toBe(state);
    expect([uploads[0], uploads.at(-1)]).toEqual(["one\n", "one\ntwo"]);
    expect(logs).toEqual(["executor-logs"]);
  });

  test("the log is registered while the command runs", async () => {
    let during: string[] = [];
    const text = `echo one; ${untilTold}`;
    const host: LaunchOptions["host"] = {
      processRunner: {
        run: async ({ log, stdout }) => {
          writeFileSync(log?.path ?? "", "one\n");
          await stdout.write(new Uint8Array());
          await told;
          return { kind: "exited", exitCode: 0, outOfMemory: false };
        },
      },
    };
    let tellAll = (): void => undefined;
    const told = new Promise<void>((resolve) => (tellAll = resolve));
    const { logs } = await launchSay(
      text,
      { KFP_LOG_UPLOAD_SIZE: "4" },
      ({ uploads, registered }) => {
        if (uploads.length > 1) return;
        // The row shows it some calls after the upload.
        void vi
          .waitFor(async () => {
            during = await registered();
            expect(during).toEqual(["executor-logs"]);
          }, 10_000)
          .finally(tellAll);
      },
      host,
    );
    expect(during).toEqual(["executor-logs"]);
    expect(logs).toEqual(["executor-logs"]);
  });

  test("is off unless it is asked for", async () => {
    const { uploads } = await launchSay("echo one; echo two", {}, () => undefined);
    expect(uploads).toEqual(["one\ntwo\n"]);
  });

  test("a part that cannot be uploaded is a warning, and the end tries again", async () => {
    const { exitCode, uploads, logs, logger } = await launchSay(
      `echo one; ${untilTold}`,
      { KFP_LOG_UPLOAD_INTERVAL: "1s" },
      ({ uploads: { length }, tell }) => {
        tell();
        if (length === 1) throw new StorageError("OBJECT_NOT_FOUND", "no such bucket");
      },
    );
    expect(exitCode).toBe(0);
    expect(uploads.at(-1)).toBe("one\n");
    expect(logs).toEqual(["executor-logs"]);
    expect(logger.messages("warn").join()).toMatch(/The log of the step is not uploaded/);
  });

  test("a part under way when the command ends is waited for, so that the whole log comes last", async () => {
    const order: string[] = [];
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let end = (): void => undefined;
    const commandEnded = new Promise<void>((resolve) => (end = resolve));
    await launchSay(
      "",
      { KFP_LOG_UPLOAD_INTERVAL: "1s" },
      async ({ uploads: { length } }) => {
        order.push(`upload ${length} begins`);
        begin();
        await commandEnded;
        // Whoever did not wait for the first upload would begin the second one during these turns of the loop.
        for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        order.push(`upload ${length} ends`);
      },
      {
        processRunner: {
          run: async ({ log, stdout }) => {
            writeFileSync(log?.path ?? "", "one\n");
            await stdout.write(new Uint8Array());
            await begun;
            writeFileSync(log?.path ?? "", "one\ntwo\n");
            end();
            return { kind: "exited", exitCode: 0, outOfMemory: false };
          },
        },
      },
    );
    expect(order).toEqual(["upload 1 begins", "upload 1 ends", "upload 2 begins", "upload 2 ends"]);
  });
});
