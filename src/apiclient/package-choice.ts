/**
 * Which name of the API a server answers to: `v2beta1` first, `v2` when the first call meets UNIMPLEMENTED. Pure state, no I/O.
 *
 * The first real call decides, there is no probe; once decided, a process never switches. Request bytes are the same under both names.
 *
 * Source: docs/spec/api-versions.md#choosing-the-package, #examples-of-the-package-choice.
 *
 * @module
 */
import type { ApiPackage } from "../wire/grpc-definition.ts";
import type { GrpcStatus } from "../wire/grpc-status.ts";

/**
 * What an answer means for the call that got it: take it as it is, repeat the call under `current`, or give up because the server
 * has no task API under any name.
 */
export type PackageVerdict = "accept" | "repeat" | "unsupported";

/** An answer with one of these does not prove that the service exists. */
const PROVES_NOTHING: ReadonlySet<GrpcStatus> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"]);

/** Which package name the next call uses, `v2beta1` or `v2`, and whether UNIMPLEMENTED means to try the other one. */
export class PackageChoice {
  readonly #forced: boolean;
  #decided: boolean;
  #current: ApiPackage;

  /** @param forced Value of `KFP_API_PACKAGE`: used as it is, never probed; UNIMPLEMENTED is then an ordinary error. */
  constructor(forced?: ApiPackage) {
    this.#forced = forced !== undefined;
    this.#decided = this.#forced;
    this.#current = forced ?? "v2beta1";
  }

  /** The name to call under now. */
  get current(): ApiPackage {
    return this.#current;
  }

  /** True when no later answer changes `current`. */
  get decided(): boolean {
    return this.#decided;
  }

  /**
   * Learns from an answer.
   *
   * @param used The name the call was made under; calls that run at the same time may still use the old one.
   */
  observe(used: ApiPackage, status: GrpcStatus): PackageVerdict {
    if (this.#forced) return "accept";
    if (status !== "UNIMPLEMENTED") {
      if (!this.#decided && !PROVES_NOTHING.has(status)) {
        this.#current = used;
        this.#decided = true;
      }
      return "accept";
    }
    if (used !== this.#current) return "repeat";
    if (this.#decided || used === "v2") return "unsupported";
    this.#current = "v2";
    return "repeat";
  }
}

/** The one message for servers without the task API (docs/spec/api-versions.md#choosing-the-package (step 5)). */
export function unsupportedMessage(endpoint: string, method: string): string {
  return (
    `The server at ${endpoint} does not offer the task API of Kubeflow Pipelines (${method} answers UNIMPLEMENTED): ` +
    `it is older than the removal of ML Metadata, or host and port belong to something else, for example the REST port`
  );
}
