/**
 * What a driver process was asked to do, as a union on the driver type, so that "required only by" cannot be written.
 *
 * @module
 */
import type { ApiServerFlags } from "../core/api-server-flags.ts";
import type { ProxySettings } from "./pod-spec-patch/proxy.ts";

/** What all driver types are told. */
export interface CommonOptions {
  readonly pipelineName: string;
  readonly runId: string;
  readonly runName: string;
  readonly runDisplayName: string;
  readonly namespace: string;
  readonly conditionPath: string;
  /** Pod of this driver, recorded with the task. */
  readonly pod: { readonly name: string; readonly uid: string };
}

/** Where a DAG or CONTAINER task belongs. */
export interface ChildOptions {
  /** Key of the task in its DAG. */
  readonly taskName: string;
  readonly parentTaskId: string;
  /** Absent outside a loop. */
  readonly iterationIndex?: number;
}

/** Output files of the drivers that make DAGs; an empty path leaves its file out. */
export interface DagPaths {
  readonly parentTaskIdPath: string;
  readonly iterationCountPath: string;
}

/** What the administrator wants on every step; only applied where the step has a Kubernetes config, else the template carries it. */
export interface AdministratorDefaults {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly hostUsers?: boolean;
}

/** Work of a ROOT_DAG driver. */
export interface RootDagOptions extends CommonOptions, DagPaths {
  readonly type: "ROOT_DAG";
  /** Protojson of PipelineJob.RuntimeConfig. */
  readonly runtimeConfig: string;
}

/** Work of a DAG driver. */
export interface DagOptions extends CommonOptions, ChildOptions, DagPaths {
  readonly type: "DAG";
}

/** Work of a CONTAINER driver. */
export interface ContainerOptions extends CommonOptions, ChildOptions {
  readonly type: "CONTAINER";
  /** Protojson of KubernetesExecutorConfig; the empty text means there is none. */
  readonly kubernetesConfig: string;
  readonly cachedDecisionPath: string;
  readonly podSpecPatchPath: string;
  readonly cacheDisabled: boolean;
  /** Compared with the exact text `true`, and handed on verbatim. */
  readonly publishLogs: string;
  readonly logLevel: string;
  /** Handed on to the launcher. */
  readonly apiServer: ApiServerFlags;
  readonly proxy: ProxySettings;
  readonly defaults: AdministratorDefaults;
}

/** The work of any driver. */
export type DriverOptions = RootDagOptions | DagOptions | ContainerOptions;
