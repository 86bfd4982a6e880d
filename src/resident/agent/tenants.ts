/**
 * Whom the agent acts for, and as whom.
 *
 * By default every call is made with a token of the workflow's own service account: to the API server with one that is good for the run
 * alone, to Kubernetes with one for Kubernetes. So a drive may do what a driver's pod could, and nothing else. Where the API server asks
 * for no tokens, the agent's own identity does, in one namespace.
 *
 * Source: docs/spec/resident-driver.md#c-central-identity, #c-what-a-tenant-can-forge.
 *
 * @module
 */
import type { DriverKube } from "../../driver/deps.ts";
import type { DriverJob } from "../../driver/drive-job.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { KubeObjects, ObjectName } from "../../ports/kube-objects.ts";
import type { Tenant } from "./drive-node.ts";
import { RequestedToken, runAudience } from "./run-token.ts";
import type { WorkflowFacts } from "./workflow.ts";

/** Reads and claims of a cluster, by one identity. */
export interface TenantKube extends DriverKube, KubeApi {
  close(): void;
}

export interface TenantsDeps {
  readonly kube: Pick<KubeObjects, "createToken">;
  readonly clock: Clock;
  /** The API server, by the agent's own identity. */
  readonly api: KfpApi;
  /** The API server, by these tokens. */
  readonly apiAs: (tokens: RequestedToken) => KfpApi;
  /** The cluster; without a token by the agent's own identity. */
  readonly openKube: (token?: () => Promise<string>) => TenantKube;
  readonly openStore: (kube: TenantKube) => NonNullable<DriverJob["openStore"]>;
}

export interface TenantsOptions {
  /** `run`: tokens of the workflow's service account; `agent`: the agent's own identity. */
  readonly identity: "run" | "agent";
  /** What audiences of run tokens begin with. */
  readonly audience: string;
}

/** What is kept of a workflow's run while it goes on. */
interface KnownRun {
  readonly serviceAccount: string;
  readonly runId: string;
  readonly api: KfpApi;
  /** Absent: the agent's own identity. */
  readonly token?: RequestedToken;
  /** As of its last read. */
  taskCount?: number;
}

/** Workflows and service accounts at the same time; the one not used for longest is made anew. */
const KEPT = 1000;
/** As long as a pod may see an old ConfigMap in its volume, and less. */
const CONFIG_FRESH_MS = 10_000;

/** See above. */
export class Tenants {
  readonly #deps: TenantsDeps;
  readonly #options: TenantsOptions;
  readonly #runs = new Map<string, KnownRun>();
  readonly #kubes = new Map<string, TenantKube>();

  constructor(deps: TenantsDeps, options: TenantsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** @throws {KubeError} When there is no token for it. */
  async tenant(facts: WorkflowFacts): Promise<Tenant> {
    const { namespace, serviceAccount, runId } = facts;
    const key = placeKey(facts);
    const before = this.#runs.get(key);
    // A workflow of the same name, or one whose label was changed.
    if (before !== undefined && (before.serviceAccount !== serviceAccount || before.runId !== runId)) this.#runs.delete(key);
    const run = keep(this.#runs, key, () => this.#openRun(facts));
    const account = this.#options.identity === "agent" ? undefined : { namespace, name: serviceAccount };
    const kube = keep(this.#kubes, account === undefined ? "" : placeKey(account), () => this.#openKube(account));
    // Here, where a drive can still be put off.
    await run.token?.token();
    const { taskCount } = run;
    return {
      api: run.api,
      ...(taskCount === undefined ? {} : { taskCount }),
      kube: () => Promise.resolve(kube),
      openStore: this.#deps.openStore(kube),
    };
  }

  /** The workflow is over. */
  forget(place: ObjectName): void {
    this.#runs.delete(placeKey(place));
  }

  close(): void {
    for (const kube of this.#kubes.values()) kube.close();
  }

  #openRun({ namespace, serviceAccount, runId }: WorkflowFacts): KnownRun {
    const { identity, audience } = this.#options;
    const scope = { serviceAccount: { namespace, name: serviceAccount }, audience: runAudience(audience, runId) };
    const token = identity === "agent" ? undefined : new RequestedToken(this.#deps, scope);
    const api = token === undefined ? this.#deps.api : this.#deps.apiAs(token);
    const known: KnownRun = { ...{ serviceAccount, runId }, ...(token === undefined ? {} : { token }), api: counted(api) };
    return known;

    /** Every read of the run tells how large it is, which the next drive need not find out by a call of its own. */
    function counted(calls: KfpApi): KfpApi {
      return {
        ...calls,
        async getRun(id, view) {
          const run = await calls.getRun(id, view);
          if (id === runId) known.taskCount = Math.max(run.taskCount, run.tasks.length);
          return run;
        },
      };
    }
  }

  #openKube(account: ObjectName | undefined): TenantKube {
    const { clock, openKube } = this.#deps;
    if (account === undefined) return cachedConfigs(openKube(), clock);
    const token = new RequestedToken(this.#deps, { serviceAccount: account, audience: "" });
    return cachedConfigs(
      openKube(() => token.token()),
      clock,
    );
  }
}

function placeKey({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

/** The entry of that key, which is now the one used last. */
function keep<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > KEPT && oldest !== undefined) map.delete(oldest);
  return value;
}

/** Every container driver looks at one ConfigMap of its namespace. */
function cachedConfigs(kube: TenantKube, clock: Clock): TenantKube {
  const reads = new Map<string, { readonly atMs: number; readonly data: ReturnType<TenantKube["getConfigMap"]> }>();
  return {
    createVolumeClaim: (namespace, claim) => kube.createVolumeClaim(namespace, claim),
    findVolumeClaim: (namespace, name) => kube.findVolumeClaim(namespace, name),
    deleteVolumeClaim: (namespace, name) => kube.deleteVolumeClaim(namespace, name),
    getSecret: (namespace, name) => kube.getSecret(namespace, name),
    getPodAnnotations: (namespace, name) => kube.getPodAnnotations(namespace, name),
    close: () => kube.close(),
    async getConfigMap(namespace, name) {
      const key = `${namespace}/${name}`;
      const known = reads.get(key);
      if (known !== undefined && clock.monotonicMs() - known.atMs < CONFIG_FRESH_MS) return await known.data;
      const data = kube.getConfigMap(namespace, name);
      reads.set(key, { atMs: clock.monotonicMs(), data });
      try {
        return await data;
      } catch (error) {
        reads.delete(key);
        throw error;
      }
    },
  };
}
