import type { Store } from "../store.ts";

/** Something a store or its host can do or not; a case that needs what is missing is skipped. */
export type ContractNeed =
  /** `host.restart()`: the store keeps its queues over a close and a new open. */
  | "restart"
  /** `host.crash()`: the same over the death of the process. */
  | "crash"
  /** `host.advance()`: the store goes by a clock that the test moves. */
  | "clock"
  /** `follow`. */
  | "live"
  /** `readInto`. */
  | "copy"
  | "forks"
  | "leases";

/** A fresh, empty store and what can be done to it. One is made for each case. */
export interface ContractHost {
  /** The store as it is now; another one after a restart or crash. */
  readonly store: Store;
  /** Close the store and open it again. */
  restart?(): Promise<void>;
  /** Let the store's process die, as `kill -9` would, and open it again. */
  crash?(): Promise<void>;
  /** Let this many milliseconds pass on the store's clock, and do what came due. */
  advance?(ms: number): void | Promise<void>;
  /** Let go of everything. Called after each case, whether it passed or not. */
  close(): Promise<void>;
}

/** One promise of the contract and how to see it kept. */
export interface ContractCase {
  readonly group: string;
  /** States the behaviour. */
  readonly name: string;
  readonly needs: readonly ContractNeed[];
  /** Rejects with an `AssertionError`, or what the store threw, when the promise is broken. */
  run(host: ContractHost): Promise<void>;
}

type Body = (store: Store, host: Required<ContractHost>) => Promise<void>;

/** Cases of one group, by name; wrap a body in {@link needing} when not every store can run it. */
export function casesOf(
  group: string,
  bodies: Readonly<Record<string, Body | { readonly needs: readonly ContractNeed[]; body: Body }>>,
): ContractCase[] {
  return Object.entries(bodies).map(([name, entry]) => {
    const { needs, body } = typeof entry === "function" ? { needs: [], body: entry } : entry;
    // A host lacks only methods that `needs` would have told the runner to skip the case for.
    return { group, name, needs, run: (host) => body(host.store, host as Required<ContractHost>) };
  });
}

/** A body that only some stores or hosts can run. */
export function needing(
  need: ContractNeed | readonly ContractNeed[],
  body: Body,
): { needs: readonly ContractNeed[]; body: Body } {
  return { needs: typeof need === "string" ? [need] : need, body };
}
