/** Components of the SDK, which does not know azblob://, with their artifacts in Azure Blob Storage. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AZURE_ACCOUNT, startAzurite } from "../support/azurite.ts";
import type { AzuriteServer } from "../support/azurite.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const SDK = "kfp==2.17.3"; // As test/fixtures/sdk_artifacts.yaml asks for.
const reason = "azblob:// in components of the SDK: needs python3 3.11 with venv, and a package index";

describe.skipIf(skipUnless(canInstallSdk(SDK), reason))("components of the SDK below an azblob:// root", () => {
  let programs: Programs;
  let azurite: AzuriteServer | { readonly missing: string };
  let folder = "";
  beforeAll(async () => {
    programs = await builtPrograms();
    folder = mkdtempSync(join(tmpdir(), "kfp-azure-python-"));
    azurite = await startAzurite();
    if ("missing" in azurite) return void skipUnless(false, `azblob:// in components of the SDK: ${azurite.missing}`);
    await azurite.createBucket("container");
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(async () => {
    if (!("missing" in azurite)) await azurite.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("find and leave their artifacts in the store", { timeout: 600_000 }, async (context) => {
    if ("missing" in azurite) return context.skip(azurite.missing);
    const server = azurite;
    const home = join(folder, "home");
    mkdirSync(join(home, "launcher-config"), { recursive: true });
    const azblob = { default: { endpoint: azurite.endpoint, credentials: { fromEnv: true } } };
    writeFileSync(join(home, "launcher-config/providers"), JSON.stringify({ azblob }));
    const { code, stdout, stderr } = await runCli(
      programs,
      [
        ...["run", join(root, "test/fixtures/sdk_artifacts.yaml"), "--home", home, "--output", "json"],
        ...["--pipeline-root", "azblob://container/runs", "--no-cache"],
      ],
      {
        cwd: folder,
        env: {
          AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT,
          AZURE_STORAGE_KEY: azurite.accountKey,
          ARTIFACT_LOCAL_PATH: join(folder, "local"),
        },
      },
    );
    expect(code, stderr).toBe(0);
    const { outputs, tasks } = parseResult(stdout);
    const outputOf = (name: string): unknown => tasks.find((task) => task.name === name)?.outputs.parameters["Output"];
    expect(outputOf("read")).toBe("from write 3 custom a deep/b");
    expect(outputOf("show")).toBe("picked");
    const uri = outputs.artifacts["Output"]?.[0]?.uri ?? "";
    expect(uri).toMatch(/^azblob:\/\/container\/runs\//);
    expect((await server.read("container", uri.slice("azblob://container/".length)))?.toString()).toBe("copied");
  });
});
