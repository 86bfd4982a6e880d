/** One driver execution: the flow of the given type. Source: docs/spec/driver-flows.md. @module */
import { driveContainer } from "./container/container.ts";
import { driveDag } from "./dag/dag.ts";
import type { DriverDeps } from "./deps.ts";
import type { DriverOptions } from "./options.ts";
import type { DriverResult } from "./result.ts";
import { driveRootDag } from "./dag/root-dag.ts";

/** Throws KfpError; by then a FAILED task is recorded wherever the run was known. */
export function drive(deps: DriverDeps, options: DriverOptions): Promise<DriverResult> {
  switch (options.type) {
    case "ROOT_DAG":
      return driveRootDag(deps, options);
    case "DAG":
      return driveDag(deps, options);
    case "CONTAINER":
      return driveContainer(deps, options);
  }
}
