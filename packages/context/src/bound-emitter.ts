import type { Emitter } from "./kind.ts";
import { storage, type SessionRecord } from "./registry.ts";

type Listener = (this: unknown, ...args: unknown[]) => unknown;
type Add = (type: string | symbol, listener: Listener) => unknown;

const bound = Symbol.for("@lazy/context/emitter");

/**
 * Makes every listener that is added from now on run in the session that adds it, or in this one if it is
 * added outside any, whoever emits. The emitter stays the same object; `off`, `once` and `listeners` work
 * with the listeners that were given. Binding it again changes nothing.
 */
export function bindEmitter(session: SessionRecord, emitter: Emitter): void {
  if (Object.hasOwn(emitter, bound)) return;
  const own = emitter as object as Record<string, Add | undefined>;
  const replace = (name: string, make: (original: Add) => Add): void => {
    const original = own[name];
    if (typeof original !== "function") return;
    Object.defineProperty(emitter, name, {
      value: make(original),
      writable: true,
      configurable: true,
    });
  };
  const { on, prependListener = on } = own as { on: Add; prependListener?: Add };
  for (const name of ["on", "addListener", "prependListener"]) {
    replace(
      name,
      (original) =>
        function (this: Emitter, type, listener) {
          return original.call(this, type, adopt(session, listener));
        },
    );
  }
  replace(
    "once",
    () =>
      function (this: Emitter, type, listener) {
        return on.call(this, type, adoptOnce(session, this, type, listener));
      },
  );
  replace(
    "prependOnceListener",
    () =>
      function (this: Emitter, type, listener) {
        return prependListener.call(this, type, adoptOnce(session, this, type, listener));
      },
  );
  Object.defineProperty(emitter, bound, { value: true });
}

/** `listener.listener` is how Node finds the wrapper of a listener that is to be removed. */
function adopt(binder: SessionRecord, listener: Listener & { listener?: Listener }): Listener {
  if (typeof listener !== "function") return listener;
  const session = storage.getStore() ?? binder;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return storage.run(session, Reflect.apply, listener, this, args);
  };
  wrapper.listener = listener.listener ?? listener;
  return wrapper;
}

/** Not Node's own: that looks for its wrapper by identity when it fires, and would find ours. */
function adoptOnce(
  binder: SessionRecord,
  emitter: Emitter,
  type: string | symbol,
  listener: Listener,
): Listener {
  if (typeof listener !== "function") return listener;
  const call = adopt(binder, listener);
  let fired = false;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    if (fired) return undefined;
    fired = true;
    emitter.removeListener(type, wrapper);
    return call.apply(this, args);
  };
  wrapper.listener = listener;
  return wrapper;
}
