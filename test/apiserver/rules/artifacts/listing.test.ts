/**
 * Reading artifacts and links, rule by rule, over both transports and both packages.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { artifactIdOf, MODEL, startArtifactWorld } from "../../../support/artifact-world.ts";

const asText = (value: JsonValue | undefined) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));
const LINK: JsonObject = { run_id: "r", type: "TASK_OUTPUT_INPUT", key: "x", producer: { task_name: "p" } };

// docs/spec/api-server.md#listartifacttasks
describe.for(WAYS)("ListArtifactTasks over $name", (by) => {
  test("S21 ANDs the kinds of ids, ORs their members, restricts by type, pages by link id", async ({ expect }) => {
    const { add, call, links, taskId, otherTaskId, foreignTaskId } = await startArtifactWorld(by);
    const [a, b] = [artifactIdOf(await add()), artifactIdOf(await add(MODEL, { producer_key: "k2" }))];
    const link = (artifactId: string, task: string, runId: string) => ({
      artifact_task: { ...LINK, artifact_id: artifactId, task_id: task, run_id: runId },
    });
    await call("CreateArtifactTask", link(a, otherTaskId, "r"));
    await call("CreateArtifactTask", link(a, foreignTaskId, "s"));
    const found = async (request: JsonObject) =>
      (await links(request))
        .map((one) => `${one["artifact_id"] === a ? "a" : "b"} ${asText(one["run_id"])} ${asText(one["type"])}`)
        .toSorted();
    const [outA, outB, inR, inS] = ["a r OUTPUT", "b r OUTPUT", "a r TASK_OUTPUT_INPUT", "a s TASK_OUTPUT_INPUT"];
    for (const [request, wanted] of [
      [{ run_ids: ["r"] }, [outA, inR, outB]],
      [{ run_ids: ["r", "s"] }, [outA, inR, inS, outB]],
      [{ run_ids: ["s"] }, [inS]],
      [{ run_ids: ["unknown"] }, []],
      [{ run_ids: ["r"], type: "OUTPUT" }, [outA, outB]],
      [{ run_ids: ["r"], type: "ITERATOR_OUTPUT" }, []],
      [{ task_ids: [taskId, foreignTaskId] }, [outA, inS, outB]],
      [{ artifact_ids: [a] }, [outA, inR, inS]],
      [{ artifact_ids: [a, b], run_ids: ["r"] }, [outA, inR, outB]],
      [{ artifact_ids: [a], run_ids: ["r"], task_ids: [otherTaskId] }, [inR]],
      [{ artifact_ids: [b], task_ids: [otherTaskId] }, []],
    ] as const) {
      expect(await found(request as unknown as JsonObject), JSON.stringify(request)).toEqual(wanted);
    }
    const ids = (await links()).map((one) => one["id"] as string);
    expect(ids).toEqual(ids.toSorted());
    const first = await call("ListArtifactTasks", { run_ids: ["r", "s"], page_size: 3 });
    const second = await call("ListArtifactTasks", { run_ids: ["r", "s"], page_token: first["next_page_token"] as string });
    expect([first["total_size"], (second["artifact_tasks"] as JsonObject[])[0]?.["id"]]).toEqual([4, ids[3]]);
  });

  test.for<{ name: string; request: JsonObject; code: string }>([
    { name: "no ids", request: {}, code: "INVALID_ARGUMENT" },
    { name: "only a type", request: { type: "OUTPUT" }, code: "INVALID_ARGUMENT" },
    { name: "an empty run id", request: { run_ids: ["r", ""] }, code: "INVALID_ARGUMENT" },
    { name: "an empty task id", request: { task_ids: [""] }, code: "INVALID_ARGUMENT" },
    { name: "an empty artifact id", request: { artifact_ids: [""] }, code: "INVALID_ARGUMENT" },
    { name: "an unknown task", request: { task_ids: ["nope"], run_ids: ["r"] }, code: "NOT_FOUND" },
    { name: "an unknown artifact", request: { artifact_ids: ["nope"] }, code: "NOT_FOUND" },
  ])("refuses $name", async ({ request, code }, { expect }) => {
    const { send } = await startArtifactWorld(by);
    expect((await send("ListArtifactTasks", request)).code).toBe(code);
  });
});

// docs/spec/api-server.md#getartifact-and-listartifacts
describe.for(WAYS)("GetArtifact and ListArtifacts over $name", (by) => {
  test("refuse an unknown artifact, and none", async ({ expect }) => {
    const { send } = await startArtifactWorld(by);
    expect(await send("GetArtifact", { artifact_id: "nope" })).toMatchObject({
      code: "NOT_FOUND",
      detail: { message: "Artifact nope not found" },
    });
    if (by.transport === "grpc") expect((await send("GetArtifact")).code).toBe("INVALID_ARGUMENT");
  });

  test("S18 API-18: one predicate on the uri finds every exact match, oldest first, unless a page is asked for", async ({
    expect,
  }) => {
    const { add, call, setTime } = await startArtifactWorld(by);
    const times = Array.from({ length: 25 }, (_, index) => 2_000 - index);
    const made: JsonObject[] = [];
    for (const seconds of times) {
      setTime(seconds);
      made.push(await add({ ...MODEL, uri: "s3://b/m" }));
    }
    for (const uri of ["s3://b/M", "s3://b/m ", "s3://b/m/", "s3://b/%6d"]) await add({ ...MODEL, uri });
    const filter = (uri: string) => JSON.stringify({ predicates: [{ operation: "EQUALS", key: "uri", string_value: uri }] });
    const all = await call("ListArtifacts", { namespace: "any", filter: filter("s3://b/m") });
    expect((all["artifacts"] as JsonObject[]).map(artifactIdOf)).toEqual(made.toReversed().map(artifactIdOf));
    expect(all["total_size"]).toBe(25);
    expect(all).not.toHaveProperty("next_page_token");
    expect((await call("ListArtifacts", { filter: filter("s3://b/%6d") }))["total_size"]).toBe(1);
    expect(await call("ListArtifacts", { filter: filter("s3://b") })).toEqual({});
    const page = await call("ListArtifacts", { filter: filter("s3://b/m"), page_size: 10, sort_by: "created_at desc" });
    expect((page["artifacts"] as JsonObject[]).map(artifactIdOf)).toEqual(made.slice(0, 10).map(artifactIdOf));
    const rest = await call("ListArtifacts", { page_token: page["next_page_token"] as string, page_size: 200 });
    expect((rest["artifacts"] as JsonObject[]).map(artifactIdOf)).toEqual(made.slice(10).map(artifactIdOf));
  });
});
