import { describe, test } from "vitest";
import { capDeadlinesOnStop, type ApiConnection } from "../../src/program/host.ts";

describe("capDeadlinesOnStop()", () => {
  const connection = () => {
    const caps: number[] = [];
    return { caps, server: { capDeadlines: (ms: number) => caps.push(ms) } as unknown as ApiConnection };
  };
  test("caps once the signal is aborted", ({ expect }) => {
    const { caps, server } = connection();
    const stop = new AbortController();
    capDeadlinesOnStop(stop.signal, server, 5000);
    expect(caps).toEqual([]);
    stop.abort("SIGTERM");
    expect(caps).toEqual([5000]);
  });
  test("caps at once where it was aborted before", ({ expect }) => {
    const { caps, server } = connection();
    capDeadlinesOnStop(AbortSignal.abort("SIGTERM"), server, 5000);
    expect(caps).toEqual([5000]);
  });
  test("does nothing once nobody watches, without a signal, and to a connection of somebody else", ({ expect }) => {
    const { caps, server } = connection();
    const stop = new AbortController();
    capDeadlinesOnStop(stop.signal, server, 5000)();
    capDeadlinesOnStop(undefined, server, 5000)();
    capDeadlinesOnStop(AbortSignal.abort("SIGTERM"), { api: server.api }, 5000)();
    stop.abort("SIGTERM");
    expect(caps).toEqual([]);
  });
});
