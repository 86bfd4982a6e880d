/**
 * The token of one run: made for the service account of its Workflow, and good for that run alone.
 *
 * It is what the kubelet would have put into a driver's pod, so the API server checks every call as if the pod had made it.
 *
 * Source: docs/spec/resident-driver.md#c-central-identity, docs/spec/connections.md#service-account-token.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, ObjectName } from "../../ports/kube-objects.ts";

/** As the compiler has it for pods. */
const EXPIRATION_SECONDS = 7200;
/** Of its life; what is older is replaced before it is used. */
const USED_PART = 0.8;

/** Who a token is for, and what it is good for. */
export interface TokenScope {
  readonly serviceAccount: ObjectName;
  /** Empty: the Kubernetes API itself. */
  readonly audience: string;
}

/** Audience that the API server takes for calls about one run. */
export function runAudience(base: string, runId: string): string {
  return `${base}/runs/${runId}`;
}

/** A token that is replaced before it expires. Never in a message or a log line. */
export class RequestedToken {
  readonly #deps: { readonly kube: Pick<KubeObjects, "createToken">; readonly clock: Clock };
  readonly #scope: TokenScope;
  #token: string | undefined;
  #usedUntilMs = 0;
  #asking: Promise<string> | undefined;

  constructor(deps: { readonly kube: Pick<KubeObjects, "createToken">; readonly clock: Clock }, scope: TokenScope) {
    this.#deps = deps;
    this.#scope = scope;
  }

  /** @throws {KubeError} When Kubernetes makes none. */
  async token(): Promise<string> {
    if (this.#token !== undefined && this.#deps.clock.monotonicMs() < this.#usedUntilMs) return this.#token;
    return await this.#ask();
  }

  /** The value of the `authorization` header. @throws {KubeError} */
  async header(): Promise<string> {
    return `Bearer ${await this.token()}`;
  }

  /** Makes another one after the server refused the last. */
  async refresh(): Promise<boolean> {
    const refused = this.#token;
    return (await this.#ask()) !== refused;
  }

  /** Calls at the same time share one request. */
  async #ask(): Promise<string> {
    this.#asking ??= this.#request().finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  async #request(): Promise<string> {
    const { kube, clock } = this.#deps;
    const { serviceAccount, audience } = this.#scope;
    const issued = await kube.createToken({
      serviceAccount,
      audiences: audience === "" ? [] : [audience],
      expirationSeconds: EXPIRATION_SECONDS,
    });
    const lifeMs = Math.max(0, issued.expiresAt.getTime() - clock.now().getTime());
    this.#usedUntilMs = clock.monotonicMs() + lifeMs * USED_PART;
    this.#token = issued.token;
    return issued.token;
  }
}
