import { type Combinator, combinator, outward } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { endedOf } from "./scope.ts";
import { Siblings } from "./siblings.ts";
import { toSource } from "./source.ts";
import { isThenable } from "./thenable.ts";
import type { Fresh, Mode, ModeAfter } from "./result.ts";

/** What a node gets: the outputs of the nodes it reads, in that order. */
export type Reads<Nodes, D extends readonly (keyof Nodes)[]> = {
  -readonly [K in keyof D]: D[K] extends keyof Nodes ? Nodes[D[K]] : never;
};

/**
 * Steps that read each other's outputs by name. A node can only read nodes that are there already, so there
 * is no cycle to look for. It is immutable: each method returns a new graph.
 */
export interface Graph<Input, Nodes, M extends Mode> {
  /**
   * A node that reads others: `"$in"` is what the graph was called with. Without any it is a constant.
   * The context is the last argument.
   */
  node<const N extends string, const D extends readonly (keyof Nodes & string)[], R>(
    name: Fresh<N, keyof Nodes & string>,
    reads: D,
    run: (...parameters: [...Reads<Nodes, D>, StepContext]) => R,
  ): Graph<Input, Nodes & Record<N, Awaited<R>>, ModeAfter<M, R>>;

  /**
   * The graph as a step that gives the output of one node, or of several as a tuple. Nodes that it does not
   * need are not run; the others run as soon as what they read is there.
   */
  out<N extends keyof Nodes & string>(
    name: N,
  ): Combinator<Input, M extends "sync" ? Nodes[N] : Promise<Nodes[N]>>;
  out<const N extends readonly (keyof Nodes & string)[]>(
    names: N,
  ): Combinator<Input, M extends "sync" ? Reads<Nodes, N> : Promise<Reads<Nodes, N>>>;
}

/** A graph without nodes yet. */
export function graph<Input>(): Graph<Input, { $in: Input }, "sync"> {
  return new GraphBuilder([]) as unknown as Graph<Input, { $in: Input }, "sync">;
}

interface Node {
  readonly name: string;
  readonly reads: readonly string[];
  readonly run: (...parameters: unknown[]) => unknown;
}

class GraphBuilder {
  readonly #nodes: readonly Node[];

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  node(name: string, reads: readonly string[], run: Node["run"]): GraphBuilder {
    if (typeof run !== "function") throw new TypeError(`graph: node "${name}" has no function.`);
    if (name === "$in" || this.#nodes.some((node) => node.name === name)) {
      throw new TypeError(`graph: there is a node "${name}" already.`);
    }
    this.#check(reads, `node "${name}" reads`);
    return new GraphBuilder([...this.#nodes, { name, reads, run }]);
  }

  out(wanted: string | readonly string[]): unknown {
    const names = typeof wanted === "string" ? [wanted] : wanted;
    this.#check(names, "out names");
    const needed = new Set(names);
    const nodes = this.#nodes.toReversed().filter(({ name, reads }) => {
      if (!needed.has(name)) return false;
      for (const read of reads) needed.add(read);
      return true;
    });
    nodes.reverse();
    const parts = nodes.map(({ name, reads, run }) => ({ name, reads, step: run }));
    return combinator(
      "graph",
      { kind: "graph", label: "graph", parts },
      (input: unknown, context: RunContext) =>
        runNodes(nodes, typeof wanted === "string" ? wanted : names, input, context),
    );
  }

  #check(names: readonly string[], what: string): void {
    const missing = names.find(
      (name) => name !== "$in" && !this.#nodes.some((node) => node.name === name),
    );
    if (missing === undefined) return;
    throw new TypeError(
      `graph: ${what} "${missing}", which is not declared before it; there are ${["$in", ...this.#nodes.map(({ name }) => name)].join(", ")}.`,
    );
  }
}

/** Nodes stand in an order in which each comes after those it reads. */
function runNodes(
  nodes: readonly Node[],
  wanted: string | readonly string[],
  input: unknown,
  context: RunContext,
): unknown {
  const siblings = new Siblings(context);
  /** Values, or promises of them. */
  const outputs = new Map<string, unknown>([["$in", input]]);
  const read = (names: readonly string[]): unknown => {
    const values = names.map((name) => outputs.get(name));
    return values.some(isThenable) ? Promise.all(values) : values;
  };
  const runNode = (node: Node, values: readonly unknown[]): unknown => {
    const inner = siblings.context.at(node.name);
    const namer = inner.branch;
    const give = (result: unknown): unknown => {
      const source =
        typeof result === "object" && result !== null
          ? toSource(result, node.name, namer)
          : undefined;
      return source === undefined ? result : outward(source, inner);
    };
    const aborted = endedOf(inner.scope);
    if (aborted !== undefined) throw aborted.reason;
    try {
      const result = node.run(...values, inner);
      if (!isThenable(result)) return give(result);
      return result.then(give, (error: unknown) => {
        throw namer.blame(error, node.name);
      });
    } catch (error) {
      throw namer.blame(error, node.name);
    }
  };
  const fail = async (error: unknown): Promise<never> => {
    await siblings.fail(error);
    throw error;
  };
  const waiting: PromiseLike<unknown>[] = [];
  try {
    for (const node of nodes) {
      const values = read(node.reads);
      const output = isThenable(values)
        ? values.then((ready) => runNode(node, ready as unknown[]))
        : runNode(node, values as unknown[]);
      outputs.set(node.name, output);
      if (isThenable(output)) {
        siblings.active += 1;
        const settled = (): void => siblings.settled();
        output.then(settled, settled);
        waiting.push(output);
      }
    }
  } catch (error) {
    if (waiting.length === 0) throw error;
    return fail(error);
  }
  const end = (): unknown => {
    siblings.end();
    return typeof wanted === "string" ? outputs.get(wanted) : read(wanted);
  };
  return waiting.length === 0 ? end() : Promise.all(waiting).then(end, fail);
}
