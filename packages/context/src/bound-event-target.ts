import { storage, type SessionRecord } from "./registry.ts";

type Handler = ((this: unknown, event: Event) => unknown) | { handleEvent(event: Event): unknown };
type Options = boolean | { capture?: boolean; once?: boolean; signal?: AbortSignal } | undefined;

const bound = Symbol.for("@lazy/context/event-target");

/**
 * Makes every listener that is added from now on run in the session that adds it, or in this one if it is
 * added outside any. `removeEventListener`, `once`, `signal` and `handleEvent` objects work as before; adding
 * a listener twice still adds it once. Handler properties such as `onabort` are not covered.
 */
export function bindEventTarget(session: SessionRecord, target: EventTarget): void {
  if (Object.hasOwn(target, bound)) return;
  const { addEventListener, removeEventListener } = target as object as Record<
    "addEventListener" | "removeEventListener",
    (type: string, handler: Handler, options: Options) => void
  >;
  const wrappers = new WeakMap<object, Map<string, Handler>>();
  Object.defineProperties(target, {
    [bound]: { value: true },
    addEventListener: {
      configurable: true,
      writable: true,
      value(this: EventTarget, type: string, handler: Handler | null, options?: Options) {
        if (handler === null || handler === undefined) return;
        const wrapper = wrapperOf(wrappers, session, type, handler, options);
        addEventListener.call(this, type, wrapper, options);
      },
    },
    removeEventListener: {
      configurable: true,
      writable: true,
      value(this: EventTarget, type: string, handler: Handler | null, options?: Options) {
        if (handler === null || handler === undefined) return;
        const key = keyOf(type, options);
        const wrapper = wrappers.get(handler)?.get(key);
        wrappers.get(handler)?.delete(key);
        removeEventListener.call(this, type, wrapper ?? handler, options);
      },
    },
  });
}

/** The same wrapper while the listener is registered: that is how the target knows it again. */
function wrapperOf(
  wrappers: WeakMap<object, Map<string, Handler>>,
  binder: SessionRecord,
  type: string,
  handler: Handler,
  options: Options,
): Handler {
  const ofHandler = wrappers.get(handler) ?? new Map<string, Handler>();
  wrappers.set(handler, ofHandler);
  const key = keyOf(type, options);
  const known = ofHandler.get(key);
  if (known !== undefined) return known;
  const session = storage.getStore() ?? binder;
  const { once = false, signal } = typeof options === "object" ? options : {};
  const forget = (): void => void ofHandler.delete(key);
  const wrapper = function (this: unknown, event: Event): unknown {
    if (once) forget();
    return storage.run(session, () =>
      typeof handler === "function" ? handler.call(this, event) : handler.handleEvent(event),
    );
  };
  ofHandler.set(key, wrapper);
  if (signal?.aborted) forget();
  else signal?.addEventListener("abort", forget, { once: true });
  return wrapper;
}

function keyOf(type: string, options: Options): string {
  const capture = typeof options === "object" ? options.capture === true : options === true;
  return `${type}|${capture}`;
}
