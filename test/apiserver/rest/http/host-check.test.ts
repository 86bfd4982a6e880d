import { describe, test } from "vitest";
import { assertAllowedCaller } from "../../../../src/apiserver/rest/http/host-check.ts";

describe("assertAllowedCaller()", () => {
  const none = { hosts: [], origins: [] };
  const some = { hosts: ["kfp.lan"], origins: ["http://localhost:3000"] };
  test.for([
    { host: "127.0.0.1:8888", allowed: none, ok: true },
    { host: "localhost", allowed: none, ok: true },
    { host: "LocalHost.:8888", allowed: none, ok: true },
    { host: "[::1]:8888", allowed: none, ok: true },
    { host: undefined, allowed: none, ok: false },
    { host: "evil.example:8888", allowed: none, ok: false },
    { host: "localhost.evil.example", allowed: none, ok: false },
    { host: "127.0.0.1.evil.example", allowed: none, ok: false },
    { host: "evil.example@127.0.0.1", allowed: none, ok: false },
    { host: "kfp.lan:8888", allowed: some, ok: true },
    { host: "other.lan", allowed: some, ok: false },
    { host: "other.lan", allowed: { hosts: ["*"], origins: [] }, ok: true },
    { host: "localhost:8888", origin: "http://localhost:8888", allowed: none, ok: true },
    { host: "localhost:8888", origin: "http://localhost:3000", allowed: none, ok: false },
    { host: "localhost:8888", origin: "http://localhost:3000", allowed: some, ok: true },
    { host: "localhost:8888", origin: "https://evil.example", allowed: some, ok: false },
    { host: "localhost:8888", origin: "null", allowed: some, ok: false },
    { host: "other.lan", origin: "https://evil.example", allowed: { hosts: ["*"], origins: [] }, ok: false },
  ])("host $host, origin $origin: $ok", ({ host, origin, allowed, ok }, { expect }) => {
    const check = () => assertAllowedCaller({ host, origin }, allowed);
    if (ok) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ status: "PERMISSION_DENIED", httpStatus: 403 }));
  });
});
