/** Python components of an SDK before 2.5.0, which knows no path for a URI without scheme, find their artifacts in a local run. */
import { testSdkVersions } from "../support/sdk-versions.ts";

testSdkVersions([
  {
    version: "2.1.3",
    executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main",
    alone: true,
    // It returns a variable of its environment; a dollar sign that refers to nothing is part of the value.
    compiled: { pipeline: "test/fixtures/cases/old-sdk-2.1.3-python-component.yaml", outputs: { Output: "v$x" } },
  },
]);
