import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { prepareCaBundle } from "../../src/launcher/ca-bundle.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { ReadLimit } from "../../src/ports/file-system.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { temporaryFolder } from "../support/launcher-world.ts";

const names = ["REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE"];

async function bundleOf(system: string | undefined, own: string) {
  const folder = await temporaryFolder();
  await writeFile(`${folder}/own.crt`, own);
  if (system !== undefined) await writeFile(`${folder}/system.crt`, system);
  const logger = new RecordingLogger();
  // Only the named bundle: the machine's own ones are none of this test's business.
  const fileSystem = {
    ...nodeFileSystem,
    readRegularText: (path: string, limit: ReadLimit) =>
      path.startsWith(folder) ? nodeFileSystem.readRegularText(path, limit) : Promise.resolve(undefined),
  };
  const settings = { temporaryFolder: `${folder}/tmp`, systemCertificatesPath: `${folder}/system.crt` };
  return { variables: await prepareCaBundle({ fileSystem, logger, settings }, `${folder}/own.crt`), folder, logger };
}

describe("prepareCaBundle()", () => {
  test.for([
    { system: "SYSTEM\n", own: "OWN\n", bundle: "SYSTEM\nOWN\n" },
    { system: "SYSTEM", own: "OWN", bundle: "SYSTEM\nOWN" },
    { system: undefined, own: "OWN", bundle: "OWN" },
  ])("joins system certificates $system with ours (LAU-21)", async ({ system, own, bundle }) => {
    const { variables, folder } = await bundleOf(system, own);
    expect(Object.keys(variables)).toEqual(names);
    const [path = "", ...others] = new Set(Object.values(variables));
    expect(others).toEqual([]);
    expect(path.startsWith(`${folder}/tmp/ca-bundle-`)).toBe(true);
    expect(await readFile(path, "utf8")).toBe(bundle);
  });

  test("without a certificate of ours there is nothing to do", async () => {
    const deps = { fileSystem: nodeFileSystem, logger: new RecordingLogger(), settings: { temporaryFolder: "/tmp" } };
    expect(await prepareCaBundle(deps, "")).toEqual({});
  });

  test("a certificate of ours that is not there is an error", async () => {
    const deps = { fileSystem: nodeFileSystem, logger: new RecordingLogger(), settings: { temporaryFolder: "/tmp" } };
    await expect(prepareCaBundle(deps, "/no/such/ca.crt")).rejects.toThrow('Cannot read the CA file "/no/such/ca.crt"');
  });

  test("a bundle that cannot be read is skipped with a warning", async () => {
    const logger = new RecordingLogger();
    const folder = await temporaryFolder();
    await writeFile(`${folder}/own.crt`, "OWN");
    const fileSystem = {
      ...nodeFileSystem,
      readRegularText: (path: string, limit: ReadLimit) =>
        path === "/broken" ? Promise.reject(new Error("EACCES")) : nodeFileSystem.readRegularText(path, limit),
    };
    const settings = { temporaryFolder: folder, systemCertificatesPath: "/broken" };
    const variables = await prepareCaBundle({ fileSystem, logger, settings }, `${folder}/own.crt`);
    expect(await readFile(variables["SSL_CERT_FILE"] ?? "", "utf8")).toMatch(/OWN$/);
    expect(logger.messages("warn")).toHaveLength(1);
  });
});
