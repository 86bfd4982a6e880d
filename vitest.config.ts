import { defineConfig } from "vitest/config";

// Long matrices live in *.long.test.ts and run with `npm run test:long`.
const long = process.env["KFP_RUNTIME_TEST_LONG"] === "1";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: long ? [] : ["test/**/*.long.test.ts"],
    testTimeout: long ? 600_000 : 120_000,
    hookTimeout: 300_000,
    // Of a condition that comes true; the default of a second is too short where many tests run at a time.
    expect: { poll: { timeout: 60_000 } },
    setupFiles: ["test/setup.ts"],
    // One worker a core: by default one core is left free, which is half of a machine with two. Many tests wait for programs they start.
    maxWorkers: "100%",
  },
});
