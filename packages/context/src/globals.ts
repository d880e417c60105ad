import { type InspectOptions, inspect } from "node:util";
import { GlobalsSet } from "./globals-set.ts";
import type { GlobalPolicies } from "./policy.ts";
import { NOTHING, storage } from "./registry.ts";

/** The values of a set: a function among the defaults stands for what it returns. */
export type GlobalValues<D> = {
  [K in keyof D]: D[K] extends (...args: never[]) => infer R ? R : D[K];
};

/** The keys that may be written. */
export type WritableKey<V, P> = Exclude<
  keyof V,
  { [K in keyof P]: P[K] extends { readonly readonly: true } ? K : never }[keyof P]
>;

/** Typed state of which each session has its own. Outside a session every access throws `SESSION_MISSING`. */
export type Globals<V, P = unknown> = { [K in WritableKey<V, P>]: V[K] } & {
  readonly [K in Exclude<keyof V, WritableKey<V, P>>]: V[K];
} & GlobalsMethods<V, WritableKey<V, P>>;

export interface GlobalsMethods<V, W extends keyof V = keyof V> {
  $get<K extends keyof V>(key: K): V[K];
  $set<K extends W>(key: K, value: V[K]): void;
  /**
   * Replaces the value by what the reducer returns, or keeps the value it changed in place if it returns
   * undefined. A reducer is synchronous, so that nothing comes between its read and its write: one that
   * returns a promise throws `REDUCER_ASYNC`.
   */
  $update<K extends W>(key: K, reducer: (value: V[K]) => V[K] | void): void;
  /** Adds to a number and returns the sum. */
  $add(key: { [K in W]: V[K] extends number ? K : never }[W], amount: number): number;
  /** Back to the default; without a key, all that may be written. */
  $reset(key?: W): void;
  /** A deep copy of all values of this set, as they are now. */
  $snapshot(): V;
}

export interface GlobalsOptions<V, P = unknown> {
  /**
   * The set's name on the wire, in errors and in inspect output. Defining a set with the same name and keys
   * again (a module that is loaded twice) gives access to the same values; with other keys it throws
   * `GLOBALS_NAME_TAKEN`.
   */
  readonly name?: string;
  /** What applies to single keys; see {@link GlobalPolicy}. */
  readonly policy?: P & GlobalPolicies<V>;
}

/**
 * Defines a set of globals with a default for each key, at module level. A default is a value, copied for each
 * session that touches the key, or a function, called for each session that does (wrap a function that is
 * itself the value: `() => fn`). Any number of sets share one AsyncLocalStorage: further ones cost an `await`
 * nothing.
 *
 * Throws `GLOBALS_INVALID` for a key that starts with `$` or is `then`, `POLICY_INVALID` for a policy it does
 * not know.
 */
export function defineGlobals<D extends object, const P = unknown>(
  defaults: D,
  options: GlobalsOptions<GlobalValues<D>, P> = {},
): Globals<GlobalValues<D>, P> {
  const set = new GlobalsSet(defaults as Record<string, unknown>, options);
  // An object literal's descendant: V8 keeps one made with Object.create(null) as a hash table, and a read of
  // it costs 2.7 times a bare getStore() instead of 1.4.
  const methods = Object.defineProperties(
    {},
    {
      $get: { value: (key: string) => set.read(set.place(key)) },
      $set: { value: (key: string, value: unknown) => set.write(set.place(key), value) },
      $update: {
        value: (key: string, reducer: (value: unknown) => unknown) =>
          set.update(set.place(key), reducer),
      },
      $add: { value: (key: string, amount: number) => set.add(set.place(key), amount) },
      $reset: {
        value: (key?: string) => set.reset(key === undefined ? undefined : set.place(key)),
      },
      $snapshot: { value: () => set.snapshot() },
      [inspect.custom]: { value: (_depth: number, io: InspectOptions) => set.inspect(io) },
      [Symbol.toStringTag]: { value: "Globals" },
    },
  );
  const globals: object = Object.create(methods) as object;
  set.keys.forEach((key, place) => Object.defineProperty(globals, key, accessor(set, place)));
  return Object.preventExtensions(globals) as Globals<GlobalValues<D>, P>;
}

/** The hot path: one `getStore()` and two element loads, then only what is not there yet. */
function accessor(set: GlobalsSet, place: number): PropertyDescriptor {
  const { index } = set;
  // Copies of what is imported: V8 folds a closure's constants into the code, but loads imports each time.
  const als = storage;
  const nothing = NOTHING;
  const { fork, readonly } = set.policies[place] ?? {};
  if (fork === "share") return slowAccessor(set, place);
  return {
    enumerable: true,
    get(): unknown {
      const value = als.getStore()?.sets?.[index]?.[place];
      if (value !== undefined && value !== nothing) return value;
      return set.read(place);
    },
    set: readonly === true ? slowAccessor(set, place).set : write,
  };

  function write(value: unknown): void {
    const values = als.getStore()?.sets?.[index];
    if (values === undefined || value === undefined) set.write(place, value);
    else values[place] = value;
  }
}

/** Where the current session is not the one that holds the value, or may not write it. */
function slowAccessor(
  set: GlobalsSet,
  place: number,
): Required<Pick<PropertyDescriptor, "get" | "set" | "enumerable">> {
  return {
    enumerable: true,
    get: () => set.read(place),
    set: (value) => set.write(place, value),
  };
}
