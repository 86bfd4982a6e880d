/** The served OpenAPI document and the server, held against each other by a tool of others. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startRestApi } from "../../fakes/rest-api.ts";
import { CACHE, install, installPython, STORE_SERVER_SETUP_TIMEOUT_MS } from "../../support/installed-servers.ts";
import { canInstallSdk } from "../../support/python-sdk.ts";
import { skipUnless } from "../../support/skip.ts";

const REQUIREMENT = "schemathesis==4.32.5";
const CHECKS =
  "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance";
const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } } };
const environment = join(CACHE, REQUIREMENT.replace("==", "-"));

/** 501 is what the gateway of the reference says to a method that a path does not have, and what ours says. */
const CONFIG = `
[phases.coverage]
unexpected-methods = []

[[operations]]
include-path-regex = "/runs/[{]run_id[}]/tasks"
parameters = { "path.run_id" = "r" }
`;

const isSkipped = skipUnless(canInstallSdk(REQUIREMENT), `${REQUIREMENT}: needs python3 with venv, and a package index`);

describe.skipIf(isSkipped)("schemathesis", () => {
  let folder = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kfp-schemathesis-"));
    const problem = await install(
      environment,
      async (target) => await installPython(target, [REQUIREMENT]),
      join(environment, "complete"),
    );
    if (problem !== undefined) throw new Error(problem);
    writeFileSync(join(folder, "schemathesis.toml"), CONFIG);
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("finds no error of the server's own and no answer beside its schema", { timeout: 600_000 }, async ({ expect }) => {
    const { url, post, internal } = await startRestApi();
    await post("/runs", { run_id: "r", display_name: "r", pipeline_spec: SPEC });
    const args = ["run", `${url}/openapi.json`, "--checks", CHECKS, "--max-examples", "10", "--seed", "1", "--workers", "1"];
    // An event stream has no end to wait for.
    args.push("--exclude-path-regex", "/events$", "--request-timeout", "30");
    const { code, output } = await schemathesis(folder, args);
    expect(internal).toEqual([]);
    expect(output).toMatch(/Tested: \d\d/);
    expect(code, output.slice(-20_000)).toBe(0);
  });
});

async function schemathesis(folder: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(join(environment, "bin", "schemathesis"), ["--config-file", join(folder, "schemathesis.toml"), ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output };
}
