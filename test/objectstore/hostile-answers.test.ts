import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, test } from "vitest";
import type { S3Requests } from "../../src/objectstore/s3/s3-requests.ts";
import { createHttpAgents } from "../../src/objectstore/http-agents.ts";
import { createMinioClient } from "../../src/objectstore/minio/minio-client.ts";
import { createS3Client } from "../../src/objectstore/s3/s3-client.ts";

let server: Server;
let endpoint: string;
let answer: (response: ServerResponse) => void;
/** Bytes that the server could get rid of. */
let sentBytes: number;

beforeEach(async () => {
  sentBytes = 0;
  server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function openClient(scheme: string): Promise<S3Requests> {
  const settings = {
    bucket: "bucket",
    region: "us-east-1",
    isPathStyle: true,
    agents: await createHttpAgents({ environment: {}, maxSockets: 4 }),
    idleTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    endpoint,
    credentials: () => Promise.resolve({ accessKeyId: "id", secretAccessKey: "secret" }),
  };
  if (scheme === "minio") return createMinioClient(settings);
  return createS3Client({ ...settings, isDualStack: false, isFips: false, isAccelerated: false });
}

/** Sends text without end, as fast as it is taken. */
function sendForever(response: ServerResponse): void {
  const piece = "<Contents><Key>aaaaaaaaaaaaaaaa</Key><Size>1</Size></Contents>".repeat(1000);
  const send = (): void => {
    while (!response.destroyed) {
      sentBytes += piece.length;
      if (!response.write(piece)) break;
    }
  };
  response.on("drain", send);
  send();
}

describe.for(["minio", "s3"])("a store that answers %s:// with", (scheme) => {
  const list = async () => (await openClient(scheme)).list("prefix", undefined, new AbortController().signal);

  test.for([200, 403, 500])(
    "a document without end and status %i is given up after some megabytes",
    async (status, { expect }) => {
      answer = (response) => {
        response.writeHead(status, { "content-type": "application/xml" }).write("<ListBucketResult>");
        sendForever(response);
      };
      await expect(list()).rejects.toThrow();
      expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
    },
  );

  test.for([
    ["a page of a login", "<html><body>Log in<br></body></html>"],
    ["a list that is cut", "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>"],
    ["elements nested too deep", `<ListBucketResult>${"<a>".repeat(100_000)}${"</a>".repeat(100_000)}</ListBucketResult>`],
    [
      "entities that grow",
      `<!DOCTYPE x [<!ENTITY e "${"x".repeat(9000)}">]><ListBucketResult><Contents><Key>${"&e;".repeat(1000)}</Key><Size>1</Size></Contents></ListBucketResult>`,
    ],
  ] as const)("%s lists nothing and fails", async ([, text], { expect }) => {
    answer = (response) => response.writeHead(200, { "content-type": "application/xml" }).end(text);
    await expect(list()).rejects.toThrow();
  });
});
