/**
 * The server's end of a command in a container, as client-go asks for it: SPDY/3.1 with a stream for errors, one for standard output
 * and one for standard error, in this order; standard input is not served.
 *
 * Headers of streams are not read: which stream is which follows from that order. Headers of replies are empty, so their compressed
 * form is a constant (stored blocks of deflate), with the head of the zlib stream before the first.
 *
 * Standard: SPDY Protocol draft 3.1; RFC 1950, RFC 1951 section 3.2.4; Kubernetes remote command protocol v4.channel.k8s.io.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

export interface ExecEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws When the command could not be started. */
export type ExecInContainer = (target: ExecTarget) => Promise<ExecEnd>;

const PROTOCOL = "v4.channel.k8s.io";
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const PING = 6;
const FIN = 1;
/** Compression method, flag of a preset dictionary, and the Adler-32 sum of SPDY's dictionary. */
const ZLIB_HEAD = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);
/** No headers: a 32-bit zero, and the empty block with which a reader gives out what it has. */
const NO_HEADERS = Buffer.from([...[0x00, 0x04, 0x00, 0xfb, 0xff, 0x00, 0x00, 0x00, 0x00], ...[0x00, 0x00, 0x00, 0xff, 0xff]]);
/** More in one frame than any of client-go's commands sends. */
const MAX_FRAME_BYTES = 1 << 20;

interface Frame {
  /** Of a control frame; undefined: data. */
  readonly type: number | undefined;
  readonly payload: Buffer;
}

/** Takes the connection over and closes it when the command has ended. */
export function answerExec(socket: Socket, request: IncomingMessage, target: ExecTarget, exec: ExecInContainer): void {
  const offered = (request.headers["x-stream-protocol-version"] ?? "").toString().split(/\s*,\s*/);
  if (request.headers.upgrade?.toUpperCase() !== "SPDY/3.1" || !offered.includes(PROTOCOL)) {
    socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    return;
  }
  const head = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: SPDY/3.1"];
  socket.write(`${[...head, `x-stream-protocol-version: ${PROTOCOL}`].join("\r\n")}\r\n\r\n`);
  const query = new URL(request.url ?? "/", "https://cluster").searchParams;
  const kinds = ["error", ...["stdout", "stderr"].filter((kind) => query.get(kind) === "true")];
  const streams: number[] = [];
  const read = frameReader();
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const { type, payload } of read(chunk)) {
        if (type === PING) socket.write(controlFrame(PING, payload));
        if (type !== SYN_STREAM || streams.length === kinds.length) continue;
        const stream = payload.readUInt32BE(0);
        socket.write(synReply(stream, streams.length === 0));
        streams.push(stream);
        if (streams.length === kinds.length) void finish();
      }
    } catch {
      socket.destroy();
    }
  });

  const finish = async (): Promise<void> => {
    const end = await exec(target).catch((error: unknown) => String(error));
    const texts: Record<string, string> =
      typeof end === "string"
        ? { error: failure(end) }
        : { stdout: end.stdout, stderr: end.stderr, error: end.code === 0 ? SUCCESS : exitFailure(end.code) };
    for (const [index, kind] of kinds.entries()) socket.write(dataFrame(streams[index] ?? 0, texts[kind] ?? "", FIN));
    socket.end();
  };
}

const SUCCESS = JSON.stringify({ metadata: {}, status: "Success" });

function failure(message: string): string {
  return JSON.stringify({ metadata: {}, status: "Failure", message, reason: "InternalError", code: 500 });
}

function exitFailure(code: number): string {
  const message = `command terminated with non-zero exit code: exit status ${String(code)}`;
  const details = { causes: [{ reason: "ExitCode", message: String(code) }] };
  return JSON.stringify({ metadata: {}, status: "Failure", message, reason: "NonZeroExitCode", details });
}

/** @returns Takes bytes as they come, gives frames as they are whole. @throws For a frame that nobody sends. */
export function frameReader(): (chunk: Buffer) => Frame[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    while (rest.length >= 8) {
      const length = rest.readUIntBE(5, 3);
      if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${String(length)} bytes`);
      if (rest.length < 8 + length) break;
      const isControl = (rest[0]! & 0x80) !== 0;
      frames.push({ type: isControl ? rest.readUInt16BE(2) : undefined, payload: rest.subarray(8, 8 + length) });
      rest = rest.subarray(8 + length);
    }
    return frames;
  };
}

function synReply(stream: number, isFirst: boolean): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(stream);
  return controlFrame(SYN_REPLY, Buffer.concat([id, ...(isFirst ? [ZLIB_HEAD] : []), NO_HEADERS]));
}

function controlFrame(type: number, payload: Buffer): Buffer {
  const head = Buffer.from([0x80, 0x03, 0, type, 0, 0, 0, 0]);
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

function dataFrame(stream: number, text: string, flags: number): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(stream);
  head[4] = flags;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}
