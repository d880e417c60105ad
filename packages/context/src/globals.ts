import { type InspectOptions, inspect } from "node:util";
import { clone } from "./clone.ts";
import {
  SessionError,
  argumentError,
  describe,
  sessionDisposed,
  sessionMissing,
} from "./errors.ts";
import { checkPolicies, type GlobalPolicies, type GlobalPolicy } from "./policy.ts";
import { NOTHING, registry, storage, type GlobalsRecord, type SessionRecord } from "./registry.ts";
import type { SessionOutcome } from "./session.ts";

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

class GlobalsSet implements GlobalsRecord {
  readonly index: number;
  readonly name: string | undefined;
  readonly keys: readonly string[];
  readonly policies: readonly (GlobalPolicy<unknown> | undefined)[];
  readonly #defaults: readonly unknown[];
  readonly #untouched: readonly undefined[];

  constructor(
    defaults: Readonly<Record<string, unknown>>,
    options: { readonly name?: string; readonly policy?: object },
  ) {
    const keys = checkDefaults(defaults);
    const { name, policy = {} } = checkOptions(options);
    checkPolicies(keys, policy, name !== undefined);
    const earlier = name === undefined ? undefined : registry.globals.find((g) => g.name === name);
    if (earlier !== undefined && earlier.keys.toSorted().join() !== keys.toSorted().join()) {
      throw new SessionError(
        "GLOBALS_NAME_TAKEN",
        `Globals named ${describe(name)} are already defined with the keys ${earlier.keys.join(", ")}. ` +
          "Give each set a name of its own.",
        { details: { name, keys: earlier.keys } },
      );
    }
    this.name = name;
    this.keys = earlier?.keys ?? keys;
    this.policies = this.keys.map((key) => (policy as Record<string, object | undefined>)[key]);
    this.#defaults = this.keys.map((key) => defaults[key]);
    this.#untouched = this.keys.map(() => undefined);
    this.index = earlier?.index ?? registry.globals.length;
    registry.globals[this.index] = this;
    registry.untouched[this.index] = undefined;
  }

  place(key: string): number {
    const place = this.keys.indexOf(key);
    if (place === -1) {
      throw argumentError(
        "GLOBALS_INVALID",
        `${this.#label} have no key ${describe(key)}; the keys are ${this.keys.join(", ")}.`,
      );
    }
    return place;
  }

  read(place: number): unknown {
    return this.#readIn(this.#owner(place), place);
  }

  write(place: number, value: unknown): void {
    const owner = this.#owner(place);
    if (this.policies[place]?.readonly === true) throw this.#readonly(place);
    this.#store(owner, place, value);
  }

  update(place: number, reducer: (value: unknown) => unknown): void {
    const owner = this.#owner(place);
    if (this.policies[place]?.readonly === true) throw this.#readonly(place);
    const result = reducer(this.#readIn(owner, place));
    this.#refusePromise(place, "$update's reducer", result);
    if (result !== undefined) this.#store(owner, place, result);
  }

  add(place: number, amount: number): number {
    const owner = this.#owner(place);
    if (this.policies[place]?.readonly === true) throw this.#readonly(place);
    const value = this.#readIn(owner, place);
    if (typeof value !== "number" || typeof amount !== "number") {
      throw argumentError(
        "GLOBALS_INVALID",
        `$add adds numbers: ${this.keys[place]} is ${describe(value)}, the amount ${describe(amount)}.`,
      );
    }
    const sum = value + amount;
    this.#store(owner, place, sum);
    return sum;
  }

  reset(place: number | undefined): void {
    if (place !== undefined && this.policies[place]?.readonly === true) throw this.#readonly(place);
    for (const one of place === undefined ? this.keys.keys() : [place]) {
      const values = this.#owner(one).sets?.[this.index];
      if (values !== undefined && this.policies[one]?.readonly !== true) values[one] = undefined;
    }
  }

  snapshot(): Record<string, unknown> {
    return Object.fromEntries(this.keys.map((key, place) => [key, clone(this.read(place))]));
  }

  forkValues(values: readonly unknown[]): unknown[] {
    return values.map((value, place) => {
      const { fork = "copy" } = this.policies[place] ?? {};
      return fork === "copy" ? clone(value) : undefined;
    });
  }

  joinValues(parent: SessionRecord, values: readonly unknown[], outcome: SessionOutcome): void {
    values.forEach((value, place) => {
      const join = this.policies[place]?.join;
      if (join === undefined || value === undefined) return;
      const child = value === NOTHING ? undefined : value;
      const joined: unknown = join(this.#readIn(parent, place), child, outcome);
      this.#refusePromise(place, "the join policy", joined);
      if (joined !== undefined) this.#store(parent, place, joined);
    });
  }

  propagated(values: readonly unknown[]): Record<string, unknown> | undefined {
    let result: Record<string, unknown> | undefined;
    values.forEach((value, place) => {
      const key = this.keys[place];
      if (key === undefined || value === undefined || value === NOTHING) return;
      if (this.policies[place]?.propagate) (result ??= {})[key] = value;
    });
    return result;
  }

  receive(session: SessionRecord, received: Readonly<Record<string, unknown>>): string[] {
    const refused: string[] = [];
    for (const [key, value] of Object.entries(received)) {
      const place = this.keys.indexOf(key);
      const propagate = this.policies[place]?.propagate;
      if (!propagate) {
        refused.push(key);
        continue;
      }
      try {
        this.#store(session, place, typeof propagate === "function" ? propagate(value) : value);
      } catch {
        refused.push(key);
      }
    }
    return refused;
  }

  inspect(options: InspectOptions): string {
    const session = storage.getStore();
    const values = session?.sets?.[this.index];
    const shown = this.keys.map((key, place) => {
      const value = values?.[place];
      if (value === undefined) return `${key}: <untouched>`;
      return `${key}: ${inspect(value === NOTHING ? undefined : value, options)}`;
    });
    const where = session === undefined ? " outside a session" : "";
    return `Globals${this.name === undefined ? "" : ` ${this.name}`}${where} { ${shown.join(", ")} }`;
  }

  /** The session that holds a key: the current one, or for `share` the outermost of its line. */
  #owner(place: number): SessionRecord {
    let session = storage.getStore();
    if (session === undefined) throw sessionMissing();
    if (this.policies[place]?.fork === "share") {
      while (session.parent !== undefined) session = session.parent;
    }
    if (session.phase === 2) throw sessionDisposed(session.id);
    return session;
  }

  #readIn(session: SessionRecord, place: number): unknown {
    const stored = session.sets?.[this.index]?.[place];
    if (stored === NOTHING) return undefined;
    if (stored !== undefined) return stored;
    const initial = this.#defaults[place];
    const value: unknown = typeof initial === "function" ? initial() : clone(initial);
    this.#store(session, place, value);
    return value;
  }

  #store(session: SessionRecord, place: number, value: unknown): void {
    // Copies of a template are packed and of the right size at once: one kind of elements for all sessions.
    session.sets ??= registry.untouched.slice();
    const values = (session.sets[this.index] ??= this.#untouched.slice());
    values[place] = value === undefined ? NOTHING : value;
  }

  #refusePromise(place: number, who: string, value: unknown): void {
    const then: unknown = (value as { then?: unknown } | null | undefined)?.then;
    if (typeof then !== "function") return;
    Promise.resolve(value).catch(() => undefined);
    throw argumentError(
      "REDUCER_ASYNC",
      `${who} of ${this.keys[place]} returned a promise. Await first, then update with the result: ` +
        "only a synchronous reducer cannot lose another update.",
    );
  }

  #readonly(place: number): SessionError {
    const key = this.keys[place];
    return new SessionError(
      "READONLY",
      `${this.#label}: ${key} is readonly. Its value comes from its default, its parent session or session.extract.`,
      { details: { key } },
    );
  }

  get #label(): string {
    return this.name === undefined ? "These globals" : `The globals ${describe(this.name)}`;
  }
}

function checkDefaults(defaults: Readonly<Record<string, unknown>>): string[] {
  if (typeof defaults !== "object" || defaults === null) {
    throw argumentError(
      "GLOBALS_INVALID",
      `defineGlobals needs an object with a default for each key, not ${describe(defaults)}.`,
    );
  }
  const keys = Object.keys(defaults);
  for (const key of keys) {
    if (!key.startsWith("$") && key !== "then" && key !== "__proto__") continue;
    throw argumentError(
      "GLOBALS_INVALID",
      `defineGlobals: ${describe(key)} cannot be a key; keys starting with $, "then" and "__proto__" are taken.`,
    );
  }
  return keys;
}

function checkOptions(options: { readonly name?: string; readonly policy?: object }): {
  name?: string;
  policy?: object;
} {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (option === "name" && typeof value === "string" && value !== "") continue;
    if (option === "policy" && typeof value === "object" && value !== null) continue;
    throw argumentError(
      "OPTIONS_INVALID",
      `defineGlobals: the option ${describe(option)} cannot be ${describe(value)}; ` +
        "there are name (a text) and policy (an object).",
    );
  }
  return options;
}
