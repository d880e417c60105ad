import { flow, graph, loop, parallel, switchOn, warp, when } from "@lazy/flow";
import { expect, it } from "vitest";

const same = (n: number): number => n;

it("draws every kind of step, once each, with arrows between nodes that exist", () => {
  const text = flow<number>("whole")
    .step("first", same)
    .step("fan", parallel({ left: same, right: flow<number>("inner").step("deep", same) }))
    .step("list", ({ left, right }) => [left, right])
    .step("all", warp(same, { concurrency: 2 }))
    .step("sum", (all) => all[0]!)
    .step("again", loop(same, { max: 3 }))
    .step("route", switchOn((n: number) => (n > 0 ? "up" : "down")).cases({ up: same, down: same }))
    .step(
      "guard",
      when((n) => n > 0, same),
    )
    .step(
      "net",
      graph<number>()
        .node("a", ["$in"], same)
        .node("b", ["$in", "a"], (x, y) => x + y)
        .out("b"),
    )
    .step("llm", async function* (n) {
      yield n;
    })
    .each("trim", same)
    .through("join", (numbers) => numbers)
    .collect()
    .toMermaid();
  expect(text).toMatchInlineSnapshot(`
    "flowchart TD
      n0(["whole"])
      n1["first"]
      n0 --> n1
      n2["fan: parallel"]
      n1 --> n2
      n3([" "])
      n4["left"]
      n2 --> n4
      n4 --> n3
      n5(["right"])
      n2 --> n5
      n6["deep"]
      n5 --> n6
      n6 --> n3
      n7["list"]
      n3 --> n7
      n8["all: warp × 2"]
      n7 --> n8
      n9["same"]
      n8 --> n9
      n9 -->|"each item"| n8
      n10["sum"]
      n8 --> n10
      n11["again: loop ≤ 3"]
      n10 --> n11
      n12["same"]
      n11 --> n12
      n12 -->|"again"| n11
      n13{"route: switchOn"}
      n11 --> n13
      n14([" "])
      n15["up"]
      n13 -->|"up"| n15
      n15 --> n14
      n16["down"]
      n13 -->|"down"| n16
      n16 --> n14
      n17{"guard: when"}
      n14 --> n17
      n18([" "])
      n19["then"]
      n17 -->|"then"| n19
      n19 --> n18
      n20["otherwise"]
      n17 -->|"otherwise"| n20
      n20 --> n18
      n21["net: graph"]
      n18 --> n21
      n22["a"]
      n21 --> n22
      n23["b"]
      n21 --> n23
      n22 --> n23
      n24["llm"]
      n23 --> n24
      n25[/"each trim"/]
      n24 --> n25
      n26[/"through join"/]
      n25 --> n26
      n27["collect all"]
      n26 --> n27
    "
  `);
  const defined = new Set([...text.matchAll(/^ {2}(n\d+)[[({]/gm)].map(([, id]) => id));
  for (const [, from, to] of text.matchAll(/(n\d+) -->(?:\|[^|]*\|)? (n\d+)/g)) {
    expect(defined).toContain(from);
    expect(defined).toContain(to);
  }
});

it("escapes quotes in names", () => {
  expect(flow('a "b"').toMermaid()).toContain("a #quot;b#quot;");
});
