/**
 * PipelineService: pipelines and their versions.
 *
 * Uploads over HTTP come in by {@link PipelineCalls.uploadPipeline} and {@link PipelineCalls.uploadVersion}. A version is fetched
 * before the transaction that stores it, and what it depends on is checked inside: another call may come in between.
 *
 * Source: docs/spec/pipelines-and-python-client.md#pipelines-and-versions, #api-29, docs/spec/service-messages.md#pipelineproto.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { EmptySchema, type Empty } from "@bufbuild/protobuf/wkt";
import {
  ListPipelinesResponseSchema,
  ListPipelineVersionsResponseSchema,
  PipelineSchema,
  PipelineVersionSchema,
  type CreatePipelineAndVersionRequest,
  type CreatePipelineRequest,
  type CreatePipelineVersionRequest,
  type DeletePipelineRequest,
  type DeletePipelineVersionRequest,
  type GetPipelineByNameRequest,
  type GetPipelineRequest,
  type GetPipelineVersionRequest,
  type ListPipelinesRequest,
  type ListPipelinesResponse,
  type ListPipelineVersionsRequest,
  type Pipeline,
  type PipelineVersion,
  type UpdatePipelineRequest,
  type UpdatePipelineVersionRequest,
} from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { StoredPipelineVersion } from "../../catalog-store.ts";
import { pageTokenFrom, parseListRequest } from "../../lists/list-query.ts";
import { readSpecFile, type PipelineDefinition } from "../../pipelines/spec-file.ts";
import { alreadyExists, invalidArgument, notFound } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { timestampOfSeconds } from "../../timestamps.ts";
import { encodeWithParts, type EncodedMessage } from "../encoded-message.ts";
import type { CallContext } from "../served-service.ts";
import type { SecondsClock } from "../run-lifecycle.ts";
import { checkDescription, checkTags, checkText, completeNames, MAX_NAME_LENGTH, MAX_VERSION_NAME_LENGTH } from "./names.ts";

/** What the pipeline calls work on. */
export interface PipelineServiceDeps {
  readonly store: Store;
  readonly now: SecondsClock;
  /** Text of the spec file at a URL. Throws ServiceErrors. */
  readonly fetchSpecFile: (url: string) => Promise<string>;
}

/** An uploaded file and what it is to be called. */
export interface PipelineUpload {
  /** Either name may be empty, not both. */
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Of the spec file. */
  readonly text: string;
}

type EncodedVersion = EncodedMessage<typeof PipelineVersionSchema>;
type NewThing = Omit<PipelineUpload, "text">;

/** The calls of PipelineService. Errors are ServiceErrors. */
export class PipelineCalls {
  readonly #store: Store;
  readonly #now: SecondsClock;
  readonly #fetchSpecFile: PipelineServiceDeps["fetchSpecFile"];

  constructor(deps: PipelineServiceDeps) {
    this.#store = deps.store;
    this.#now = deps.now;
    this.#fetchSpecFile = deps.fetchSpecFile;
  }

  createPipeline({ pipeline }: CreatePipelineRequest): Pipeline {
    if (pipeline === undefined) throw invalidArgument("Pipeline is required");
    const checked = checkedPipeline(pipeline);
    return this.#store.transaction(() => this.#insert(checked));
  }

  async createPipelineAndVersion(request: CreatePipelineAndVersionRequest): Promise<Pipeline> {
    const { pipeline, pipelineVersion } = request;
    if (pipeline === undefined) throw invalidArgument("Pipeline is required");
    if (pipelineVersion === undefined) throw invalidArgument("Pipeline version is required");
    const checked = checkedPipeline(pipeline);
    const hasNames = pipelineVersion.name !== "" || pipelineVersion.displayName !== "";
    const checkedFirst = checkedVersion({ ...pipelineVersion, ...(hasNames ? {} : versionNames(checked)) });
    const definition = await this.#fetch(pipelineVersion);
    return this.#store.transaction(() => {
      const stored = this.#insert(checked);
      this.#insertVersion(stored.pipelineId, checkedFirst, definition, pipelineVersion);
      return stored;
    });
  }

  /** A pipeline with its first version, which has the same names and description. */
  async uploadPipeline(upload: PipelineUpload): Promise<Pipeline> {
    const checked = checkedPipeline(upload);
    const definition = await readSpecFile(upload.text);
    return this.#store.transaction(() => {
      const stored = this.#insert(checked);
      this.#insertVersion(stored.pipelineId, { ...checked, ...versionNames(checked), tags: {} }, definition);
      return stored;
    });
  }

  getPipeline({ pipelineId }: GetPipelineRequest): Pipeline {
    return this.#require(pipelineId);
  }

  /** By internal name. */
  getPipelineByName({ name }: GetPipelineByNameRequest): Pipeline {
    if (name === "") throw invalidArgument("Pipeline name is required");
    const found = this.#store.pipelines.findByName(name);
    if (found === undefined) throw notFound("Pipeline", name);
    return found;
  }

  listPipelines(request: ListPipelinesRequest): ListPipelinesResponse {
    const query = parseListRequest("pipelines", request);
    const page = this.#store.pipelines.list(query);
    return create(ListPipelinesResponseSchema, {
      pipelines: [...page.rows],
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
  }

  /** Display name and tags only; empty ones keep what is stored, but for tags that are to be cleared. */
  updatePipeline({ pipeline }: UpdatePipelineRequest, { clearTags }: Pick<CallContext, "clearTags">): Pipeline {
    if (pipeline === undefined) throw invalidArgument("Pipeline is required");
    checkText(pipeline.displayName, "display name of the pipeline", MAX_NAME_LENGTH);
    checkTags(pipeline.tags);
    return this.#store.transaction(() => {
      const stored = this.#require(pipeline.pipelineId);
      this.#store.pipelines.update(withChanges(stored, pipeline, clearTags));
      return this.#require(pipeline.pipelineId);
    });
  }

  deletePipeline({ pipelineId, cascade }: DeletePipelineRequest): Empty {
    this.#store.transaction(() => {
      this.#require(pipelineId);
      const versions = this.#store.pipelines.countVersions(pipelineId);
      if (versions > 0 && !cascade) {
        throw invalidArgument(
          `Pipeline ${pipelineId} still has ${versions} versions: delete them first, or call with cascade=true`,
        );
      }
      this.#store.pipelines.remove(pipelineId);
    });
    return create(EmptySchema);
  }

  async createPipelineVersion(request: CreatePipelineVersionRequest): Promise<EncodedVersion> {
    const { pipelineId, pipelineVersion } = request;
    if (pipelineVersion === undefined) throw invalidArgument("Pipeline version is required");
    if (pipelineId === "" || pipelineVersion.pipelineId === "") {
      throw invalidArgument("Pipeline ID is required, in the path and in the version");
    }
    if (pipelineId !== pipelineVersion.pipelineId) {
      throw invalidArgument(`The version's pipeline id ${pipelineVersion.pipelineId} differs from the request's ${pipelineId}`);
    }
    const checked = checkedVersion(pipelineVersion);
    const definition = await this.#fetch(pipelineVersion);
    return this.#store.transaction(() => {
      this.#require(pipelineId);
      return encodeVersion(this.#insertVersion(pipelineId, checked, definition, pipelineVersion));
    });
  }

  async uploadVersion(pipelineId: string, upload: PipelineUpload): Promise<EncodedVersion> {
    const checked = checkedVersion(upload);
    const definition = await readSpecFile(upload.text);
    return this.#store.transaction(() => {
      this.#require(pipelineId);
      return encodeVersion(this.#insertVersion(pipelineId, checked, definition));
    });
  }

  getPipelineVersion(request: GetPipelineVersionRequest): EncodedVersion {
    return encodeVersion(this.#requireVersion(request));
  }

  listPipelineVersions(request: ListPipelineVersionsRequest): EncodedMessage<typeof ListPipelineVersionsResponseSchema> {
    this.#require(request.pipelineId);
    const query = parseListRequest("pipeline versions", request);
    const page = this.#store.pipelines.listVersions(request.pipelineId, query);
    const rest = create(ListPipelineVersionsResponseSchema, {
      totalSize: page.totalSize,
      nextPageToken: page.next === undefined ? "" : pageTokenFrom(query, page.next),
    });
    return encodeWithParts(ListPipelineVersionsResponseSchema, rest, [
      {
        fieldNumber: ListPipelineVersionsResponseSchema.field.pipelineVersions.number,
        messages: page.rows.map((row) => encodeVersion(row).bytes),
      },
    ]);
  }

  /** As updatePipeline. */
  updatePipelineVersion(
    { pipelineVersion }: UpdatePipelineVersionRequest,
    { clearTags }: Pick<CallContext, "clearTags">,
  ): EncodedVersion {
    if (pipelineVersion === undefined) throw invalidArgument("Pipeline version is required");
    checkText(pipelineVersion.displayName, "display name of the pipeline version", MAX_VERSION_NAME_LENGTH);
    checkTags(pipelineVersion.tags);
    return this.#store.transaction(() => {
      const { version } = this.#requireVersion(pipelineVersion);
      this.#store.pipelines.updateVersion(withChanges(version, pipelineVersion, clearTags));
      return encodeVersion(this.#requireVersion(pipelineVersion));
    });
  }

  /** Runs made from it keep its spec. */
  deletePipelineVersion(request: DeletePipelineVersionRequest): Empty {
    if (request.pipelineId === "") throw invalidArgument("Pipeline ID is required");
    this.#store.transaction(() => {
      this.#requireVersion(request);
      this.#store.pipelines.removeVersion(request.pipelineVersionId);
    });
    return create(EmptySchema);
  }

  async #fetch(version: PipelineVersion): Promise<PipelineDefinition> {
    const url = version.packageUrl?.pipelineUrl ?? "";
    if (url === "") throw invalidArgument("The pipeline version has no package_url.pipeline_url");
    return await readSpecFile(await this.#fetchSpecFile(url));
  }

  #insert(checked: NewThing): Pipeline {
    if (this.#store.pipelines.findByName(checked.name) !== undefined) {
      throw alreadyExists(`A pipeline with the name ${checked.name} exists already`);
    }
    const pipeline = create(PipelineSchema, {
      ...checked,
      pipelineId: randomUUID(),
      createdAt: timestampOfSeconds(this.#now()),
    });
    this.#store.pipelines.insert(pipeline);
    return pipeline;
  }

  #insertVersion(
    pipelineId: string,
    checked: NewThing,
    { pipelineSpec }: PipelineDefinition,
    sent: Partial<PipelineVersion> = {},
  ): StoredPipelineVersion {
    const { packageUrl, codeSourceUrl = "" } = sent;
    if (this.#store.pipelines.hasVersionNamed(pipelineId, checked.name)) {
      throw alreadyExists(`A version with the name ${checked.name} of pipeline ${pipelineId} exists already`);
    }
    const version = create(PipelineVersionSchema, {
      ...checked,
      pipelineId,
      pipelineVersionId: randomUUID(),
      createdAt: timestampOfSeconds(this.#now()),
      ...(packageUrl === undefined ? {} : { packageUrl }),
      codeSourceUrl,
    });
    const stored = { version, pipelineSpec };
    this.#store.pipelines.insertVersion(stored);
    return stored;
  }

  #require(pipelineId: string): Pipeline {
    if (pipelineId === "") throw invalidArgument("Pipeline ID is required");
    const found = this.#store.pipelines.find(pipelineId);
    if (found === undefined) throw notFound("Pipeline", pipelineId);
    return found;
  }

  #requireVersion(ids: { readonly pipelineId: string; readonly pipelineVersionId: string }): StoredPipelineVersion {
    const { pipelineId, pipelineVersionId } = ids;
    if (pipelineVersionId === "") throw invalidArgument("Pipeline version ID is required");
    const found = this.#store.pipelines.findVersion(pipelineVersionId);
    if (found === undefined || (pipelineId !== "" && found.version.pipelineId !== pipelineId)) {
      throw notFound("Pipeline version", pipelineVersionId);
    }
    return found;
  }
}

function checkedPipeline(sent: NewThing): NewThing {
  return checkedThing(sent, "pipeline", MAX_NAME_LENGTH);
}

function checkedVersion(sent: NewThing): NewThing {
  return checkedThing(sent, "pipeline version", MAX_VERSION_NAME_LENGTH);
}

function checkedThing(sent: NewThing, what: string, maxLength: number): NewThing {
  const { description, tags } = sent;
  const names = completeNames(sent, what, maxLength);
  checkDescription(description, what);
  checkTags(tags);
  return { ...names, description, tags: { ...tags } };
}

/** Of the first version: those of the pipeline, cut to what a version may have. */
function versionNames({ name, displayName }: NewThing): Pick<NewThing, "name" | "displayName"> {
  const cut = (text: string) => Array.from(text).slice(0, MAX_VERSION_NAME_LENGTH).join("");
  return { name: cut(name), displayName: cut(displayName) };
}

function withChanges<Thing extends Pipeline | PipelineVersion>(
  stored: Thing,
  sent: Pick<NewThing, "displayName" | "tags">,
  clearTags: boolean,
): Thing {
  const { displayName, tags } = sent;
  if (displayName !== "") stored.displayName = displayName;
  if (clearTags || Object.keys(tags).length > 0) stored.tags = { ...tags };
  return stored;
}

/** The source URL is accepted and never shown, as by the reference. */
function encodeVersion({ version, pipelineSpec }: StoredPipelineVersion): EncodedVersion {
  return encodeWithParts(PipelineVersionSchema, create(PipelineVersionSchema, { ...version, codeSourceUrl: "" }), [
    { fieldNumber: PipelineVersionSchema.field.pipelineSpec.number, messages: [pipelineSpec] },
  ]);
}
