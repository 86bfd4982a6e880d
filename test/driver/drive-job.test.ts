/** Settings of the driver in the environment. */
import { describe, expect, test } from "vitest";
import { driverSettings } from "../../src/driver/drive-job.ts";

describe("driverSettings()", () => {
  test.for([
    { variable: "KFP_CACHE_CHECK_ARTIFACTS", setting: "checksCachedArtifacts", absent: false },
    { variable: "KFP_FINGERPRINT_ENV", setting: "fingerprintsEnvironment", absent: true },
  ] as const)("$variable is on, off, or refused by name", ({ variable, setting, absent }) => {
    expect(driverSettings({})[setting]).toBe(absent);
    expect(driverSettings({ [variable]: "" })[setting]).toBe(absent);
    expect(driverSettings({ [variable]: "on" })[setting]).toBe(true);
    expect(driverSettings({ [variable]: "off" })[setting]).toBe(false);
    expect(() => driverSettings({ [variable]: "yes" })).toThrow(
      expect.objectContaining({
        code: "ENVIRONMENT_INVALID",
        message: `Cannot read environment variable ${variable}: "yes" is neither on nor off`,
      }) as Error,
    );
  });
});
