/** Python components of an SDK before 2.5.0, which knows no path for a URI without scheme, find their artifacts in a local run. */
import { testSdkVersions } from "../support/sdk-versions.ts";

testSdkVersions([{ version: "2.1.3", executor: "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main", alone: true }]);
