import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createProcessRunner } from "../../src/node/process-runner.ts";
import type { CommandOptions, OutputSink } from "../../src/ports/process-runner.ts";

const folder = mkdtempSync(join(tmpdir(), "process-runner-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function collect(): OutputSink & { bytes(): Buffer; text(): string } {
  const chunks: Uint8Array[] = [];
  return {
    write: (chunk) => void chunks.push(Buffer.from(chunk)),
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString(),
  };
}

function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  return header;
}

function foreignElf(): Buffer {
  return elf(process.arch === "x64" ? 183 : 62);
}

function elfWithLoader(loader: string): Buffer {
  const header = elf(process.arch === "x64" ? 62 : 183);
  header.writeUInt32LE(64, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  const segment = Buffer.alloc(56);
  segment.writeUInt32LE(3, 0);
  segment.writeUInt32LE(120, 8);
  segment.writeUInt32LE(loader.length + 1, 32);
  return Buffer.concat([header, segment, Buffer.from(`${loader}\0`)]);
}

async function run(
  command: string,
  args: string[],
  more: Partial<CommandOptions> = {},
  runner = createProcessRunner({ silenceMs: 100, totalMs: 2000 }),
) {
  const stdout = collect();
  const stderr = collect();
  const warnings: string[] = [];
  const outcome = await runner.run({
    command,
    args,
    environment: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    stdin: "ignore",
    stdout,
    stderr,
    graceMs: 5000,
    onWarning: (message) => warnings.push(message),
    ...more,
  });
  return { outcome, stdout, stderr, warnings };
}

describe("createProcessRunner()", () => {
  test("keeps the streams apart, byte for byte, and logs both in order of arrival", async () => {
    const logPath = join(folder, "both.log");
    // Each part is written once the one before has arrived.
    const arrived = ["first", "second"].map((name) => join(folder, name)) as [string, string];
    const script =
      'printf \'a\\377\\000b\'; until [ -e "$0" ]; do sleep 0.01; done; printf err >&2; until [ -e "$1" ]; do sleep 0.01; done; printf c';
    const [stdout, stderr] = [collect(), collect()];
    const noting = (sink: OutputSink, file: string): OutputSink => ({
      write: (chunk) => {
        writeFileSync(file, "");
        return sink.write(chunk);
      },
    });
    const { outcome } = await run("sh", ["-c", script, ...arrived], {
      stdout: noting(stdout, arrived[0]),
      stderr: noting(stderr, arrived[1]),
      log: { path: logPath, limit: { maxBytes: 1000 } },
    });
    expect(outcome).toEqual({ kind: "exited", exitCode: 0, outOfMemory: false });
    expect(stdout.bytes()).toEqual(Buffer.from([97, 255, 0, 98, 99]));
    expect(stderr.text()).toBe("err");
    expect(readFileSync(logPath)).toEqual(Buffer.concat([Buffer.from([97, 255, 0, 98]), Buffer.from("errc")]));
  });

  test("hands over exactly the given environment", async () => {
    const { stdout } = await run("/usr/bin/env", [], { environment: { ONLY: "this", EMPTY: "" } });
    expect(stdout.text().trim().split("\n").toSorted()).toEqual(["EMPTY=", "ONLY=this"]);
  });

  test.runIf(process.platform === "linux")("says what is too large when the system does not start the command", async () => {
    const one = (await run("echo", ["--text", "x".repeat(20_000_000)])).outcome;
    expect(one).toEqual({
      kind: "not-started",
      reason: expect.stringMatching(
        /^fork\/exec echo: argument list too long: argument 2 \(the value of --text\) has 20000000 bytes, and the system takes at most \d+ in one argument; hand large data over as an artifact/,
      ) as string,
    });
    const all = (
      await run(
        "echo",
        Array.from({ length: 2000 }, () => "y".repeat(100_000)),
      )
    ).outcome;
    expect(all).toEqual({
      kind: "not-started",
      reason: expect.stringMatching(
        /argument list too long: arguments and environment have 2000\d+ bytes together, .*argument 1 with 100000 bytes/,
      ) as string,
    });
  });

  test.for([
    { name: "exit code", args: ["-c", "exit 7"], outcome: { kind: "exited", exitCode: 7 } },
    { name: "signal", args: ["-c", "kill -KILL $$"], outcome: { kind: "killed", signal: "SIGKILL" } },
  ])("reports the $name", async ({ args, outcome }, { expect }) => {
    expect((await run("sh", args)).outcome).toMatchObject(outcome);
  });

  test.for([
    { name: "a name that is not on the PATH", command: "no-such-program", reason: /executable file not found in \$PATH/ },
    { name: "a path that does not exist", command: "/no/such/program", reason: /no such file or directory/ },
    { name: "a file that is not executable", command: "/etc/passwd", reason: /permission denied/ },
  ])("says why it did not start: $name", async ({ command, reason }, { expect }) => {
    const { outcome } = await run(command, []);
    expect(outcome).toMatchObject({ kind: "not-started", reason: expect.stringMatching(reason) as string });
  });

  test.for<{ name: string; content: string | Buffer; mode?: number; reason: RegExp }>([
    { name: "an empty file", content: "", reason: /exec format error: the file is empty/ },
    { name: "a text without interpreter line", content: "echo ran by a shell\n", reason: /exec format error: it is neither/ },
    {
      name: "a program for another machine",
      content: foreignElf(),
      reason: /exec format error: the program is for (aarch64|x86_64), this/,
    },
    {
      name: "a script without its interpreter",
      content: "#!/no/such/interpreter -x\n",
      reason: /no such file or directory: its interpreter "\/no\/such\/interpreter" does not exist/,
    },
    {
      name: "a script with the line ends of Windows",
      content: "#!/bin/sh\r\necho x\r\n",
      reason: /its interpreter "\/bin\/sh\\r" does not exist.*line feeds only/,
    },
    {
      name: "a script without permission",
      content: "#!/bin/sh\n",
      mode: 0o644,
      reason: /permission denied: the file is not executable/,
    },
    {
      name: "a program without its loader",
      content: elfWithLoader("/lib/ld-nowhere.so.1"),
      reason: /no such file or directory: its loader "\/lib\/ld-nowhere\.so\.1" does not exist/,
    },
  ])("says why it did not start, and starts no shell: $name", async ({ name, content, mode = 0o755, reason }) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    for (const command of mode === 0o755 ? [path, name] : [path]) {
      const { outcome, stdout } = await run(command, [], { environment: { PATH: folder } });
      expect(outcome).toMatchObject({ kind: "not-started", reason: expect.stringMatching(reason) as string });
      expect(stdout.text()).toBe("");
    }
  });

  test("a script by a script by a program starts", async () => {
    writeFileSync(join(folder, "inner"), `#!/bin/sh\necho "by inner: $1"\n`, { mode: 0o755 });
    writeFileSync(join(folder, "outer"), `#! ${join(folder, "inner")}\n`, { mode: 0o755 });
    const { stdout } = await run(join(folder, "outer"), []);
    expect(stdout.text()).toBe(`by inner: ${join(folder, "outer")}\n`);
  });

  test("says that a folder is no program", async () => {
    const { outcome } = await run(folder, []);
    expect(outcome).toMatchObject({ kind: "not-started", reason: expect.stringContaining("it is a folder") as string });
  });

  test("says that an argument is too long", async () => {
    const { outcome } = await run("echo", ["x".repeat(200 * 1024)]);
    expect(outcome).toMatchObject({ kind: "not-started", reason: expect.stringContaining("argument list too long") as string });
  });

  test.for([
    { args: ["--token", "secret\0"], environment: {}, says: "argument 2 (the value of --token)" },
    { args: [], environment: { TOKEN: "secret\0" }, says: "environment variable TOKEN" },
  ])("names a zero byte, not the value: $says", async ({ args, environment, says }) => {
    const { outcome } = await run("echo", args, { environment });
    const words = `fork/exec echo: ${says} holds a zero byte (U+0000), which the system cannot hand over; write such data to an artifact`;
    expect(outcome).toEqual({ kind: "not-started", reason: words });
  });

  test("forwards the abort reason as a signal to the whole group", async () => {
    const controller = new AbortController();
    const stdout = { write: () => controller.abort("SIGTERM") };
    const script = "trap 'exit 9' TERM; sleep 60 & echo up; wait";
    const { outcome } = await run("sh", ["-c", script], { stdout, signal: controller.signal });
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 9 });
  });

  test("kills a command that ignores the signal, after the grace time", async () => {
    const controller = new AbortController();
    const stdout = { write: () => controller.abort() };
    const script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    const { outcome } = await run("sh", ["-c", script], { stdout, signal: controller.signal, graceMs: 100 });
    expect(outcome).toMatchObject({ kind: "killed", signal: "SIGKILL" });
  });

  test("passes signals on that stop nothing by themselves", async () => {
    let deliver: (name: NodeJS.Signals) => void = () => undefined;
    const stdout = { write: () => deliver("SIGUSR1") };
    const passedSignals = (receiver: typeof deliver): (() => void) => {
      deliver = receiver;
      return () => undefined;
    };
    const script = "trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done";
    const { outcome } = await run("sh", ["-c", script], { stdout, passedSignals });
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 5 });
  });

  test("does not wait for a grandchild that keeps the output open, and leaves nothing running", async () => {
    const { outcome, stdout, warnings } = await run("sh", ["-c", "sleep 300 & echo $!; exit 3"]);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 3 });
    expect(warnings).toEqual([expect.stringContaining("left behind")]);
    const pid = Number(stdout.text());
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  test("waits for one second of silence unless told otherwise", { timeout: 60_000 }, async () => {
    const startedAtMs = performance.now();
    const { outcome, warnings } = await run("sh", ["-c", "sleep 300 & exit 3"], {}, createProcessRunner());
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 3 });
    expect(warnings).toEqual([expect.stringContaining("left behind")]);
    // Less would cut the last words of a program off that still has some; more only the limit of this test tells.
    expect(performance.now() - startedAtMs).toBeGreaterThan(900);
  });

  test("does not wait for ever for a grandchild that is never silent", { timeout: 60_000 }, async () => {
    const runner = createProcessRunner({ silenceMs: 600_000, totalMs: 300 });
    const { outcome, warnings } = await run("sh", ["-c", "yes & exit 3"], { stdout: { write: () => undefined } }, runner);
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 3 });
    expect(warnings).toEqual([expect.stringContaining("left behind")]);
  });

  test("goes on without the log file when it cannot be written", async () => {
    const { outcome, stdout, warnings } = await run("sh", ["-c", "echo on"], {
      log: { path: join(folder, "missing", "x.log"), limit: { maxBytes: 1000 } },
    });
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(stdout.text()).toBe("on\n");
    expect(warnings).toEqual([expect.stringContaining("cannot write the log file")]);
  });

  test("passes a large output through a slow reader without loss", async () => {
    let total = 0;
    const stdout: OutputSink = {
      write: (chunk) =>
        new Promise((resolve) => {
          total += chunk.length;
          setImmediate(resolve);
        }),
    };
    const { outcome } = await run("sh", ["-c", "head -c 33554432 /dev/zero"], { stdout });
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(total).toBe(33_554_432);
  });
});

/** A zombie waiting for its parent counts as ended: reaping orphans is the init's task. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
