/**
 * The images of a run: each looked for, and pulled, once.
 *
 * @module
 */
import { HostError } from "../../core/errors.ts";
import { askEngine, pullImage, type ContainerEngine } from "./container-engine.ts";

/** When Kubernetes would pull an image. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** What an image says about itself. */
export interface ImageFacts {
  /** Its own variables. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Images, each asked for once in the life of this object. */
export class Images {
  readonly #engine: ContainerEngine;
  readonly #onNotice: (text: string) => void;
  readonly #known = new Map<string, Promise<ImageFacts>>();

  constructor(engine: ContainerEngine, onNotice: (text: string) => void) {
    this.#engine = engine;
    this.#onNotice = onNotice;
  }

  /**
   * Makes sure that the engine has the image. A policy of Always is one pull in a run.
   *
   * @throws {HostError} CONTAINERS_UNAVAILABLE when it cannot be had.
   */
  async provide(image: string, policy: PullPolicy, signal: AbortSignal): Promise<ImageFacts> {
    const key = `${policy}\n${image}`;
    let facts = this.#known.get(key);
    if (facts === undefined) {
      facts = this.#provide(image, policy, signal);
      this.#known.set(key, facts);
      // The next attempt may be luckier.
      facts.catch(() => this.#known.delete(key));
    }
    return await facts;
  }

  async #provide(image: string, policy: PullPolicy, signal: AbortSignal): Promise<ImageFacts> {
    const there = await this.#inspect(image);
    if (there !== undefined && policy !== "Always") return there;
    if (policy === "Never") {
      throw new HostError("CONTAINERS_UNAVAILABLE", `Image ${image} is not there, and its pull policy is Never`);
    }
    this.#onNotice(`pulling image ${image}`);
    await pullImage(this.#engine, image, signal);
    const pulled = await this.#inspect(image);
    if (pulled === undefined) throw new HostError("CONTAINERS_UNAVAILABLE", `Image ${image} was pulled and is not there`);
    return pulled;
  }

  async #inspect(image: string): Promise<ImageFacts | undefined> {
    const { code, stdout } = await askEngine(this.#engine, ["image", "inspect", "--format", "{{json .Config.Env}}", image]);
    if (code !== 0) return undefined;
    return { environment: variablesOf(stdout) };
  }
}

/** `NAME=value` texts as a map; an engine that says something else says nothing. */
function variablesOf(json: string): Record<string, string> {
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    return {};
  }
  if (!Array.isArray(list)) return {};
  const texts = list.filter((text): text is string => typeof text === "string");
  return Object.fromEntries(texts.map((text) => [text.split("=", 1)[0] ?? "", text.slice(text.indexOf("=") + 1)]));
}
