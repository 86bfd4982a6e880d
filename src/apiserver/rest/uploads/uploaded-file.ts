/**
 * The file of a multipart form.
 *
 * Node's own reader of forms takes the body whole, which its limit keeps small (docs/adr/0027-uploads.md).
 *
 * @module
 */
import { invalidArgument } from "../../service-error.ts";
import type { RestRequest } from "../http/endpoint.ts";
import { RequestProblem } from "../http/error-answer.ts";
import { readBody } from "../http/read-body.ts";
import { MAX_UPLOAD_BYTES } from "./package-text.ts";

/** A file as it was sent. */
export interface UploadedFile {
  /** Without folders. */
  readonly name: string;
  readonly bytes: Buffer;
}

const FIELD = "uploadfile";
/** For the lines around the file. */
const FORM_BYTES = 1024 * 1024;

/**
 * Reads the part `uploadfile`.
 *
 * @throws {ServiceError} invalidArgument: the form, the part or its file name is missing, or the file is too large.
 */
export async function readUploadedFile({ headers, body }: Pick<RestRequest, "headers" | "body">): Promise<UploadedFile> {
  const type = headers["content-type"] ?? "";
  if (!/^multipart\/form-data\b/i.test(type)) throw invalidArgument("The request is not multipart/form-data");
  const bytes = await readForm(body);
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { "content-type": type } }).formData();
  } catch {
    throw invalidArgument("The form of the request is broken");
  }
  const file = form.get(FIELD);
  if (file === null) throw invalidArgument(`The form has no part "${FIELD}"`);
  if (typeof file === "string") throw invalidArgument(`The part "${FIELD}" has no file name`);
  if (file.size > MAX_UPLOAD_BYTES) throw tooLarge();
  return { name: file.name.replace(/^.*[/\\]/, ""), bytes: Buffer.from(await file.arrayBuffer()) };
}

async function readForm(body: RestRequest["body"]): Promise<Buffer<ArrayBuffer>> {
  try {
    return Buffer.from(await readBody(body, MAX_UPLOAD_BYTES + FORM_BYTES));
  } catch (error) {
    throw error instanceof RequestProblem && error.httpStatus === 413 ? tooLarge() : invalidArgument("The upload broke off");
  }
}

function tooLarge(): Error {
  return invalidArgument(`The file has more than ${MAX_UPLOAD_BYTES} bytes`);
}
