import { storage, type SessionRecord } from "./registry.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/**
 * A function that runs in the session, with the caller's `this` and arguments and the target's `length` (by
 * which Express tells an error handler). Only the current session is switched: other AsyncLocalStorages keep
 * what the caller has, and creating it costs a closure instead of an `AsyncResource`.
 */
export function bindFunction(
  session: SessionRecord,
  target: AnyFunction | object,
  bindStream: (result: object) => object | undefined,
): AnyFunction {
  const fn = target as AnyFunction;
  const call = (self: unknown, args: ArrayLike<unknown>): unknown => {
    const result: unknown = storage.run(session, Reflect.apply, fn, self, args);
    if (typeof result !== "object" || result === null) return result;
    return bindStream(result) ?? result;
  };
  return withLength(fn.length, call);
}

/** Literals up to four parameters: `Object.defineProperty(fn, "length")` would cost more than all the rest. */
function withLength(
  length: number,
  call: (self: unknown, args: ArrayLike<unknown>) => unknown,
): AnyFunction {
  /* oxlint-disable no-unused-vars, prefer-rest-params -- declared for the length alone */
  switch (length) {
    case 0:
      return function (this: unknown) {
        return call(this, arguments);
      };
    case 1:
      return function (this: unknown, _a: unknown) {
        return call(this, arguments);
      };
    case 2:
      return function (this: unknown, _a: unknown, _b: unknown) {
        return call(this, arguments);
      };
    case 3:
      return function (this: unknown, _a: unknown, _b: unknown, _c: unknown) {
        return call(this, arguments);
      };
    case 4:
      return function (this: unknown, _a: unknown, _b: unknown, _c: unknown, _d: unknown) {
        return call(this, arguments);
      };
    default: {
      const bound = function (this: unknown, ...args: unknown[]) {
        return call(this, args);
      };
      return Object.defineProperty(bound, "length", { value: length });
    }
  }
}
