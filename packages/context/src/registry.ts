import { AsyncLocalStorage } from "node:async_hooks";
import { SessionError } from "./errors.ts";

/**
 * What every copy of this package in a process may rely on in the objects it shares with the others. Change
 * it, and {@link LAYOUT} must change too. Plain fields, since `#private` ones cannot be read by another copy.
 */
export interface SessionRecord {
  /** `sets[set][key]`: the session's values, made on first touch. Undefined before that and after the end. */
  sets: (unknown[] | undefined)[] | undefined;
  /** 0 open, 1 ending (disposers may be running), 2 disposed. */
  phase: 0 | 1 | 2;
  /** The session this one was forked from, until the end. */
  parent: SessionRecord | undefined;
  /** What frameworks attached, and the trace headers that `extract` received. */
  attached: Attached | undefined;
  readonly id: string;
  /** A fork has been opened: this session does not end before `leaveFork`. */
  enterFork(fork: SessionRecord): void;
  leaveFork(fork: SessionRecord): void;
  abort(reason: unknown): void;
  close(outcome: { status: "aborted"; reason: unknown }): Promise<unknown>;
}

export interface Attached {
  framework?: object;
  traceparent?: string;
  tracestate?: string;
  baggage?: string;
}

/** A set of globals as the other copies need to know it. */
export interface GlobalsRecord {
  /** Its place in `SessionRecord.sets`. */
  readonly index: number;
  readonly name: string | undefined;
  readonly keys: readonly string[];
  /** The values of a new fork of a session whose values these are. */
  forkValues(values: readonly unknown[]): unknown[];
  /** Applies the `join` policies when a fork ends. */
  joinValues(parent: SessionRecord, values: readonly unknown[], outcome: unknown): void;
  /** What `inject` sends: the touched keys whose policy says `propagate`. */
  propagated(values: readonly unknown[]): Record<string, unknown> | undefined;
  /** Sets what `extract` received, and returns the keys it refused. */
  receive(session: SessionRecord, received: Readonly<Record<string, unknown>>): string[];
}

export interface Registry {
  readonly layout: number;
  /** The one AsyncLocalStorage: each further one makes every `await` of the process dearer. */
  readonly storage: AsyncLocalStorage<SessionRecord | undefined>;
  readonly globals: GlobalsRecord[];
  /** As long as `globals`: what a session's `sets` are copied from. */
  readonly untouched: undefined[];
  opened: number;
  closed: number;
  refused: number;
  /** Whether `AsyncResource` carries the context on this runtime; found out on first use. */
  resourcesCarry: boolean | undefined;
  /** Whether the steps that queue in an async generator keep their context; found out on first use. */
  queuesCarry: boolean | undefined;
}

const LAYOUT = 1;
const key = Symbol.for("@lazy/context/registry");

/**
 * The package's only module state, on `globalThis`, so that two installed copies share their sessions.
 */
export const registry: Registry = shared();
export const storage: Registry["storage"] = registry.storage;

/** A value that was written as `undefined`; `undefined` itself in a slot means never touched. */
export const NOTHING: unique symbol = Symbol.for("@lazy/context/nothing") as typeof NOTHING;

function shared(): Registry {
  const scope = globalThis as { [key]?: Registry };
  const existing = scope[key];
  if (existing === undefined) {
    const created: Registry = {
      layout: LAYOUT,
      storage: new AsyncLocalStorage(),
      globals: [],
      untouched: [],
      opened: 0,
      closed: 0,
      refused: 0,
      resourcesCarry: undefined,
      queuesCarry: undefined,
    };
    Object.defineProperty(scope, key, { value: created });
    return created;
  }
  if (existing.layout !== LAYOUT) {
    throw new SessionError(
      "COPY_CONFLICT",
      `Two copies of @lazy/context are loaded that cannot share sessions (layout ${existing.layout} and ` +
        `${LAYOUT}). Install one version: npm ls @lazy/context shows who asks for which.`,
    );
  }
  return existing;
}
