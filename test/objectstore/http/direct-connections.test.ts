/** A server on raw sockets that answers what a test tells it, in the pieces it tells. */
import { readFileSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import { BRIEF_REQUESTS, DirectConnections, LARGE_RANGES } from "../../../src/objectstore/http/direct-connections.ts";
import type { DirectAnswer, DirectRequest, DirectUse } from "../../../src/objectstore/http/direct-connections.ts";
import { patternBytes } from "../../support/store-bench.ts";

const { pieceBytes: DIRECT_PIECE_BYTES } = LARGE_RANGES;

type Answerer = (socket: Socket, request: string, count: number) => void;

const TLS = join(import.meta.dirname, "../../fixtures/tls");
const never = new AbortController().signal;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface World {
  readonly get: DirectRequest;
  readonly connections: DirectConnections;
  /** Connections that were made. */
  readonly sockets: readonly Socket[];
}

async function start(answer: Answerer, options: { readonly isTls?: boolean; readonly use?: DirectUse } = {}): Promise<World> {
  const sockets: Socket[] = [];
  let count = 0;
  const serve = (socket: Socket): void => {
    sockets.push(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        answer(socket, request, ++count);
      }
    });
  };
  const files = { key: readFileSync(join(TLS, "server-key.pem")), cert: readFileSync(join(TLS, "server-cert.pem")) };
  const server: Server = options.isTls === true ? createTlsServer(files, serve) : createTcpServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connections = new DirectConnections(
    options.use ?? LARGE_RANGES,
    options.isTls === true ? { ca: readFileSync(join(TLS, "server-cert.pem")) } : {},
  );
  closing.push(() => {
    connections.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const protocol = options.isTls === true ? "https:" : "http:";
  const place = { protocol, hostname: "127.0.0.1", port: String(port) } as const;
  const limits = { idleTimeoutMs: 5_000, connectTimeoutMs: 5_000 };
  return { get: { ...place, ...limits, method: "GET", path: "/b/k?x=1", headers: { host: "store" } }, connections, sockets };
}

const headOf = (lengthBytes: number, ...more: string[]): string =>
  ["HTTP/1.1 206 Partial Content", `content-length: ${lengthBytes}`, 'etag: "e"', ...more, "", ""].join("\r\n");

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function readAll(answer: DirectAnswer | undefined): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const batch of answer?.content.batches(1) ?? []) copies.push(Buffer.concat(batch));
  return Buffer.concat(copies);
}

describe.for([false, true])("over TLS: %s", (isTls) => {
  test("content of several pieces, one answer after the other on one connection", async () => {
    const content = patternBytes(3 * DIRECT_PIECE_BYTES + 12_345);
    const requests: string[] = [];
    const { get, connections, sockets } = await start(
      (socket, request) => {
        requests.push(request);
        socket.write(headOf(content.length));
        socket.write(content);
      },
      { isTls },
    );
    for (let round = 0; round < 3; round++) {
      const answer = await connections.send(get, never);
      expect(answer).toMatchObject({ status: 206, headers: { etag: '"e"' } });
      expect((await readAll(answer)).equals(content)).toBe(true);
    }
    expect(requests[2]).toBe("GET /b/k?x=1 HTTP/1.1\r\nhost: store\r\nconnection: keep-alive");
    expect(sockets.length).toBe(1);
  });
});

test("whatever pieces an answer comes in, and however slowly it is read", async () => {
  const content = patternBytes(2 * DIRECT_PIECE_BYTES + 99);
  let cuts: readonly number[] = [];
  let size = 0;
  const { get, connections } = await start((socket, _request, count) => {
    void (async () => {
      const answer = Buffer.concat([Buffer.from(headOf(size, `x-count: ${count}`)), content.subarray(0, size)]);
      let from = 0;
      for (const to of [...cuts.filter((cut) => cut < answer.length).toSorted((a, b) => a - b), answer.length]) {
        socket.write(answer.subarray(from, to));
        from = to;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
  });
  const near = (bytes: number): fc.Arbitrary<number> => fc.integer({ min: -3, max: 3 }).map((by) => bytes + by);
  const length = fc.oneof(fc.nat(300), near(DIRECT_PIECE_BYTES), near(2 * DIRECT_PIECE_BYTES), fc.nat(content.length));
  await fc.assert(
    fc.asyncProperty(length, fc.array(fc.nat(400_000), { maxLength: 6 }), fc.boolean(), async (bytes, places, isSlow) => {
      cuts = places;
      size = Math.min(bytes, content.length);
      const answer = await connections.send(get, never);
      const copies: Buffer[] = [];
      for await (const batch of answer?.content.batches(1) ?? []) {
        await turns(isSlow ? 5 : 0);
        copies.push(Buffer.concat(batch));
      }
      expect(Buffer.concat(copies).equals(content.subarray(0, size))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("no more is read than two pieces while nobody looks", async () => {
  const content = Buffer.alloc(64 * DIRECT_PIECE_BYTES);
  const { get, connections, sockets } = await start((socket) => {
    socket.write(headOf(content.length));
    socket.write(content);
  });
  const answer = await connections.send(get, never);
  const batches = answer?.content.batches(1);
  await batches?.next();
  // Both ends are in this process. What the kernel's buffers hold is some MiB.
  await turns(2_000);
  expect(sockets[0]?.writableLength).toBeGreaterThan(32 * DIRECT_PIECE_BYTES);
  answer?.content.destroy();
});

test.for([
  ["a refusal", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"],
  ["chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["something that is not HTTP", "220 smtp ready\r\n\r\n"],
  ["a head that does not end", `HTTP/1.1 206 OK\r\nx: ${"y".repeat(70_000)}`],
  ["more content than announced", `${headOf(3)}four`],
] as const)("is left to Node's client: %s", async ([, text]) => {
  const { get, connections, sockets } = await start((socket) => void socket.write(text));
  expect(await connections.send(get, never)).toBeUndefined();
  await expect.poll(() => sockets[0]?.destroyed || sockets[0]?.readableEnded).toBe(true);
});

test("a place that answers oddly twice in a row is left alone; refusals are not odd", async () => {
  const answers = [
    "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.0 206 OK\r\ncontent-length: 1\r\n\r\nx",
    `${headOf(1)}x`,
  ];
  const order = [0, 1, 0, 2, 1, 0, 1, 2, 2];
  const requests: number[] = [];
  const { get, connections } = await start((socket, _request, count) => {
    requests.push(count);
    socket.write(answers[order[count - 1] ?? 0] ?? "");
  });
  const given: (string | undefined)[] = [];
  for (const _ of order) {
    const answer = await connections.send(get, never);
    given.push(answer === undefined ? undefined : (await readAll(answer)).toString());
  }
  expect(given).toEqual([undefined, undefined, undefined, "x", undefined, undefined, undefined, undefined, undefined]);
  expect(requests).toHaveLength(7);
});

test("gives what came before the connection broke, then the failure", async () => {
  const { get, connections } = await start((socket) => {
    socket.write(headOf(10_000));
    socket.end("x".repeat(4_000));
  });
  const answer = await connections.send(get, never);
  const batches = answer?.content.batches(1);
  expect((await batches?.next())?.value?.[0]?.length).toBe(4_000);
  await expect(batches?.next()).rejects.toMatchObject({ reason: "ERR_STREAM_PREMATURE_CLOSE" });
});

test("content that stalls is given up", async () => {
  const { get, connections } = await start((socket) => void socket.write(`${headOf(10)}abc`));
  const read = async (): Promise<Buffer> => await readAll(await connections.send({ ...get, idleTimeoutMs: 50 }, never));
  await expect(read()).rejects.toMatchObject({ reason: "TIMEOUT", message: "no byte moved for 0.05 s" });
});

test("a server that never answers is given up, and nothing else is tried", async () => {
  const { get, connections } = await start((socket, _request, count) => {
    if (count === 1) socket.write(`${headOf(1)}x`);
  });
  expect((await readAll(await connections.send(get, never))).toString()).toBe("x");
  await expect(connections.send({ ...get, idleTimeoutMs: 50 }, never)).rejects.toMatchObject({ reason: "TIMEOUT" });
});

test("an idle connection that the server has closed is not a failure", async () => {
  const { get, connections, sockets } = await start((socket) => void socket.write(`${headOf(1)}x`));
  await readAll(await connections.send(get, never));
  const closed = new Promise((resolve) => sockets[0]?.once("close", resolve));
  sockets[0]?.destroy();
  await closed;
  // Sent at once, before this end has seen it, or after: another connection, or Node's client.
  const answer = await connections.send(get, never);
  if (answer !== undefined) expect((await readAll(answer)).toString()).toBe("x");
  expect((await readAll(await connections.send(get, never))).toString()).toBe("x");
});

test("what a server sends unasked closes its connection, and is in no content", async () => {
  const { get, connections, sockets } = await start((socket, _request, count) => {
    socket.write(count === 1 ? `${headOf(1)}x` : `${headOf(1)}y`);
  });
  expect((await readAll(await connections.send(get, never))).toString()).toBe("x");
  const closed = new Promise((resolve) => sockets[0]?.once("close", resolve));
  sockets[0]?.write(`${headOf(1)}z`);
  await closed;
  expect((await readAll(await connections.send(get, never))).toString()).toBe("y");
});

test("`connection: close` is obeyed", async () => {
  const { get, connections, sockets } = await start((socket) => void socket.write(`${headOf(1, "connection: close")}x`));
  for (let round = 0; round < 2; round++) expect((await readAll(await connections.send(get, never))).toString()).toBe("x");
  expect(sockets.length).toBe(2);
});

test("there is a bound on connections, and idle ones make room", async () => {
  const { get, connections } = await start((socket) => void socket.write(`${headOf(1)}x`));
  const answers = await Promise.all(Array.from({ length: 12 }, () => connections.send(get, never)));
  expect(answers.filter((answer) => answer !== undefined).length).toBe(8);
  for (const answer of answers) await readAll(answer);
  const elsewhere = await start((socket) => void socket.write(`${headOf(1)}y`));
  expect((await readAll(await connections.send(elsewhere.get, never))).toString()).toBe("y");
});

test("a request under way ends when it is aborted, or all connections are closed", async () => {
  const { get, connections } = await start((socket) => void socket.write(headOf(5)));
  const stop = new AbortController();
  const aborted = readAll(await connections.send(get, stop.signal));
  stop.abort();
  await expect(aborted).rejects.toThrow("the store was closed");
  const closed = readAll(await connections.send(get, never));
  connections.destroy();
  await expect(closed).rejects.toMatchObject({ reason: "ERR_STREAM_PREMATURE_CLOSE" });
});

test("headers and paths that would be two requests are refused", async () => {
  const { get, connections } = await start(() => {});
  await expect(connections.send({ ...get, headers: { host: "a\r\nb: c" } }, never)).rejects.toThrow("line break");
  await expect(connections.send({ ...get, path: "/a b" }, never)).rejects.toThrow("line break");
});

test("nobody listens: the failure says so", async () => {
  const { get, connections } = await start(() => {});
  await expect(connections.send({ ...get, port: "1" }, never)).rejects.toMatchObject({ reason: "ECONNREFUSED" });
});

test("a server whose certificate is not trusted is refused", async () => {
  const { get } = await start(() => {}, { isTls: true });
  const connections = new DirectConnections(LARGE_RANGES);
  await expect(connections.send(get, never)).rejects.toMatchObject({ reason: "DEPTH_ZERO_SELF_SIGNED_CERT" });
});

describe("small objects", () => {
  const use = BRIEF_REQUESTS;

  test("bodies are sent with their requests, empty answers are over at once, refusals are read", async () => {
    const requests: string[] = [];
    const answers = [
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 503 Slow Down\r\ncontent-length: 4\r\n\r\nslow",
      headOf(0),
      `${headOf(2)}xy`,
    ];
    const { get, connections, sockets } = await start(
      (socket, request, count) => {
        requests.push(request);
        socket.write(answers[count - 1] ?? "");
      },
      { use },
    );
    // The server of this test takes what follows an empty line for the next request.
    const put = {
      ...get,
      method: "PUT",
      headers: { host: "store", "content-length": "9" },
      body: Buffer.from("content\r\n"),
    } as const;
    const given: unknown[] = [];
    for (const request of [get, get, get, get]) {
      const answer = await connections.send(request, never);
      given.push([answer?.status, (await readAll(answer)).toString()]);
    }
    expect(given).toEqual([
      [200, ""],
      [503, "slow"],
      [206, ""],
      [206, "xy"],
    ]);
    answers.push("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", `${headOf(1)}z`);
    expect((await connections.send(put, never))?.status).toBe(200);
    expect((await readAll(await connections.send(get, never))).toString()).toBe("z");
    expect(requests[4]).toMatch(/^PUT \/b\/k\?x=1 HTTP\/1\.1\r\n/);
    expect(requests[5]?.startsWith("content\r\nGET ")).toBe(true);
    expect(sockets.length).toBe(1);
  });

  test("a body that has not been sent when its answer comes costs the connection, not the next request", async () => {
    const { get, connections, sockets } = await start(
      (socket, _request, count) => {
        // Nothing of the body is read.
        if (count === 1) socket.pause();
        socket.write(`${headOf(1)}x`);
      },
      { use },
    );
    const body = Buffer.alloc(64 * 1024 * 1024);
    const put = { ...get, method: "PUT", headers: { host: "store", "content-length": String(body.length) }, body } as const;
    expect((await readAll(await connections.send(put, never))).toString()).toBe("x");
    expect((await readAll(await connections.send(get, never))).toString()).toBe("x");
    expect(sockets.length).toBe(2);
  });

  test("whatever the length of the content, cut anywhere", async () => {
    const content = patternBytes(5 * use.pieceBytes);
    let size = 0;
    let cut = 0;
    const { get, connections } = await start(
      (socket) => {
        const answer = Buffer.concat([Buffer.from(headOf(size)), content.subarray(0, size)]);
        socket.write(answer.subarray(0, cut));
        setImmediate(() => socket.write(answer.subarray(cut)));
      },
      { use },
    );
    const near = (bytes: number): fc.Arbitrary<number> => fc.integer({ min: -3, max: 3 }).map((by) => bytes + by);
    const length = fc.oneof(fc.nat(3), near(use.pieceBytes), near(2 * use.pieceBytes), fc.nat(content.length));
    await fc.assert(
      fc.asyncProperty(length, fc.nat(40_000), async (bytes, place) => {
        size = Math.min(bytes, content.length);
        cut = place;
        expect((await readAll(await connections.send(get, never))).equals(content.subarray(0, size))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("answers in chunks are read as long as they are short, one after the other on one connection", async () => {
    const chunked = "HTTP/1.1 503 Slow Down\r\ntransfer-encoding: chunked\r\n\r\n";
    const answers = [
      `${chunked}4\r\nslow\r\n0\r\n\r\n`,
      `${chunked}0\r\n\r\n`,
      `${headOf(1)}x`,
      `${chunked}ffff\r\n${"y".repeat(20_000)}`,
    ];
    const { get, connections, sockets } = await start(
      (socket, _request, count) => {
        const answer = answers[count - 1] ?? "";
        socket.write(answer.slice(0, 70));
        setImmediate(() => socket.write(answer.slice(70)));
      },
      { use },
    );
    const given: unknown[] = [];
    for (const _ of answers) {
      const answer = await connections.send(get, never);
      given.push(answer === undefined ? undefined : [answer.status, (await readAll(answer)).toString()]);
    }
    expect(given).toEqual([[503, "slow"], [503, ""], [206, "x"], undefined]);
    expect(sockets.length).toBe(1);
  });

  test("a head that fills the buffer is left to Node's client", async () => {
    const { get, connections } = await start((socket) => void socket.write(headOf(1, `x: ${"y".repeat(use.pieceBytes)}`)), {
      use,
    });
    expect(await connections.send(get, never)).toBeUndefined();
  });

  test("one signal ends all that are under way", async () => {
    const { get, connections } = await start((socket) => void socket.write(headOf(5)), { use });
    const stop = new AbortController();
    const reads = Array.from({ length: 20 }, async () => await readAll(await connections.send(get, stop.signal)));
    const ends = Promise.allSettled(reads);
    await turns(20);
    stop.abort();
    for (const end of await ends) expect(end).toMatchObject({ status: "rejected", reason: { message: "the store was closed" } });
  });
});
