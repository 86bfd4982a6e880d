/**
 * What is tried on the test cluster: a pipeline of the conformance set, how it is changed, what disturbs it, and how it ends.
 *
 * @module
 */
import type { JsonObject } from "../../src/core/values/value.ts";
import type { Cluster, Drivers } from "./cluster.ts";
import type { KubeObject, KubeObjectInput } from "./kube-api/kube-object.ts";

export interface RunningScenario {
  readonly cluster: Cluster;
  readonly runId: string;
  readonly workflowName: string;
  /** Oldest first. */
  readonly podsOf: (role: "driver" | "executor" | "importer") => Promise<readonly KubeObject[]>;
  /** Until a question has an answer. @throws When it has none in time. */
  readonly until: <Answer>(what: string, ask: () => Answer | undefined | Promise<Answer | undefined>) => Promise<Answer>;
}

export interface ExpectedDifference {
  readonly line: RegExp;
  readonly reason: string;
}

export type WorkflowPhase = "Succeeded" | "Failed" | "Error";

export interface Scenario {
  /** Of the table. */
  readonly name: string;
  /** Of test/conformance/pipelines and workflows. */
  readonly pipeline: string;
  /** Changes what the workflow does not hold of the pipeline spec. */
  readonly changeSpec?: (spec: JsonObject) => void;
  /** Changes executors of the pipeline spec: the workflow does not hold them. */
  readonly changeExecutors?: (executors: Record<string, JsonObject>) => void;
  /** Resource and object, there before the run; a local run gets its secrets and config maps as well. */
  readonly objects?: readonly (readonly [string, KubeObjectInput])[];
  /** Runs before this one, on the same server. */
  readonly earlierRuns?: number;
  /** Of the workflow, or one of these; default Succeeded. */
  readonly phase?: WorkflowPhase | readonly WorkflowPhase[];
  /** Plays only where drivers have pods, or only where the agent drives; default: both. */
  readonly drivers?: Drivers;
  readonly disturb?: (running: RunningScenario) => Promise<void>;
  /** Whether it holds requests to the Kubernetes API, which not every cluster can. */
  readonly holdsRequests?: boolean;
  /** Plays when all others have ended: it disturbs the cluster, not its own run alone. */
  readonly isAlone?: boolean;
  /** Whether the rows are compared with those of a local run; default true. */
  readonly isCompared?: boolean;
  /** Looked at when it has ended: what a comparison does not see. @returns What is wrong. */
  readonly check?: (
    running: RunningScenario,
    rows: Readonly<Record<string, JsonObject>>,
  ) => readonly string[] | Promise<readonly string[]>;
  /** Besides those of every pipeline. */
  readonly expected?: readonly ExpectedDifference[];
}

/** Everything else of a local run is the same. */
export const EXPECTED_DIFFERENCES: readonly ExpectedDifference[] = [];
