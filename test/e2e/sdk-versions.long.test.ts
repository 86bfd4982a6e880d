/** As sdk-versions.test.ts, with the oldest SDK, the last one before 2.5.0, and the newest. */
import { newestSdk, testSdkVersions } from "../support/sdk-versions.ts";

testSdkVersions([
  { version: "2.0.1", executor: "python3 -m kfp.components.executor_main", alone: false },
  { version: "2.4.0", executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true },
  { version: newestSdk, executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true },
]);
