import fc from "fast-check";
import { describe, test } from "vitest";
import { cleanEnvironment, originalEnvironment } from "../../src/node/original-env.ts";

/** What portable/launch.c does to the environment, for variables it hides. */
function stash(environment: Record<string, string>, isHostile: (name: string) => boolean): Record<string, string> {
  const entries = Object.entries(environment).map(([name, value]) => [
    isHostile(name) ? `KFP_LAUNCHER_STASH_${name}` : name,
    value,
  ]);
  const stashed = Object.keys(environment).some(isHostile);
  return Object.fromEntries(stashed ? [...entries, ["KFP_LAUNCHER_STASH", "1"]] : entries) as Record<string, string>;
}

const isHostile = (name: string) => name.startsWith("LD_") || name.startsWith("KFP_LAUNCHER_STASH");

describe("originalEnvironment()", () => {
  test("gives hidden variables their names back and drops the mark", ({ expect }) => {
    const environment = {
      PATH: "/bin",
      KFP_LAUNCHER_STASH: "1",
      KFP_LAUNCHER_STASH_LD_PRELOAD: "/x.so",
      KFP_LAUNCHER_STASH_NODE_OPTIONS: "--x",
    };
    expect(originalEnvironment(environment)).toEqual({ PATH: "/bin", LD_PRELOAD: "/x.so", NODE_OPTIONS: "--x" });
  });

  test("changes nothing where Node was started without the entry point", ({ expect }) => {
    const environment = { PATH: "/bin", LD_PRELOAD: "/x.so", KFP_LAUNCHER_STASH_X: "mine" };
    expect(originalEnvironment(environment)).toEqual(environment);
  });

  test("keeps a user's variables that begin like the mark", ({ expect }) => {
    const environment = {
      KFP_LAUNCHER_STASH: "1",
      KFP_LAUNCHER_STASH_X: "x",
      KFP_LAUNCHER_STASH_KFP_LAUNCHER_STASH_Y: "y",
      LD_A: "",
    };
    expect(originalEnvironment(stash(environment, isHostile))).toEqual(environment);
  });

  test("keeps a variable called __proto__", ({ expect }) => {
    const environment = Object.fromEntries([["__proto__", "x"]]);
    expect(Object.entries(originalEnvironment(environment))).toEqual([["__proto__", "x"]]);
  });

  test("undoes what the entry point did, for any environment", ({ expect }) => {
    const name = fc.oneof(
      fc.constantFrom(
        "LD_PRELOAD",
        "KFP_LAUNCHER_STASH",
        "KFP_LAUNCHER_STASH_",
        "KFP_LAUNCHER_STASH_LD_PRELOAD",
        "KFP_LAUNCHER_STASHED",
      ),
      fc.string({ minLength: 1 }).filter((text) => !text.includes("=") && !text.includes("\0")),
    );
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), (environment) => {
        expect(originalEnvironment(stash(environment, isHostile))).toEqual({ ...environment });
      }),
    );
  });
});

describe("cleanEnvironment()", () => {
  test("removes what was stashed, mark included", ({ expect }) => {
    const environment: Record<string, string> = { HOME: "/h", KFP_LAUNCHER_STASH: "1", KFP_LAUNCHER_STASH_LD_PRELOAD: "/x.so" };
    cleanEnvironment(environment);
    expect(environment).toEqual({ HOME: "/h" });
  });

  test.for([{}, { HOME: "" }])("sets HOME to / where it is missing or empty: %o", (given, { expect }) => {
    const environment: Record<string, string> = { ...given };
    cleanEnvironment(environment);
    expect(environment).toEqual({ HOME: "/" });
  });
});
