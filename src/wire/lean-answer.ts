/**
 * The request header with which a client says what it can do without: rows of sub-pipelines, loops and the root hold something of every
 * iteration below them, and answers about them would make a loop of n iterations cost n² bytes.
 *
 * A server that does not know the header answers as ever, so the client takes either answer. Pure.
 *
 * Source: docs/spec/api-server.md#lean-answers.
 *
 * @module
 */

/** What the caller needs of the rows of sub-pipelines, loops, branches and the root. */
export interface LeanAnswer {
  /** Absent: no inputs. */
  readonly inputs?: LeanInputs | undefined;
}

/** Inputs that are needed. */
export interface LeanInputs {
  readonly keys: readonly string[];
  /** The one loop item that is needed; absent: all items. */
  readonly iteration?: number | undefined;
}

/** Name of the header. */
export const LEAN_ANSWER_HEADER = "kfp-lean-answer";

/**
 * Name of the header with which a client says that of a list of tasks it needs those of one iteration only, and those of none: the API has
 * no filter for that.
 */
export const LIST_ITERATION_HEADER = "kfp-list-iteration";

/** The iteration of such a header; `undefined` where there is none or it says something else. */
export function decodeListIteration(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A header of HTTP/2 may not be long; with more keys than fit the answer is a whole one. */
const MAX_LENGTH = 4096;

/** Both ends know this word; what follows it says more. */
const MARK = "dags";

/** The header's value; `undefined` where it would be too long. */
export function encodeLeanAnswer({ inputs }: LeanAnswer): string | undefined {
  const words = new URLSearchParams({ rows: MARK });
  for (const key of inputs?.keys ?? []) words.append("input", key);
  if (inputs?.iteration !== undefined) words.append("iteration", String(inputs.iteration));
  const text = words.toString();
  return text.length > MAX_LENGTH ? undefined : text;
}

/** What a header asks for; `undefined`, the whole answer, where there is none or it says something else. */
export function decodeLeanAnswer(text: string | undefined): LeanAnswer | undefined {
  const words = new URLSearchParams(text);
  if (words.get("rows") !== MARK) return undefined;
  const iteration = words.get("iteration");
  if (iteration !== null && !/^\d{1,15}$/.test(iteration)) return undefined;
  const keys = words.getAll("input");
  if (keys.length === 0) return {};
  return { inputs: { keys, ...(iteration === null ? {} : { iteration: Number(iteration) }) } };
}
