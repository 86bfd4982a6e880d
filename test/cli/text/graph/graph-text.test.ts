import { XMLValidator } from "fast-xml-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { graphTreeLines } from "../../../../src/cli/text/graph/graph-tree.ts";
import { detailText, type Graph, type GraphTask } from "../../../../src/cli/text/graph/graph-model.ts";
import { mermaidLines } from "../../../../src/cli/text/graph/mermaid.ts";
import { svgText } from "../../../../src/cli/text/graph/svg.ts";

const step = (name: string, more: Partial<GraphTask> = {}): GraphTask => ({
  ...{ name, scopePath: `root.${name}`, kind: "step", after: [], cached: true, tasks: [] },
  ...more,
});
const graph: Graph = {
  pipeline: 'p "x"',
  runId: "r1",
  state: "FAILED",
  tasks: [
    step("load", { state: "SUCCEEDED", displayName: "Load <data> & go" }),
    step("loop", {
      ...{ kind: "loop", state: "FAILED", after: ["load"], loop: { items: "parameter pipelinechannel--ks" } },
      tasks: [step("fit", { state: "FAILED", states: { FAILED: 1, SUCCEEDED: 2 } })],
    }),
    step("exit", { kind: "importer", state: "NOT RUN", after: ["loop"], always: true }),
  ],
};
const place = { environment: {}, isTerminal: false, columns: Infinity };

describe("detailText()", () => {
  test("has names as their author wrote them", () => {
    const condition = "inputs.parameter_values['pipelinechannel--train-loss'] < inputs.parameter_values['limit']";
    expect(detailText(step("a", { condition }))).toBe("if train-loss < limit");
  });
});

describe("graphTreeLines()", () => {
  test("shows what is in what, after what, in which state", () => {
    expect(graphTreeLines(graph, place).map(String)).toEqual([
      'p "x" run r1 FAILED',
      '├─ load "Load <data> & go" SUCCEEDED',
      "├─ loop FAILED (for each of ks) <- load",
      "│  └─ fit (1 FAILED, 2 SUCCEEDED)",
      "└─ exit NOT RUN (importer; whatever happens before) <- loop",
    ]);
  });
});

describe("mermaidLines()", () => {
  test("is a flowchart with escaped labels", () => {
    expect(mermaidLines(graph).map(String)).toEqual([
      "flowchart TD",
      '  %% pipeline p "x"',
      '  t1["load #34;Load #60;data#62; #38; go#34;<br/>SUCCEEDED"]',
      '  subgraph t2["loop<br/>FAILED#59; for each of ks"]',
      '    t3["fit<br/>1 FAILED, 2 SUCCEEDED"]',
      "  end",
      '  t4(["exit<br/>NOT RUN#59; importer#59; whatever happens before"])',
      "  t1 --> t2",
      "  t2 -.-> t4",
      "  classDef succeeded fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
      "  class t1 succeeded",
      "  classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328",
      "  class t2,t3 failed",
      "  classDef notrun fill:#ffffff,stroke:#8c959f,color:#1f2328,stroke-dasharray:4 3",
      "  class t4 notrun",
    ]);
  });

  test("no name gets out of its quotes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (name) => {
        const lines = mermaidLines({ pipeline: name, tasks: [step(name)] }).map(String);
        expect(lines).toHaveLength(3);
        expect(lines[1]).not.toMatch(/[{}\n\r]/);
        expect(lines[2]).toMatch(/^ {2}t1\["[^"\]\p{Cc}]*"\]$/u);
      }),
    );
  });
});

describe("svgText()", () => {
  test("has a box for each task, a line for each dependency, and states as classes", () => {
    const svg = svgText(graph);
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg.match(/<rect class="(?:task|frame)[ \w]*"/g)).toEqual([
      ...['<rect class="task succeeded"', '<rect class="frame failed"', '<rect class="task failed"', '<rect class="task notrun"'],
    ]);
    expect(svg.match(/<path class="line[ \w]*"/g)).toEqual(['<path class="line"', '<path class="line always"']);
    expect(svg).toContain(">load &quot;Load &lt;data&gt; &amp; go&quot;</text>");
  });

  test("is valid XML whatever the names are", () => {
    const names = fc.string({ unit: "binary", minLength: 1 });
    fc.assert(
      fc.property(names, names, (name, displayName) => {
        const svg = svgText({ pipeline: name, tasks: [step(name, { displayName, tasks: [step(displayName)] })] });
        expect(XMLValidator.validate(svg)).toBe(true);
        expect(svg.isWellFormed()).toBe(true);
        expect(svg).not.toMatch(/[^\P{Cc}\n]|[\u{fffe}\u{ffff}]/u);
      }),
    );
  });
});
