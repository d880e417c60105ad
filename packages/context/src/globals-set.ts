import { type InspectOptions, inspect } from "node:util";
import { clone } from "./clone.ts";
import {
  SessionError,
  argumentError,
  describe,
  sessionDisposed,
  sessionMissing,
} from "./errors.ts";
import { checkPolicies, type GlobalPolicy } from "./policy.ts";
import { NOTHING, registry, storage, type GlobalsRecord, type SessionRecord } from "./registry.ts";
import type { SessionOutcome } from "./session.ts";

/** A set of globals: what its keys are, and how their values are read, written, forked, joined and sent. */
export class GlobalsSet implements GlobalsRecord {
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
