/**
 * Runs programs so that V8 compiles what they need at their start, and boot.cjs keeps the result beside each chunk.
 *
 * Each program runs with `--version`, with all chunks it can reach loaded, and then up to its first call against a server that
 * refuses it.
 * @module
 */
import { spawn } from "node:child_process";
import http2 from "node:http2";
import { once } from "node:events";

/**
 * Make the caches reproducible: string hashes come from the random seed, and a garbage collection that happens to come leaves traces
 * in functions. None of these flags is part of what V8 compares when it accepts a cache.
 */
const reproducible = ["--predictable", "--random-seed=1", "--min-semi-space-size=64", "--max-semi-space-size=64"];

/** What is needed to come as far as the first call, GetRun. Exit code 1 is what a refused call ends with. */
const firstCalls = {
  driver: (port) => [
    ...["--type", "ROOT_DAG", "--pipeline_name", "warm-up", "--run_id", "warm-up", "--run_name", "warm-up"],
    ...["--run_display_name", "warm-up", "--namespace", "warm-up", "--runtime_config", "{}", "--iteration_index", "-1"],
    ...["--task_name", "", "--parent_task_id", "", "--http_proxy", "", "--https_proxy", "", "--no_proxy", ""],
    ...["--iteration_count_path", "/dev/null", "--condition_path", "/dev/null", "--parent_task_id_path", "/dev/null"],
    ...["--ml_pipeline_server_address", "127.0.0.1", "--ml_pipeline_server_port", port, "--ml_pipeline_tls_enabled=false"],
  ],
  "launcher-v2": (port) => [
    ...["--executor_type", "container", "--pipeline_name", "warm-up", "--run_id", "warm-up", "--task_id", "warm-up"],
    ...["--parent_task_id", "warm-up", "--executor_input", "{}", "--namespace", "warm-up", "--pod_name", "warm-up"],
    ...["--pod_uid", "warm-up", "--fingerprint", "", "--task_name", "warm-up", "--publish_logs", "false"],
    ...["--ml_pipeline_server_address", "127.0.0.1", "--ml_pipeline_server_port", port, "--", "true"],
  ],
};

/**
 * Writes the code caches of one program's chunks.
 *
 * @param {object} options
 * @param {[string, ...string[]]} options.start Command line up to and without Node's flags, such as `["/usr/bin/node"]`.
 * @param {string} options.boot Path of boot.cjs; the chunks lie beside it.
 * @param {string} options.program
 * @param {string[]} options.chunks Chunks to load beyond those the program loads itself.
 * @returns {Promise<string | undefined>} What went wrong. Caches only save time, so that is for the caller to judge.
 */
export async function writeCodeCaches({ start, boot, program, chunks }) {
  const run = (args, more) => runToEnd([...start, ...reproducible, boot, program, ...args], more);
  const version = await run(["--version"], chunks);
  if (version.code !== 0 || version.stderr !== "")
    return `${program} --version ended with ${version.code}: ${version.stderr.trim()}`;
  const firstCall = firstCalls[program];
  if (firstCall === undefined) return undefined;
  const server = await startRefusingServer();
  try {
    const called = await run(firstCall(server.port), []);
    return server.calls() > 0 ? undefined : `${program} made no call: ${called.stderr.trim()}`;
  } finally {
    server.close();
  }
}

async function runToEnd([command, ...args], chunks) {
  const child = spawn(command, args, {
    env: {
      KFP_RUNTIME_WRITE_CODE_CACHE: "1",
      KFP_RUNTIME_WARM_CHUNKS: chunks.join(","),
      KFP_POD_NAME: "warm-up",
      KFP_POD_UID: "warm-up",
      NAMESPACE: "warm-up",
    },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 60_000,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal] = await once(child, "close");
  return { code: signal ?? code, stderr };
}

/** A gRPC server that answers every call with NOT_FOUND. */
async function startRefusingServer() {
  const server = http2.createServer();
  let calls = 0;
  server.on("stream", (stream) => {
    calls++;
    stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5" }, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: String(server.address().port), calls: () => calls, close: () => server.close() };
}
