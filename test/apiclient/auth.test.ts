import { describe, test } from "vitest";
import { TokenSource } from "../../src/apiclient/auth.ts";
import { ApiError } from "../../src/core/errors.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

/** A token file whose content, absence or error a test sets. */
function tokenFile(content: string | undefined) {
  const file = { content, error: undefined as Error | undefined, reads: 0 };
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const fileSystem = {
    readText: (): Promise<string | undefined> => {
      file.reads += 1;
      return file.error === undefined ? Promise.resolve(file.content) : Promise.reject(file.error);
    },
  };
  return { file, clock, logger, tokens: new TokenSource({ clock, fileSystem, logger }, "/token") };
}

describe("TokenSource", () => {
  test("S39 trims the token and reads the file once while it is fresh", async ({ expect }) => {
    const { tokens, file, clock } = tokenFile(" secret-1\n");
    expect(await tokens.header()).toBe("Bearer secret-1");
    clock.advance(49_000);
    expect(await tokens.header()).toBe("Bearer secret-1");
    expect(file.reads).toBe(1);
  });

  test("reads the file again after 50 seconds", async ({ expect }) => {
    const { tokens, file, clock } = tokenFile("secret-1");
    await tokens.header();
    file.content = "secret-2";
    clock.advance(50_000);
    expect(await tokens.header()).toBe("Bearer secret-2");
  });

  test("API-23: missing at first: no header and one warning, until a later call finds it", async ({ expect }) => {
    const { tokens, file, logger } = tokenFile(undefined);
    expect(await tokens.header()).toBeUndefined();
    expect(await tokens.refresh()).toBe(false);
    expect(await tokens.header()).toBeUndefined();
    file.content = "secret-1";
    expect(await tokens.header()).toBe("Bearer secret-1");
    expect(logger.messages("warn")).toEqual(["No service account token, calls to the API server are not authenticated"]);
  });

  test.for([
    {
      name: "unreadable",
      prepare: (file: { error: Error | undefined }) => (file.error = new Error("EACCES")),
      message: /EACCES/,
    },
    { name: "empty", prepare: (file: { content: string | undefined }) => (file.content = " \n"), message: /the file is empty/ },
  ])("$name at first: every call fails until it can be read", async ({ prepare, message }, { expect }) => {
    const { tokens, file } = tokenFile("secret-1");
    prepare(file);
    await expect(tokens.header()).rejects.toThrow(message);
    await expect(tokens.header()).rejects.toSatisfy((error) => error instanceof ApiError && error.code === "TOKEN_UNREADABLE");
    file.error = undefined;
    file.content = "secret-2";
    expect(await tokens.header()).toBe("Bearer secret-2");
  });

  test.for([
    { name: "unreadable", content: undefined, error: new Error("EIO") },
    { name: "empty", content: "", error: undefined },
    { name: "gone", content: undefined, error: undefined },
  ])("$name later: the last good token is kept, with a line that does not show it", async ({ content, error }, { expect }) => {
    const { tokens, file, clock, logger } = tokenFile("secret-1");
    await tokens.header();
    file.content = content;
    file.error = error;
    clock.advance(60_000);
    expect(await tokens.header()).toBe("Bearer secret-1");
    expect(logger.messages("warn")).toEqual(["Cannot re-read the service account token, the last one is kept"]);
    expect(JSON.stringify(logger.lines)).not.toContain("secret-1");
  });

  test("refresh() tells whether there is another token to try", async ({ expect }) => {
    const { tokens, file } = tokenFile("secret-1");
    await tokens.header();
    expect(await tokens.refresh()).toBe(false);
    file.content = "secret-2";
    expect(await tokens.refresh()).toBe(true);
    expect(await tokens.header()).toBe("Bearer secret-2");
  });

  test("calls at the same time share one read", async ({ expect }) => {
    const { tokens, file } = tokenFile("secret-1");
    await Promise.all([tokens.header(), tokens.header(), tokens.header()]);
    expect(file.reads).toBe(1);
  });
});
