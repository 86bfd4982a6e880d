/** A launcher that is told to stop while it waits for an object store: before the command for an input, after it for an output. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { allEnded } from "../support/processes.ts";
import { judgeStopped, pidsIn, SignalWorld, type StopSignal } from "../support/signal-world.ts";

let folder = "";
let world: SignalWorld;
beforeAll(async () => {
  const programs = await builtPrograms();
  folder = await makeFolder();
  world = await SignalWorld.open(programs, folder);
});
afterAll(async () => {
  await world.close();
  await removeFolder(folder);
});

/** Above the time that a program takes after the first signal, below the 30 s a pod gets. */
const GRACE_MS = 25_000;
/** More than any buffer between the launcher and the store takes. */
const OBJECT_BYTES = 32 * 1024 * 1024;
const UPLOADING = `echo "pid $$"; mkdir -p "$(dirname "$1")" "$(dirname "$2")"; echo 1 > "$1"; head -c ${String(OBJECT_BYTES)} /dev/zero > "$2"`;

interface Wait {
  readonly direction: "an output" | "an input";
  readonly store: "says nothing" | "takes its time";
  readonly signal: StopSignal;
}

/** @returns What is wrong; nothing when all is well. */
async function stopWhileWaiting({ direction, store, signal }: Wait): Promise<string | undefined> {
  const server = await startFakeS3Server({ accessKeyId: "key" });
  try {
    const stored = { body: Buffer.alloc(1024 * 1024), contentType: "", etag: "0123456789abcdef0123456789abcdef" };
    server.buckets.set("bucket", new Map([["root/in/taken", stored]]));
    let reach: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    server.fault = ({ method, key }) => {
      const isBody = direction === "an output" ? method === "PUT" && key !== "" : method === "GET" && key === "root/in/taken";
      if (!isBody) return undefined;
      reach();
      return { kind: store === "says nothing" ? "hang" : "drip" };
    };
    const { program, rows } = await world.startLauncher({
      script: UPLOADING,
      pipelineRoot: "s3://bucket/root",
      ...(direction === "an input" ? { inputUri: "s3://bucket/root/in/taken" } : {}),
      launcherConfig: {
        providers: `s3:\n  default:\n    endpoint: ${server.endpoint}\n    region: us-east-1\n    disableSSL: true\n    forcePathStyle: true\n    credentials:\n      fromEnv: true\n`,
      },
    });
    const early = await Promise.race([reached, program.ended]);
    if (early !== undefined) return `it ended before it waited: ${early.stderr}`;
    const askedMs = Date.now();
    program.child.kill(signal);
    const ended = await program.ended;
    const tookMs = Date.now() - askedMs;
    if (tookMs >= GRACE_MS) return `it took ${String(tookMs)} ms`;
    if (direction === "an input" && pidsIn(ended.stdout).length > 0) return "its command was started";
    if (!(await allEnded([program.child.pid ?? 0, ...pidsIn(ended.stdout)]))) return "something still runs";
    return judgeStopped(ended, await rows(), signal);
  } finally {
    await server.close();
  }
}

describe.concurrent("a launcher that waits for", () => {
  test.for(
    (["an output", "an input"] as const).flatMap((direction) =>
      (["says nothing", "takes its time"] as const).flatMap((store) =>
        (["SIGTERM", "SIGINT"] as const).map((signal): Wait => ({ direction, store, signal })),
      ),
    ),
  )(
    "$direction, when the store $store, ends after $signal, and its row says why",
    { timeout: 120_000 },
    async (wait, { expect }) => {
      expect(await stopWhileWaiting(wait)).toBeUndefined();
    },
  );
});
