import { describe, test } from "vitest";
import { callFailure } from "../../src/apiclient/api-error.ts";

const ended = (details: string): Error => Object.assign(new Error(`14 UNAVAILABLE: ${details}`), { code: 14, details });

describe("callFailure()", () => {
  test.for([
    {
      details: "No connection established. Last error: Protocol error. Resolution note: ",
      said: "No connection established. Last error: Protocol error.",
    },
    { details: "Last error: reset. Resolution note: no such name", said: "Last error: reset. Resolution note: no such name" },
    { details: "two\nlines", said: "two lines" },
  ])("says what $details says, without a heading of nothing", ({ details, said }, { expect }) => {
    expect(callFailure(ended(details))).toEqual({ status: "UNAVAILABLE", details: said });
  });
});
