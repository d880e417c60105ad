import { shapeOf, type Shape } from "./shape.ts";
import type { Link } from "./stage.ts";

/** Under this key a flow has its links. */
export const links: unique symbol = Symbol("lazy.flow.links");

/** A flow as text for Mermaid, which draws it: `flowchart TD` and a line per step and arrow. */
export function mermaid(name: string, chain: readonly Link[]): string {
  const drawing = new Drawing();
  const start = drawing.node(name, "round");
  drawing.chain(chain, start);
  return `flowchart TD\n${drawing.lines.map((line) => `  ${line}`).join("\n")}\n`;
}

class Drawing {
  readonly lines: string[] = [];
  #nodes = 0;

  node(label: string, form: "box" | "round" | "choice" | "stream" = "box"): string {
    const id = `n${this.#nodes}`;
    this.#nodes += 1;
    const text = `"${label.replaceAll('"', "#quot;")}"`;
    const forms = {
      box: `[${text}]`,
      round: `([${text}])`,
      choice: `{${text}}`,
      stream: `[/${text}/]`,
    };
    this.lines.push(`${id}${forms[form]}`);
    return id;
  }

  arrow(from: string, to: string, label = ""): void {
    this.lines.push(label === "" ? `${from} --> ${to}` : `${from} -->|"${label}"| ${to}`);
  }

  /** Steps one after the other, from a node on; the last node. */
  chain(chain: readonly Link[], from: string): string {
    let last = from;
    for (const { kind, name, step } of chain) {
      const form = kind === "each" || kind === "through" ? "stream" : "box";
      last = this.step(step, kind === "step" ? name : `${kind} ${name}`, last, "", form);
    }
    return last;
  }

  /** One step after a node: itself, or what it is made of. */
  step(
    step: unknown,
    name: string,
    from: string,
    label: string,
    form: "box" | "stream" = "box",
  ): string {
    const inner = (step as { [links]?: readonly Link[] } | undefined)?.[links];
    const made = shapeOf(step);
    if (inner === undefined && made === undefined) {
      const node = this.node(name, form);
      this.arrow(from, node, label);
      return node;
    }
    if (made === undefined) {
      const node = this.node(name, "round");
      this.arrow(from, node, label);
      return this.chain(inner!, node);
    }
    return this.shape(made, name, from, label);
  }

  shape(made: Shape, name: string, from: string, label: string): string {
    const title = name === made.label ? name : `${name}: ${made.label}`;
    const head = this.node(title, made.kind === "choice" ? "choice" : "box");
    this.arrow(from, head, label);
    if (made.kind === "graph") return this.graph(made, head);
    if (made.kind === "loop" || made.kind === "each") {
      const [part] = made.parts;
      const body = this.step(part!.step, part!.name, head, "");
      this.arrow(body, head, made.kind === "loop" ? "again" : "each item");
      return head;
    }
    const end = this.node(" ", "round");
    for (const part of made.parts) {
      this.arrow(
        this.step(part.step, part.name, head, made.kind === "choice" ? part.name : ""),
        end,
      );
    }
    return end;
  }

  graph(made: Shape, head: string): string {
    const nodes = new Map([["$in", head]]);
    let last = head;
    for (const { name, reads = [] } of made.parts) {
      last = this.node(name);
      nodes.set(name, last);
      for (const read of reads) this.arrow(nodes.get(read)!, last);
    }
    return last;
  }
}
