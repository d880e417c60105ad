import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { registry, storage, type SessionRecord } from "./registry.ts";

/** The whole asynchronous context of one place, to be entered again for each step of a stream. */
export interface Scope {
  runInAsyncScope<A extends unknown[], R>(fn: (...args: A) => R, thisArg: unknown, ...args: A): R;
}

/**
 * Captures the present context with this session as the current one. Entering it through one `AsyncResource`
 * costs a step 1.0 to 1.1 times an unbound one; `AsyncLocalStorage.snapshot()` 2.4, `run` on each step 3.3.
 */
export function createScope(session: SessionRecord): Scope {
  return storage.run(session, captureContext);
}

/**
 * Captures the whole asynchronous context of this place, the session and other AsyncLocalStorages included,
 * for a library that enters it once per step of a stream; see `session.bind` and `session.snapshot` otherwise.
 */
export function captureContext(): Scope {
  registry.resourcesCarry ??= resourcesCarry();
  if (registry.resourcesCarry) return new AsyncResource("LazySession");
  const enter = AsyncLocalStorage.snapshot();
  return {
    runInAsyncScope: (fn, thisArg, ...args) => enter(() => fn.apply(thisArg, args)),
  };
}

/** Bun and Deno have had an `AsyncResource` that kept nothing: ask rather than know. */
function resourcesCarry(): boolean {
  const probe = new AsyncLocalStorage<number>();
  const resource = probe.run(1, () => new AsyncResource("LazySessionProbe"));
  const carries = probe.run(2, () => resource.runInAsyncScope(() => probe.getStore())) === 1;
  probe.disable();
  return carries;
}
