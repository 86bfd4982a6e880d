/**
 * The state of the API server as the reference left it: its recorded writes, sent to the embedded server one after the other.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fromJson, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import { RuntimeState, type PipelineTask } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import { ArtifactService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { createRawClient, type RawApiClient } from "../fakes/raw-client.ts";
import { isObject, textOf } from "./compare.ts";
import { labelRows, type Labels } from "./labels.ts";
import type { RecordedCall, RecordedProgram, Recording } from "./recording.ts";

/** Ids of the recordings; they are legal ids of the embedded server, too. */
export const RUN_ID = "RUN_ID";
const RUN_DISPLAY_NAME = "RUN_DISPLAY_NAME";
const PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts";

/** Stands for every UUID that the recordings do not tell apart: names of volume claims must be legal. */
const SOME_UUID = "a0000000-0000-4000-8000-000000000000";
const START_MS = Date.UTC(2026, 0, 1);

const WRITES = [
  "CreateTask",
  "UpdateTask",
  "UpdateTasksBulk",
  "CreateArtifact",
  "CreateArtifactsBulk",
  "CreateArtifactTasksBulk",
];

/** One server with the run in it. */
export interface RunState {
  readonly server: ApiServer;
  rows(): Promise<PipelineTask[]>;
  close(): Promise<void>;
}

export interface RecordedState extends RunState {
  /** Of the rows and artifacts so far. */
  readonly labels: Labels;
  /** The same and those of what a fork has besides. */
  labelsOf(rows: readonly PipelineTask[]): Labels;
  /** URIs of the artifacts that the reference has uploaded so far. */
  readonly uris: ReadonlySet<string>;
  /** Volume claims that the reference has left, by path. */
  readonly claims: ReadonlyMap<string, JsonValue>;
  /** A server of its own with the same rows. */
  fork(): Promise<RunState>;
  /** Makes an id of this server known by its label in the recording. */
  learn(label: string, id: string): void;
  /** Ends the run as the recording says. */
  finish(): void;
  /** The same text with the ids of this server in the place of labels. */
  withIds(value: JsonValue): JsonValue;
  /** Sends what the reference sent. */
  apply(program: RecordedProgram): Promise<void>;
}

export async function openRecordedState(recording: Recording, source: JsonObject): Promise<RecordedState> {
  const folder = await databaseFolder();
  const file = path.join(folder, "recorded.db");
  const state = await openState(file);
  const client = createRawClient(state.server.address);
  const labels = new Map<string, string>();
  const ids = new Map<string, string>();
  const uris = new Set<string>();
  const claims = new Map<string, JsonValue>();
  const otherLabels = labelsOfCachedArtifacts(recording);
  const parameters = Object.entries(recording.parameters).map(([name, value]) => [name, jsonToValue(value)]);
  state.server.runs.createRun({
    runId: RUN_ID,
    displayName: RUN_DISPLAY_NAME,
    pipelineSource: { case: "pipelineSpec", value: source },
    runtimeConfig: { parameters: Object.fromEntries(parameters), pipelineRoot: PIPELINE_ROOT },
  });
  state.server.runs.setRunState(RUN_ID, RuntimeState.RUNNING);

  const learn = (label: string, id: string): void => {
    labels.set(id, label);
    ids.set(label, id);
  };
  const learnArtifacts = (entries: readonly JsonValue[], answers: readonly { artifactId: string }[]): void => {
    for (const [index, entry] of entries.entries()) {
      if (!isObject(entry) || answers[index] === undefined) continue;
      const base = `artifact ${textOf(entry["taskId"]).slice(1, -1)}:${textOf(entry["producerKey"])}`;
      let label = base;
      for (let count = 2; ids.has(`<${label}>`) && ids.get(`<${label}>`) !== answers[index].artifactId; count += 1)
        label = `${base}.${count}`;
      learn(`<${label}>`, answers[index].artifactId);
      const shown = otherLabels.get(`<${label}>`);
      if (shown !== undefined) learn(shown, answers[index].artifactId);
      const { artifact } = entry;
      if (isObject(artifact) && typeof artifact["uri"] === "string") uris.add(textOf(withIds(artifact["uri"])));
    }
  };
  const withIds = (value: JsonValue): JsonValue => replaceLabels(value, ids);
  const learnClaims = ({ kubernetesRequests = [] }: RecordedProgram): void => {
    for (const { method, path: at, body } of kubernetesRequests) {
      const claim = withIds(body ?? null);
      const name = isObject(claim) && isObject(claim["metadata"]) ? textOf(claim["metadata"]["name"]) : "";
      if (method === "POST") claims.set(`${at}/${name}`, claim);
      if (method === "DELETE") claims.delete(textOf(withIds(at)));
    }
  };

  const send = async ({ method, request, response, code }: RecordedCall): Promise<void> => {
    // What the server refused has left nothing behind.
    if (!WRITES.includes(method) || code !== undefined) return;
    const desc = inputOf(method);
    const message = fromJson(desc, withTimes(withIds(request)), { ignoreUnknownFields: false });
    const call = client[lowerFirst(method) as "createTask"] as (message: unknown) => Promise<unknown>;
    const answer = (await call(message)) as { taskId?: string; artifactId?: string; artifacts?: { artifactId: string }[] };
    if (method === "CreateTask") learn(textOf(response?.["taskId"]), answer.taskId ?? "");
    if (method === "CreateArtifact") learnArtifacts([request], [{ artifactId: answer.artifactId ?? "" }]);
    if (method === "CreateArtifactsBulk") learnArtifacts(request["artifacts"] as JsonValue[], answer.artifacts ?? []);
  };

  return {
    ...state,
    labels,
    labelsOf: (rows) => labelRows(rows, labels, otherLabels),
    uris,
    claims,
    learn,
    withIds,
    finish() {
      if (recording.result === "SUCCEEDED" || recording.result === "FAILED") {
        state.server.runs.finishRun(RUN_ID, RuntimeState[recording.result]);
      }
    },
    async fork() {
      const copy = path.join(folder, `${randomUUID()}.db`);
      const database = new DatabaseSync(file);
      database.exec(`VACUUM INTO '${copy}'`);
      database.close();
      const forked = await openState(copy);
      return {
        ...forked,
        async close() {
          await forked.close();
          await rm(copy, { force: true });
        },
      };
    },
    async apply(program) {
      for (const call of program.calls) await send(call);
      learnClaims(program);
    },
    async close() {
      client.close();
      await state.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An artifact that a cached task shows as its own has the label of that task everywhere. */
function labelsOfCachedArtifacts({ programs }: Recording): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const { method, response } of programs.flatMap(({ calls }) => calls)) {
    const task = response?.["task"];
    if (method !== "FindCachedTask" || !isObject(task) || !isObject(task["outputs"])) continue;
    for (const entry of (task["outputs"]["artifacts"] ?? []) as JsonValue[]) {
      if (!isObject(entry)) continue;
      for (const [index, artifact] of (entry["artifacts"] as { artifactId: string }[]).entries()) {
        const label = `artifact ${textOf(task["taskId"]).slice(1, -1)}:${textOf(entry["artifactKey"])}`;
        labels.set(index === 0 ? `<${label}>` : `<${label}.${index + 1}>`, artifact.artifactId);
      }
    }
  }
  return labels;
}

/** In memory where the system has such a folder: a recording copies its database once for every program. */
async function databaseFolder(): Promise<string> {
  try {
    return await mkdtemp("/dev/shm/kfp-replay-");
  } catch {
    return await mkdtemp(path.join(tmpdir(), "kfp-replay-"));
  }
}

/** Each write a second after the one before: the server orders cached tasks by whole seconds. */
let seconds = 0;

async function openState(database: string): Promise<RunState> {
  const now = (): Date => new Date(START_MS + (seconds += 1) * 1000);
  const server = await startApiServer({ database, runLayout: "branch", outputLinkTypes: "typed", now });
  const client = createRawClient(server.address);
  return {
    server,
    rows: () => allRows(client),
    async close() {
      client.close();
      await server.close();
    },
  };
}

async function allRows(client: RawApiClient): Promise<PipelineTask[]> {
  const rows: PipelineTask[] = [];
  let pageToken = "";
  do {
    const page = await client.listTasks({ runId: RUN_ID, pageSize: 200, pageToken });
    rows.push(...page.tasks);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return rows;
}

function inputOf(method: string): DescMessage {
  const found = [...RunService.methods, ...ArtifactService.methods].find(({ name }) => name === method);
  if (found === undefined) throw new Error(`The recording calls ${method}, which the API does not have`);
  return found.input;
}

function replaceLabels(value: JsonValue, ids: ReadonlyMap<string, string>): JsonValue {
  if (typeof value === "string") {
    const named = ids.get(value) ?? value.replaceAll(/<(?:artifact )?ROOT[^<>]*>/g, (label) => ids.get(label) ?? label);
    return named.replaceAll("UUID", SOME_UUID);
  }
  if (Array.isArray(value)) return value.map((member) => replaceLabels(member, ids));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [ids.get(key) ?? key, replaceLabels(member, ids)]));
}

function withTimes(value: JsonValue): JsonValue {
  if (value === "TIME") return new Date().toISOString();
  if (Array.isArray(value)) return value.map(withTimes);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withTimes(member)]));
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
