import { describe, expect, it } from "vitest";
import { answerTo, parseQuestion } from "./dns-message.ts";

/** `dig +noedns ml-pipeline.kubeflow A`, by hand: id 7, recursion desired, one question. */
function query(name: string, type: number): Buffer {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
}

describe("answers to DNS questions", () => {
  it("name the address", () => {
    const asked = query("ML-pipeline.kubeflow", 1);
    const question = parseQuestion(asked);
    expect(question).toMatchObject({ id: 7, name: "ml-pipeline.kubeflow", type: 1 });
    const answer = answerTo(question!, "10.96.1.2");
    expect([...answer.subarray(0, 12)]).toEqual([0, 7, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    expect(answer.subarray(12, asked.length)).toEqual(asked.subarray(12));
    expect([...answer.subarray(asked.length)]).toEqual([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 1, 2]);
  });

  it("are empty for another type, and say so when there is no such name", () => {
    const question = parseQuestion(query("ml-pipeline.kubeflow", 28))!;
    expect([...answerTo(question, "10.96.1.2").subarray(2, 8)]).toEqual([0x85, 0x80, 0, 1, 0, 0]);
    expect([...answerTo(question, undefined).subarray(2, 8)]).toEqual([0x85, 0x83, 0, 1, 0, 0]);
  });

  it("are not given to what is no question", () => {
    for (const text of [[], [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1], [...query("a.b", 1)].slice(0, -3)])
      expect(parseQuestion(Buffer.from(text))).toBeUndefined();
  });
});
