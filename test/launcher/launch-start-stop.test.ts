/** Attempts that fail before the command, or are told to stop. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test, vi } from "vitest";
import { RuntimeArtifactSchema, type ExecutorInput } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import { EARLY_WORD_AFTER_MS } from "../../src/launcher/container/early-word.ts";
import { FakeObjectStore } from "../fakes/object-store.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { plain, script } from "../support/launcher-pipelines.ts";
import { artifactsOf, startLauncherWorld, stateOf, type LaunchOptions } from "../support/launcher-world.ts";

describe("launchContainer(): failures before the command", () => {
  test.for<{ name: string; launch: LaunchOptions; message: RegExp }>([
    { name: "F10 nothing after --", launch: { command: [] }, message: /no command to run/ },
    { name: "F9 an executor input that ends early", launch: { executorInput: "{" }, message: /--executor_input.*unexpected end/ },
    { name: "an empty executor input", launch: { executorInput: "" }, message: /--executor_input.*empty/ },
    { name: "a file that is not there", launch: { executorInput: "@/no/such/file" }, message: /--executor_input from file/ },
    {
      name: "an output without local path",
      launch: { change: addOutput("file:///x") },
      message: /^(failed to prepare output folders: )?.*"file:\/\/\/x"/,
    },
    {
      name: "a malformed clause",
      launch: { command: ["sh", '{"IfPresent": {"Then": "x"}}'] },
      message: /^failed to execute component: failed to get placeholders: /,
    },
    {
      name: "UPS-15 a certificate file that is not there, before any store is opened",
      launch: { flags: ["--ca_cert_path", "/no/such/ca.crt"] },
      message: /Cannot read the CA file "\/no\/such\/ca.crt"/,
    },
  ])("$name (LAU-3)", async ({ launch, message }) => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { exitCode, task, stdout } = await world.launch(row, { command: script("echo ran"), ...launch });
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toMatch(message);
    expect(artifactsOf(task)).toEqual([]);
    expect(stateOf(await world.task(world.root.taskId))).toBe("FAILED");
  });

  test("an argument that no system takes is refused with the input that is to blame (LAU-40)", async () => {
    const world = await startLauncherWorld(plain);
    const never = () => Promise.reject(new Error("it was started"));
    const { exitCode, task } = await world.launch(await world.row(world.root, "say"), {
      command: ["say", "--text", "{{$.inputs.parameters['long']}}"],
      change: ({ inputs }) => {
        if (inputs !== undefined) Object.assign(inputs.parameterValues, { long: jsonToValue("x".repeat(99)) });
      },
      host: { processRunner: { argumentLimitBytes: 98, run: never } },
    });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toMatch(
      /argument list too long: argument 2 \(the value of --text\) has 99 bytes, .* at most 98 .*input parameter "long" alone has 99 bytes/,
    );
  });

  test("the certificates of the installation reach the stores and the command (LAU-21)", async () => {
    const world = await startLauncherWorld(plain);
    const certificates = `${world.folder}/ca.crt`;
    await writeFile(certificates, "OWN\n");
    const asked: string[] = [];
    const { exitCode, stdout } = await world.launch(await world.row(world.root, "say"), {
      flags: ["--ca_cert_path", certificates],
      command: script('tail -n 1 "$REQUESTS_CA_BUNDLE" "$AWS_CA_BUNDLE" "$SSL_CERT_FILE" | grep OWN'),
      environment: { SSL_CERT_FILE: "/the/user's/own.crt" },
      host: {
        openStore: ({ caCertPath }) => {
          asked.push(caCertPath);
          return Promise.resolve(new FakeObjectStore());
        },
      },
    });
    expect({ exitCode, stdout, asked }).toEqual({ exitCode: 0, stdout: "OWN\n".repeat(3), asked: [certificates] });
  });

  function addOutput(uri: string): (input: ExecutorInput) => void {
    return ({ outputs }) => {
      const artifact = create(RuntimeArtifactSchema, {
        name: "x",
        uri,
        type: { kind: { case: "schemaTitle", value: "system.Model" } },
      });
      if (outputs !== undefined) outputs.artifacts["x"] = { $typeName: "ml_pipelines.ArtifactList", artifacts: [artifact] };
    };
  }
});

/** Says that it is there, and when it is asked to go. */
const saving = `
  process.on("SIGTERM", () => { console.log("saved"); process.exit(0); });
  console.log("ready");
  setInterval(() => {}, 1000);
`;

/** Ignores SIGTERM, and ends when its first argument is a file. */
const stubborn = `
  process.on("SIGTERM", () => {});
  console.log("ready");
  const timer = setInterval(() => { if (require("node:fs").existsSync(process.argv[1])) clearInterval(timer); }, 20);
`;

describe("launchContainer(): told to stop", () => {
  test("a command that does not end is told of before its end, and once more when it has ended", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const controller = new AbortController();
    const { clock } = world;
    const gate = path.join(await makeFolder(), "gate");
    const launched = world.launch(row, {
      command: [process.execPath, "-e", stubborn, gate],
      host: { signal: controller.signal, userStdout: { write: () => controller.abort("SIGTERM") } },
    });
    const message = "failed to execute component: the launcher was told to stop by SIGTERM (signal: terminated)";
    const soon = { timeout: 30_000 };
    await vi.waitFor(async () => {
      clock.advance(EARLY_WORD_AFTER_MS);
      expect(stateOf(await world.task(row.taskId))).toBe("FAILED");
    }, soon);
    expect((await world.task(row.taskId)).statusMetadata?.message).toBe(message);
    await vi.waitFor(async () => expect(stateOf(await world.task(world.root.taskId))).toBe("FAILED"), soon);
    await writeFile(gate, "");
    const { exitCode, task } = await launched;
    expect(exitCode).toBe(143);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toBe(message);
    expect(artifactsOf(task)).toHaveLength(1);
    await removeFolder(path.dirname(gate));
  });

  test("the command gets the signal, its log is kept, the task says why, the exit code is 128 + signal (LAU-12)", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const controller = new AbortController();
    const { exitCode, task, stdout } = await world.launch(row, {
      command: [process.execPath, "-e", saving],
      host: {
        signal: controller.signal,
        userStdout: { write: () => controller.abort("SIGTERM") },
      },
    });
    expect(stdout).toBe("");
    expect(exitCode).toBe(143);
    expect(stateOf(task)).toBe("FAILED");
    expect(task.statusMetadata?.message).toBe(
      "failed to execute component: the launcher was told to stop by SIGTERM (signal: terminated)",
    );
    const [log] = artifactsOf(task);
    expect(await readFile(log?.uri ?? "", "utf8")).toBe("ready\nsaved\n");
    expect(stateOf(await world.task(world.root.taskId))).toBe("FAILED");
  });

  test("before the command nothing is started", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const { exitCode, task, stdout } = await world.launch(row, {
      command: script("echo ran"),
      host: { signal: AbortSignal.abort("SIGINT") },
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: "" });
    expect(task.statusMetadata?.message).toMatch(/SIGINT \(signal: interrupt\)/);
  });

  test("a reason in words is the message", async () => {
    const world = await startLauncherWorld(plain);
    const row = await world.row(world.root, "say");
    const signal = AbortSignal.abort(new Error("cancelled by user"));
    const { exitCode, task } = await world.launch(row, { host: { signal } });
    expect(exitCode).toBe(1);
    expect(task.statusMetadata?.message).toBe("cancelled by user");
  });
});
