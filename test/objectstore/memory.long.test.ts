/**
 * A large transfer in constant memory: the growth does not follow the size of the file. 32 MiB are buffers of parts on the way up;
 * on the way down Node allocates 64 KiB for every read from a socket, and collects them at about 64 MiB.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { patternBytes, sha256 } from "../support/store-bench.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/store-transfer.ts", import.meta.url));
const MIB = 1024 * 1024;

describe.for(["minio", "s3", "gs"])("%s://", (scheme) => {
  test.for([64, 256, 512])("%d MiB up and down grow the program by less than 128 MiB", async (sizeMib) => {
    const login = await startGoogleLogin();
    const server = scheme === "gs" ? await startFakeGcsServer() : await startFakeS3Server();
    const folder = await mkdtemp(join(tmpdir(), "kfp-memory-test-"));
    try {
      server.buckets.set("bucket", new Map());
      const file = join(folder, "large");
      await writeFile(file, patternBytes(sizeMib * MIB));
      const { stdout } = await promisify(execFile)(process.execPath, [
        "--no-warnings",
        PROGRAM,
        scheme,
        server.endpoint,
        file,
        login.keyDocument(),
      ]);
      expect(sha256(await readFile(`${file}.down`))).toBe(sha256(await readFile(file)));
      expect(Number(stdout) / MIB).toBeLessThan(128);
    } finally {
      await Promise.all([server.close(), login.close()]);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
