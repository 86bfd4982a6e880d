import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { describe, test } from "vitest";
import { root, runToEnd } from "../support/probe.ts";

const modulePath = path.join(root, "src/node/default-authorities.ts");

/** What a process trusts by default, started with these options: before, as the list says, and after asking for it. */
async function trusted(options: readonly string[], variables: Record<string, string> = {}) {
  const script = `
    const { defaultAuthorities, trustDefaultAuthorities } = await import(${JSON.stringify(modulePath)});
    const tls = await import("node:tls");
    const before = tls.getCACertificates("default").length;
    const listed = defaultAuthorities().length;
    trustDefaultAuthorities();
    trustDefaultAuthorities();
    console.log(JSON.stringify({ before, listed, after: tls.getCACertificates("default").length }));`;
  const ended = await runToEnd(process.execPath, ["--no-warnings", ...options, "--input-type=module", "-e", script], {
    PATH: process.env["PATH"] ?? "",
    ...variables,
  });
  if (ended.code !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout) as { before: number; listed: number; after: number };
}

describe("default authorities", () => {
  const carried = tls.rootCertificates.length;
  const extra = { NODE_EXTRA_CA_CERTS: path.join(root, "test/fixtures/tls/server-cert.pem") };

  test("are Node's own without options", async ({ expect }) => {
    expect(await trusted([])).toEqual({ before: carried, listed: carried, after: carried });
  });

  test("are the same with --use-openssl-ca, once asked for", async ({ expect }) => {
    expect(await trusted(["--use-openssl-ca"])).toEqual({ before: 0, listed: carried, after: carried });
  });

  test("keep those of NODE_EXTRA_CA_CERTS", async ({ expect }) => {
    expect(await trusted(["--use-openssl-ca"], extra)).toEqual({ before: 1, listed: carried + 1, after: carried + 1 });
  });

  test("stay what people chose by NODE_OPTIONS", async ({ expect }) => {
    expect(await trusted([], { NODE_OPTIONS: "--use-openssl-ca" })).toEqual({ before: 0, listed: 0, after: 0 });
  });
});

/** Files that may open a TLS connection in a driver or launcher, and who says what it trusts. */
const TLS_FILES: Readonly<Record<string, string>> = {
  "src/apiclient/channel.ts": "lists the authorities",
  "src/kube/kube-connection.ts": "a TlsAgent",
  "src/node/default-authorities.ts": "",
  "src/node/tls-agent.ts": "asks for them",
  "src/objectstore/http-agents.ts": "a TlsAgent",
  "src/objectstore/http/direct-connections.ts": "asks for them",
  "src/objectstore/http/fetch-text.ts": "asks for them where no agent is given",
  "src/objectstore/http/send-request.ts": "always with an agent of http-agents.ts",
  "src/webhook/webhook-server.ts": "a server, which asks clients for no certificate",
};

test("a file that may open a TLS connection is known here", ({ expect }) => {
  // The embedded server is no part of programs that are started with options.
  const files = globSync("src/**/*.ts", { cwd: root }).filter(
    (file) =>
      !file.startsWith("src/apiserver/") &&
      /"node:(https|tls|http2)"|\bfetch\(/.test(readFileSync(path.join(root, file), "utf8")),
  );
  expect(files.toSorted()).toEqual(Object.keys(TLS_FILES));
});
