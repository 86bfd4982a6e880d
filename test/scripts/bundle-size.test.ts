import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { makeFolder, removeFolder, runScript } from "../support/probe.ts";

let folder = "";

beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

interface Chunk {
  readonly bytes: number;
  readonly eager?: string[];
  readonly lazy?: string[];
  readonly packages: Record<string, number>;
}

const basic: Record<string, Chunk> = {
  driver: { bytes: 100_000, packages: { "src/driver": 90_000, "@bufbuild/protobuf": 9000 } },
  grpc: { bytes: 500_000, packages: { "@grpc/grpc-js": 499_000 } },
  run: { bytes: 200_000, packages: { "src/driver": 199_000 } },
};

/** A build of one driver, whose first chunk is loaded at the start. */
function writeBuild(name: string, chunks: Record<string, Chunk>, eager = ["driver"]): string {
  const dist = path.join(folder, name);
  mkdirSync(dist, { recursive: true });
  const programs = {
    driver: { eager, everyRun: [...new Set([...eager, "run"])].filter((key) => key in chunks), reachable: Object.keys(chunks) },
  };
  writeFileSync(path.join(dist, "meta.json"), JSON.stringify({ programs, chunks }));
  return dist;
}

function check(dist: string, ...args: string[]) {
  return runScript("bundle-size.mjs", ["--dist", dist, "--table", path.join(folder, "table.json"), ...args]);
}

describe("scripts/bundle-size.mjs", () => {
  beforeAll(async () => {
    await check(writeBuild("committed", basic), "--update");
  });

  test("prints programs and chunks, and accepts what the table says", async ({ expect }) => {
    const { code, stdout, stderr } = await check(writeBuild("same", basic));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/driver +97\.7 +293\.0 +781\.3/);
    expect(stdout).toMatch(/grpc +488\.3 {2}@grpc\/grpc-js/);
  });

  test("lets a program grow a little", async ({ expect }) => {
    const grown = { ...basic, driver: { bytes: 104_000, packages: basic["driver"]?.packages ?? {} } };
    expect(await check(writeBuild("little", grown))).toMatchObject({ code: 0, stderr: "" });
  });

  test.for([
    {
      name: "a program loads clearly more at its start",
      chunks: { ...basic, driver: { bytes: 150_000, packages: basic["driver"]?.packages ?? {} } },
      eager: ["driver"],
      message: "driver: eagerBytes grew from 100000 to 150000",
    },
    {
      name: "every run of a program loads clearly more",
      chunks: { ...basic, run: { bytes: 250_000, packages: basic["run"]?.packages ?? {} } },
      eager: ["driver"],
      message: "driver: everyRunBytes grew from 300000 to 350000",
    },
    {
      name: "a program gained a package",
      chunks: { ...basic, more: { bytes: 10, packages: { "left-pad": 10 } } },
      eager: ["driver"],
      message: "driver: reachablePackages gained left-pad",
    },
    {
      name: "a heavy library is loaded at the start",
      chunks: basic,
      eager: ["driver", "grpc"],
      message: "driver loads @grpc/grpc-js at its start",
    },
    {
      name: "a program contains what it never needs",
      chunks: { ...basic, more: { bytes: 10, packages: { "src/apiserver": 10 } } },
      eager: ["driver"],
      message: "driver contains src/apiserver, which it never needs",
    },
  ])("fails when $name", async ({ chunks, eager, message }, { expect }) => {
    const { code, stderr } = await check(writeBuild("changed", chunks, eager));
    expect(code).toBe(1);
    expect(stderr).toContain(`bundle-size: ${message}`);
  });

  test("says what to do when there is no build", async ({ expect }) => {
    expect((await check(path.join(folder, "nothing"))).stderr).toMatch(
      /^bundle-size: there is no build at .*: run npm run build first\n$/,
    );
  });
});
