import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createKubeObjects, type KubeObjectsRest } from "../../src/kube/kube-objects.ts";
import type { ObjectObserver } from "../../src/ports/kube-objects.ts";

const LARGEST_LINE_BYTES = 8 * 1024 * 1024;
const THINGS = { group: "example.dev", version: "v1", plural: "things", kind: "Thing" };

type Answer = (response: ServerResponse, query: URLSearchParams) => void;

/** Answers requests in turn, each as it is told; the last way goes on for all that follow. */
class ScriptedServer {
  readonly queries: URLSearchParams[] = [];
  readonly paths: string[] = [];
  readonly #answers: Answer[];
  #server: Server | undefined;

  constructor(answers: Answer[]) {
    this.#answers = answers;
  }

  async start(): Promise<string> {
    this.#server = createServer((request: IncomingMessage, response) => {
      const url = new URL(request.url ?? "/", "http://cluster");
      this.queries.push(url.searchParams);
      this.paths.push(url.pathname);
      const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
      answer?.(response, url.searchParams);
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

const thing = (name: string, version = "1") => ({ metadata: { namespace: "n", name, resourceVersion: version } });
const list =
  (names: string[], metadata: object = { resourceVersion: "10" }): Answer =>
  (response) =>
    void response.end(JSON.stringify({ metadata, items: names.map((name) => thing(name)) }));
const status =
  (code: number): Answer =>
  (response) =>
    void response.writeHead(code).end(JSON.stringify({ kind: "Status", message: `status ${String(code)}` }));
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
/** A watch that tells this and stays open. */
const watch =
  (...lines: string[]): Answer =>
  (response) => {
    response.flushHeaders();
    for (const line of lines) response.write(line);
  };
/** The same, and then ends. */
const endingWatch =
  (...lines: string[]): Answer =>
  (response) =>
    void response.end(lines.join(""));

let folder: string;
let server: ScriptedServer | undefined;
let kube: KubeObjectsRest | undefined;
let stop: AbortController;
let seen: string[];
let pauses: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-watch-test-"));
  stop = new AbortController();
  seen = [];
  pauses = [];
});
afterEach(() => {
  stop.abort(new Error("the test has ended"));
  kube?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function follow(answers: Answer[], { namespace = "", labelSelector = "" } = {}): Promise<void> {
  server = new ScriptedServer(answers);
  const kubeconfig = join(folder, "kubeconfig");
  const config = {
    clusters: [{ name: "c", cluster: { server: await server.start() } }],
    contexts: [{ name: "c", context: { cluster: "c" } }],
    "current-context": "c",
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  let ms = 0;
  const clock = {
    now: () => new Date(),
    // Every look at the stopwatch is two seconds later: no watch was short.
    monotonicMs: () => (ms += 2000),
    sleep: async (pauseMs: number) => {
      pauses.push(pauseMs);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  kube = createKubeObjects({ clock, random: () => 0.5 }, { environment: { KUBECONFIG: kubeconfig } });
  const observer: ObjectObserver = {
    present: ({ metadata }) => seen.push(`+${(metadata as { name: string }).name}`),
    gone: ({ name }) => seen.push(`-${name}`),
    synced: () => seen.push("synced"),
    following: () => seen.push("following"),
    lost: (reason) => seen.push(`lost: ${reason}`),
  };
  return kube.watchObjects({ resource: THINGS, namespace, labelSelector }, observer, stop.signal);
}

async function expectSeen(...expected: unknown[]): Promise<void> {
  await vi.waitFor(() => expect(seen.slice(0, expected.length)).toEqual(expected), { timeout: 10_000, interval: 5 });
}

describe("watchObjects()", () => {
  test("lists, then tells what changes", async () => {
    void follow([
      list(["a", "b"]),
      watch(event("ADDED", thing("c", "11")), event("MODIFIED", thing("a", "12")), event("DELETED", thing("b", "13"))),
    ]);
    await expectSeen("+a", "+b", "synced", "following", "+c", "+a", "-b");
    expect(server?.paths).toEqual(["/apis/example.dev/v1/things", "/apis/example.dev/v1/things"]);
    expect(Object.fromEntries(server?.queries[1] ?? [])).toEqual({
      ...{ watch: "true", allowWatchBookmarks: "true", timeoutSeconds: "180", resourceVersion: "10" },
    });
  });

  test("asks for one namespace and a selection", async () => {
    void follow([list([]), watch()], { namespace: "team a", labelSelector: "x!=true" });
    await expectSeen("synced", "following");
    expect(server?.paths[0]).toBe("/apis/example.dev/v1/namespaces/team%20a/things");
    expect(server?.queries.map((query) => query.get("labelSelector"))).toEqual(["x!=true", "x!=true"]);
  });

  test("reads a list page by page", async () => {
    void follow([list(["a"], { continue: "more", resourceVersion: "9" }), list(["b"]), watch()]);
    await expectSeen("+a", "+b", "synced", "following");
    expect(server?.queries.map((query) => query.get("continue"))).toEqual([null, "more", null]);
    expect(server?.queries[0]?.get("limit")).toBe("40");
  });

  test("goes on where the last watch ended, a bookmark included", async () => {
    void follow([
      list(["a"]),
      endingWatch(event("MODIFIED", thing("a", "11")), event("BOOKMARK", { metadata: { resourceVersion: "40" } })),
      watch(),
    ]);
    await expectSeen("+a", "synced", "following", "+a", "following");
    expect(server?.queries[2]?.get("resourceVersion")).toBe("40");
    expect(pauses).toEqual([]);
  });

  test.for<{ name: string; forgetting: Answer }>([
    { name: "as an event", forgetting: watch(event("ERROR", { code: 410, reason: "Expired" })) },
    { name: "as a status", forgetting: status(410) },
  ])("lists anew when the server has forgotten the place: $name", async ({ forgetting }) => {
    void follow([list(["a", "b"]), forgetting, list(["b", "c"]), watch()]);
    const second = ["+b", "+c", "-a", "synced", "following"];
    await vi.waitFor(() => expect(seen.filter((line) => line !== "following").slice(3)).toEqual(second.slice(0, 4)), {
      timeout: 10_000,
    });
    expect(seen.some((line) => line.startsWith("lost"))).toBe(false);
    expect(pauses).toEqual([]);
  });

  test("a list that took too long is begun again", async () => {
    void follow([list(["a"], { continue: "more" }), status(410), list(["b"]), watch()]);
    await expectSeen("+a", "+b", "-a", "synced", "following");
    expect(server?.queries.map((query) => query.get("continue"))).toEqual([null, "more", null, null]);
  });

  test("asks later and later while it is refused", async () => {
    void follow([status(403), status(403), status(403), list(["a"]), watch()]);
    await expectSeen(
      ...Array.from({ length: 3 }, () => "lost: Kubernetes answered 403 for the things of all namespaces: status 403"),
      ...["+a", "synced", "following"],
    );
    expect(pauses).toEqual([375, 750, 1500]);
  });

  test("says that it is lost when the connection breaks, and watches again from the same place", async () => {
    void follow([list(["a"]), (response) => void response.socket?.destroy(), watch()]);
    await expectSeen("+a", "synced", expect.stringMatching(/^lost: /), "following");
    expect(server?.queries[2]?.get("resourceVersion")).toBe("10");
  });

  test("a half event at the end of a connection is not told", async () => {
    const half = event("ADDED", thing("b", "11"));
    void follow([list(["a"]), endingWatch(half, half.slice(0, 20)), watch(event("ADDED", thing("c", "12")))]);
    await expectSeen("+a", "synced", "following", "+b", "following", "+c");
    expect(server?.queries[2]?.get("resourceVersion")).toBe("11");
  });

  test("an event that is longer than any answer may be ends the watch", async () => {
    const endless: Answer = (response) => {
      response.flushHeaders();
      const chunk = "x".repeat(1024 * 1024);
      for (let sent = 0; sent <= LARGEST_LINE_BYTES; sent += chunk.length) response.write(chunk);
    };
    void follow([list(["a"]), endless, watch()]);
    await expectSeen("+a", "synced", "following", "lost: a line of the answer is too long", "following");
    expect(server?.queries[2]?.get("resourceVersion")).toBe("10");
  });

  test("an event that cannot be read makes it list anew", async () => {
    void follow([list(["a"]), watch("7\n"), list(["b"]), watch()]);
    await expectSeen("+a", "synced", "following", "+b", "-a", "synced", "following");
    expect(server?.queries[2]?.get("watch")).toBeNull();
  });

  test("ends when it is told to", async () => {
    const following = follow([list(["a"]), watch()]);
    await expectSeen("+a", "synced", "following");
    stop.abort(new Error("enough"));
    await expect(following).resolves.toBeUndefined();
  });
});
