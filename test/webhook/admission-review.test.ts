import { describe, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { answerReview, readAdmissionReview } from "../../src/webhook/admission-review.ts";
import { admissionReview } from "./reviews.ts";

describe("readAdmissionReview()", () => {
  test("takes what the decision needs", ({ expect }) => {
    const object = { kind: "Workflow", metadata: { generateName: "training-" } };
    expect(readAdmissionReview(admissionReview(object))).toEqual({
      ...{ uid: "705ab4f5-6393-11e8-b7cc-42010a800002", operation: "CREATE", namespace: "team-a" },
      ...{ kind: "Workflow", name: "training-", object },
    });
    const named = admissionReview({ kind: "Workflow", metadata: { name: "training-x7k2p" } });
    expect(readAdmissionReview(named)).toMatchObject({ name: "training-x7k2p" });
  });

  test.for<[string, (review: JsonObject) => unknown]>([
    ["another version", (review) => ({ ...review, apiVersion: "admission.k8s.io/v1beta1" })],
    ["another kind", (review) => ({ ...review, kind: "TokenReview" })],
    ["no request", ({ request: _request, ...review }) => review],
    ["no uid", (review) => ({ ...review, request: { ...(review["request"] as JsonObject), uid: "" } })],
    ["a list", (review) => [review]],
    ["null", () => null],
  ])("does not take %s for one", ([, change], { expect }) => {
    expect(readAdmissionReview(change(admissionReview({})) as never)).toBeUndefined();
  });
});

describe("answerReview()", () => {
  test("allows without a word where nothing changes", ({ expect }) => {
    expect(answerReview("u1", { patch: [], warnings: [] })).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u1", allowed: true },
    });
  });

  test("has a JSON Patch in base64", ({ expect }) => {
    const { response } = answerReview("u1", { patch: [{ op: "add", path: "/a", value: "ä" }], warnings: [] });
    expect(response).toEqual({ uid: "u1", allowed: true, patchType: "JSONPatch", patch: expect.any(String) as string });
    const { patch } = response as { patch: string };
    expect(Buffer.from(patch, "base64").toString()).toBe('[{"op":"add","path":"/a","value":"ä"}]');
  });

  test("warns in one line that fits into a header", ({ expect }) => {
    const { response } = answerReview("u1", { patch: [], warnings: ["a\r\nb\u{202e}c", "x".repeat(300)] });
    expect(response).toMatchObject({ warnings: ["a b c", `${"x".repeat(255)}…`] });
  });
});
