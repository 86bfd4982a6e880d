import { describe, test } from "vitest";
import type { TokenRequest } from "../../../src/ports/kube-objects.ts";
import { RequestedToken, runAudience } from "../../../src/resident/agent/run-token.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

const ACCOUNT = { namespace: "a", name: "pipeline-runner" };

function tokens(clock: FakeClock, lifeMs = 3_600_000) {
  const asked: TokenRequest[] = [];
  const createToken = (request: TokenRequest) => {
    asked.push(request);
    return Promise.resolve({ token: `token-${String(asked.length)}`, expiresAt: new Date(clock.now().getTime() + lifeMs) });
  };
  const token = new RequestedToken(
    { kube: { createToken }, clock },
    { serviceAccount: ACCOUNT, audience: runAudience("base", "r") },
  );
  return { asked, token };
}

describe("RequestedToken", () => {
  test("asks once for calls at the same time, for this run alone", async ({ expect }) => {
    const { asked, token } = tokens(new FakeClock());
    expect(await Promise.all([token.header(), token.header()])).toEqual(["Bearer token-1", "Bearer token-1"]);
    expect(asked).toEqual([{ serviceAccount: ACCOUNT, audiences: ["base/runs/r"], expirationSeconds: 7200 }]);
  });

  test("asks again before the token expires", async ({ expect }) => {
    const clock = new FakeClock();
    const { asked, token } = tokens(clock);
    await token.token();
    clock.advance(3_600_000 * 0.8 - 1);
    expect(await token.token()).toBe("token-1");
    clock.advance(1);
    expect(await token.token()).toBe("token-2");
    expect(asked).toHaveLength(2);
  });

  test("asks again when the server refuses it", async ({ expect }) => {
    const { token } = tokens(new FakeClock());
    await token.token();
    expect(await token.refresh()).toBe(true);
    expect(await token.header()).toBe("Bearer token-2");
  });
});
