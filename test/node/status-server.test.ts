import { afterEach, describe, test } from "vitest";
import { startStatusServer, type StatusServer } from "../../src/node/status-server.ts";

let server: StatusServer | undefined;
afterEach(async () => await server?.close());

describe("startStatusServer()", () => {
  test("answers the pages it has, and takes nothing in", async ({ expect }) => {
    const pages = {
      "/ok": () => ({ status: 200, text: "fine\n" }),
      "/m": () => ({ status: 503, text: "m", contentType: "text/x" }),
    };
    server = await startStatusServer({ host: "127.0.0.1", port: 0, pages });
    const ask = async (path: string, method = "GET") => {
      const answer = await fetch(`http://127.0.0.1:${String(server?.port)}${path}`, { method });
      return [answer.status, answer.headers.get("content-type"), await answer.text()];
    };
    expect(await ask("/ok?x=1")).toEqual([200, "text/plain; charset=utf-8", "fine\n"]);
    expect(await ask("/ok", "HEAD")).toEqual([200, "text/plain; charset=utf-8", ""]);
    expect(await ask("/m")).toEqual([503, "text/x", "m"]);
    expect(await ask("/ok", "POST")).toEqual([404, "text/plain; charset=utf-8", "not found\n"]);
    expect(await ask("/constructor")).toEqual([404, "text/plain; charset=utf-8", "not found\n"]);
  });

  test("says when its port is taken", async ({ expect }) => {
    server = await startStatusServer({ host: "127.0.0.1", port: 0, pages: {} });
    await expect(startStatusServer({ host: "127.0.0.1", port: server.port, pages: {} })).rejects.toThrow(/EADDRINUSE/);
  });
});
