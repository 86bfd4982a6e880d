/** The other end of the connection is written out here as client-go sends it: Go itself is not needed. */
import { connect } from "node:tls";
import { createInflate } from "node:zlib";
import { afterEach, beforeEach, describe, test } from "vitest";
import { createSelfSignedCertificate } from "../../support/self-signed-certificate.ts";
import { ObjectStore } from "./object-store.ts";
import { startKubeApi, type KubeApiServer } from "./server.ts";
import { frameReader, type ExecEnd, type ExecTarget } from "./spdy-exec.ts";

const tls = createSelfSignedCertificate();
let server: KubeApiServer;
let targets: ExecTarget[];
let end: ExecEnd | Error;

beforeEach(async () => {
  targets = [];
  end = { code: 0, stdout: "out", stderr: "err" };
  const now = (): Date => new Date(0);
  server = await startKubeApi({
    ...{ store: new ObjectStore({ now, newUid: () => "u" }), now, tls },
    exec: (target) => {
      targets.push(target);
      return end instanceof Error ? Promise.reject(end) : Promise.resolve(end);
    },
  });
});
afterEach(async () => await server.close());

const path = "/api/v1/namespaces/ns/pods/p/exec?command=argoexec&command=kill&command=15&container=main&stdout=true&stderr=true";

/** A stream is opened: its id, no associated one, no priority, headers that nobody reads. */
function synStream(id: number): Buffer {
  const frame = Buffer.alloc(8 + 10 + 3);
  frame.set([0x80, 0x03, 0, 1, 0, 0, 0, 13]);
  frame.writeUInt32BE(id, 8);
  return frame;
}

/** What comes back, whole: the head, and all bytes after it. */
async function talk(request: string, frames: Buffer): Promise<{ head: string; rest: Buffer }> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let hasSent = false;
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: tls.cert }, () => socket.write(request));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (!hasSent) socket.write(frames);
      hasSent = true;
    });
    socket.on("error", reject);
    socket.on("close", () => {
      const all = Buffer.concat(chunks);
      const at = all.indexOf("\r\n\r\n");
      resolve({ head: all.subarray(0, at).toString(), rest: all.subarray(at + 4) });
    });
  });
}

const upgrade = (token: string, protocol = "v5.channel.k8s.io, v4.channel.k8s.io"): string =>
  [
    `POST ${path} HTTP/1.1`,
    "host: cluster",
    `authorization: Bearer ${token}`,
    "connection: Upgrade",
    "upgrade: SPDY/3.1",
    `x-stream-protocol-version: ${protocol}`,
    "\r\n",
  ].join("\r\n");

/** Text by stream, of the data frames. */
function streams(rest: Buffer): Record<number, string> {
  const texts: Record<number, string> = {};
  for (let at = 0; at < rest.length; at += 8 + rest.readUIntBE(at + 5, 3)) {
    if ((rest[at]! & 0x80) !== 0) continue;
    texts[rest.readUInt32BE(at)] = rest.subarray(at + 8, at + 8 + rest.readUIntBE(at + 5, 3)).toString();
  }
  return texts;
}

describe("a command in a container", () => {
  test("runs when its streams are open, and its output comes back", async ({ expect }) => {
    const { head, rest } = await talk(upgrade(server.adminToken), Buffer.concat([1, 3, 5].map(synStream)));
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).toContain("x-stream-protocol-version: v4.channel.k8s.io");
    expect(targets).toEqual([{ namespace: "ns", pod: "p", container: "main", command: ["argoexec", "kill", "15"] }]);
    const { 1: error = "", ...output } = streams(rest);
    expect(output).toEqual({ 3: "out", 5: "err" });
    expect(JSON.parse(error)).toEqual({ metadata: {}, status: "Success" });
  });

  test.for([
    {
      name: "an exit code",
      of: { code: 3, stdout: "", stderr: "" },
      error: { status: "Failure", reason: "NonZeroExitCode", details: { causes: [{ reason: "ExitCode", message: "3" }] } },
    },
    {
      name: "a command that does not start",
      of: new Error("no container"),
      error: { status: "Failure", reason: "InternalError" },
    },
  ])("tells $name", async ({ of, error }, { expect }) => {
    end = of;
    const { rest } = await talk(upgrade(server.adminToken), Buffer.concat([1, 3, 5].map(synStream)));
    expect(JSON.parse(streams(rest)[1] ?? "")).toMatchObject(error);
  });

  test("answers pings with their own bytes", async ({ expect }) => {
    const ping = Buffer.from([0x80, 0x03, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]);
    const { rest } = await talk(upgrade(server.adminToken), Buffer.concat([ping, ...[1, 3, 5].map(synStream)]));
    expect(rest.subarray(0, ping.length)).toEqual(ping);
  });

  test.for([
    ["without a token", () => upgrade(""), /^HTTP\/1.1 401/],
    ["with another protocol", () => upgrade(server.adminToken, "v1.channel.k8s.io"), /^HTTP\/1.1 400/],
    ["for something else", () => upgrade(server.adminToken).replace("/exec", "/attach"), /^HTTP\/1.1 404/],
  ] as const)("is refused %s", async ([, request, status], { expect }) => {
    expect((await talk(request(), Buffer.alloc(0))).head).toMatch(status);
    expect(targets).toEqual([]);
  });
});

describe("frames", () => {
  test("come whole, however they are cut", ({ expect }) => {
    const bytes = Buffer.concat([1, 3].map(synStream));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const read = frameReader();
      const frames = [...read(bytes.subarray(0, cut)), ...read(bytes.subarray(cut))];
      expect(frames.map(({ type, payload }) => [type, payload.readUInt32BE(0)])).toEqual([
        [1, 1],
        [1, 3],
      ]);
    }
  });

  test("have a limit", ({ expect }) => {
    expect(() => frameReader()(Buffer.from([0x80, 0x03, 0, 1, 0, 0xff, 0xff, 0xff]))).toThrow(/frame of 16777215 bytes/);
  });

  test("of replies hold no headers, as one zlib stream with SPDY's dictionary", async ({ expect }) => {
    const { rest } = await talk(upgrade(server.adminToken), Buffer.concat([1, 3, 5].map(synStream)));
    const blocks = frameReader()(rest).flatMap(({ type, payload }) => (type === 2 ? [payload.subarray(4)] : []));
    const bytes = Buffer.concat(blocks);
    // Go's reader keeps what a block holds until the next one begins: without an empty one it waits for ever.
    for (const block of blocks) expect(block.subarray(-5)).toEqual(Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]));
    // The dictionary itself is only asked for: its sum is the one of SPDY/3.
    expect(bytes.subarray(0, 6)).toEqual(Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]));
    const plain = await new Promise<Buffer>((resolve) => {
      const inflate = createInflate();
      const out: Buffer[] = [];
      inflate.on("data", (chunk: Buffer) => out.push(chunk));
      // Without the dictionary's flag, which stored blocks do not need.
      inflate.write(Buffer.concat([Buffer.from([0x78, 0x9c]), bytes.subarray(6)]));
      inflate.flush(() => resolve(Buffer.concat(out)));
    });
    expect(plain).toEqual(Buffer.alloc(12));
  });
});
