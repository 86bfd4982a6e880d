/**
 * What the server may read of the artifacts of a run, for whoever asks for them over REST: files in the pipeline root of the run and what
 * it has imported, and objects that the run's own launcher configuration lets it read.
 *
 * The launcher configuration lies beside the run (HOME/runs/RUN_ID/launcher-config) and is the one its launchers used. Logins come from
 * the environment of this process: that of the terminal that handed the run over is gone when the run is over.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import type { ArtifactFile, RunArtifacts } from "../../apiserver/rest/artifacts/artifact-files.ts";
import { failedPrecondition, notFound, ServiceError } from "../../apiserver/service-error.ts";
import type { Store } from "../../apiserver/store.ts";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { errorMessage, KfpError, KubeError } from "../../core/errors.ts";
import { ArtifactSchema, TaskType } from "../../core/kfp-types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ObjectLook } from "../../ports/object-store.ts";
import type { Home } from "../home/home.ts";
import { runFolder } from "../run/local-run.ts";
import { launcherConfigFolder } from "../steps/local-step-runtime.ts";

/** What reading artifacts of runs takes. */
export interface RunArtifactsDeps {
  readonly home: Home;
  readonly store: Pick<Store, "runs" | "tasks" | "links">;
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly logger: Logger;
  /** Of this process. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Importers of a run whose files are served. */
const MOST_IMPORTERS = 200;

/** The runs of a home. Clients are opened for each artifact and closed with it: configuration and logins may change in between. */
export function homeRunArtifacts(deps: RunArtifactsDeps): RunArtifacts {
  return {
    folders: (runId) => foldersOf(deps, runId),
    openObject: async (runId, uri) => await openObject(deps, runId, uri),
  };
}

function foldersOf({ store }: Pick<RunArtifactsDeps, "store">, runId: string): string[] {
  const root = store.runs.find(runId)?.run.runtimeConfig?.pipelineRoot ?? "";
  const { rows } = store.tasks.list(
    { runId },
    {
      ...{ resource: "tasks", pageSize: MOST_IMPORTERS, sortKey: "create_time", descending: false },
      predicates: [{ key: "type", operation: "=", values: [TaskType.IMPORTER] }],
    },
  );
  const imported = store.links
    .ofTasks(rows.map(({ taskId }) => taskId))
    .map((row) => fromBinary(ArtifactSchema, row.artifact).uri ?? "");
  return [root, ...imported].filter((path) => path !== "" && isLocalUri(path));
}

async function openObject(deps: RunArtifactsDeps, runId: string, uri: string): Promise<ArtifactFile> {
  const { home, clock, files, logger, environment } = deps;
  const folder = launcherConfigFolder(runFolder(home, runId));
  if (!existsSync(folder)) {
    throw failedPrecondition(
      `Cannot read artifact ${uri}: the files of run ${runId}, which say how to log in to its store, are gone; read it from its store`,
    );
  }
  try {
    const { openRunStore } = await import("../../objectstore/open-run-store.ts");
    const store = await openRunStore(
      { clock, files, kube: noCluster, environment: { ...environment, KFP_LAUNCHER_CONFIG_DIR: folder } },
      { namespace: "local", localOnly: false, localRootAllowed: false, caCertPath: "", logger },
    );
    try {
      const found = await store.look(uri);
      if (found.kind !== "object") throw notAnObject(uri, found);
      return {
        size: found.sizeBytes,
        read: (start, end) => found.read(start, end),
        close: async () => await store.close(),
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    throw storeProblem(error, uri);
  }
}

function notAnObject(uri: string, found: Exclude<ObjectLook, { readonly kind: "object" }>): ServiceError {
  if (found.kind === "missing") return notFound("Artifact", uri);
  const names = found.names.map((name) => `${uri}/${name}`).join(", ");
  return failedPrecondition(`Artifact ${uri} is a folder; name a file in it: ${names}${found.isWhole ? "" : ", and more"}`);
}

/** Configuration and rights are for a person to mend; everything else may work the next time. */
function storeProblem(error: unknown, uri: string): Error {
  if (error instanceof ServiceError || !(error instanceof KfpError)) return error as Error;
  if (error.code === "OBJECT_NOT_FOUND") return notFound("Artifact", uri);
  const isTrouble = error.code === "TRANSFER_FAILED";
  return new ServiceError(
    isTrouble ? "UNAVAILABLE" : "FAILED_PRECONDITION",
    `Cannot read artifact ${uri}: ${errorMessage(error)}`,
  );
}

function noCluster(): Promise<never> {
  return Promise.reject(new KubeError("KUBE_UNAVAILABLE", "a server without a Kubernetes cluster reads no Secrets"));
}
