/** `driver webhook`, the built program: serves over HTTPS, stops on SIGTERM. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { askWebhook, serverCertificate } from "../webhook/ask-webhook.ts";
import { admissionReview, submittedWorkflow } from "../webhook/reviews.ts";

describe("driver webhook", () => {
  test("rewrites a workflow, says so, and ends with 0 when it is told to stop", async () => {
    const { bin } = await builtPrograms();
    const folder = await makeFolder();
    onTestFinished(() => removeFolder(folder));
    const { cert, key } = serverCertificate();
    writeFileSync(path.join(folder, "tls.crt"), cert);
    writeFileSync(path.join(folder, "tls.key"), key);
    const args = ["webhook", "--listen_address", "127.0.0.1:0", "--status_address", ""];
    const child = spawn(process.execPath, [path.join(bin, "driver"), ...args, "--cert_path=tls.crt", "--key_path=tls.key"], {
      cwd: folder,
      env: { KFP_LOG_FORMAT: "json" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const lines: { readonly message: string; readonly port?: number; readonly result?: string }[] = [];
    const port = await new Promise<number>((resolve, reject) => {
      let text = "";
      child.stderr.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        lines.splice(
          0,
          lines.length,
          ...text
            .split("\n")
            .slice(0, -1)
            .map((line) => JSON.parse(line) as (typeof lines)[number]),
        );
        const serves = lines.find(({ message }) => message === "webhook serves");
        if (serves?.port !== undefined) resolve(serves.port);
      });
      void ended.then((code) => reject(new Error(`it ended with ${String(code)}: ${text}`)));
    });
    const { body } = await askWebhook(port, "/mutate-workflow", admissionReview(submittedWorkflow()));
    const { response } = JSON.parse(body) as { response: { allowed: boolean; patch: string } };
    expect(response.allowed).toBe(true);
    expect(Buffer.from(response.patch, "base64").toString()).toContain("kfp-runtime-driver");
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(lines.map(({ message, result }) => [message, result])).toEqual([
      ["webhook serves", undefined],
      ["reviewed", "rewritten"],
      ["webhook stops", undefined],
    ]);
  });
});
