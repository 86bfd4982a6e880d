/**
 * Listings of the AWS SDK, read by the parser of minio://: the SDK takes any document for a listing, at worst for one without objects.
 *
 * @module
 */
import { Readable } from "node:stream";
import type { ListObjectsV2Command, ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import type { BlobPage } from "../bucket.ts";
import { readBody } from "../transfer/read-body.ts";
import { parseListObjects } from "./list-objects-xml.ts";
import { malformedListing } from "./listed-object.ts";

interface SentRequest {
  readonly input: ListObjectsV2CommandInput;
  readonly request: unknown;
}

/** The SDK up to where it has an answer and has not read it yet. */
type Send = (request: SentRequest) => Promise<{ response: unknown; output: ListObjectsV2CommandOutput }>;

/**
 * Sending the command fails from now on where the answer is not a listing. It is read after the SDK has found that it is not an error in
 * the guise of a success, and before the SDK reads it itself.
 *
 * @returns the page, once the command has been sent. @throws {StoreFailure} when there was no answer to read.
 */
export function readListing({ middlewareStack }: ListObjectsV2Command): () => BlobPage {
  let page: BlobPage | undefined;
  middlewareStack.addRelativeTo(
    (next: Send) => async (request: SentRequest) => {
      const result = await next(request);
      const response = result.response as { readonly statusCode: number; body: unknown };
      if (response.statusCode !== 200) return result;
      page = parseListObjects(response.body instanceof Readable ? await readBody(response.body) : "");
      // Reading it once is enough.
      response.body = Buffer.alloc(0);
      return result;
    },
    { relation: "before", toMiddleware: "throw200ExceptionsMiddleware", name: "readListing" },
  );
  return () => {
    if (page === undefined) throw malformedListing("the store answered no listing");
    return page;
  };
}
