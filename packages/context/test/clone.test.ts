import { isDeepStrictEqual } from "node:util";
import { defineGlobals, session } from "@lazy/context";
import fc from "fast-check";
import { expect, test } from "vitest";

const set = defineGlobals<{ value: unknown }>({ value: null });

/** What a fork gets for a value of its parent. */
function copy<T>(value: T): T {
  return session.run((s) => {
    set.value = value;
    return s.fork(() => [set.value as T])[0]!;
  });
}

/** Every object that can be reached from a value. */
function objectsIn(value: unknown, seen = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null || seen.has(value)) return seen;
  seen.add(value);
  const inner =
    value instanceof Map
      ? [...value].flat()
      : value instanceof Set
        ? [...value]
        : Object.values(value);
  for (const one of inner) objectsIn(one, seen);
  return seen;
}

function isInvalidDate(value: object): boolean {
  return value instanceof Date && Number.isNaN(value.getTime());
}

test("an invalid date is copied as one", () => {
  const value = new Date(Number.NaN);
  const copied = copy(value);
  expect(isInvalidDate(copied)).toBe(true);
  expect(copied).not.toBe(value);
});

test("any plain data is copied for a fork, and shares nothing with its parent's", () => {
  const anything = fc.anything({
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withBigInt: true,
    withSparseArray: true,
  });
  // To Node 20's comparison no invalid date is like another.
  const data = anything.filter((value) => ![...objectsIn(value)].some(isInvalidDate));
  fc.assert(
    fc.property(data, (value) => {
      const copied = copy(value);
      expect(isDeepStrictEqual(copied, value)).toBe(true);
      const original = objectsIn(value);
      for (const one of objectsIn(copied)) expect(original.has(one)).toBe(false);
    }),
  );
});

test("cycles and shared references stay what they are", () => {
  const shared = { n: 1 };
  const value: { self?: unknown; a: object; b: object } = { a: shared, b: shared };
  value.self = value;
  const copied = copy(value);
  expect(copied.self).toBe(copied);
  expect(copied.a).toBe(copied.b);
  expect(copied.a).not.toBe(shared);
});

test("things that are no values are shared: functions, instances, promises", () => {
  class Socket {
    open = true;
  }
  const value = {
    socket: new Socket(),
    call: () => 1,
    promise: Promise.resolve(),
    error: new Error("x"),
  };
  const copied = copy(value);
  expect(copied.socket).toBe(value.socket);
  expect(copied.call).toBe(value.call);
  expect(copied.promise).toBe(value.promise);
  expect(copied.error).toBe(value.error);
});

test("buffers, getters and symbols are kept", () => {
  const symbol = Symbol("s");
  const value = {
    bytes: Buffer.from("abc"),
    get now() {
      return 1;
    },
    [symbol]: [1],
  };
  const copied = copy(value);
  expect(Buffer.isBuffer(copied.bytes)).toBe(true);
  expect([copied.bytes.toString(), copied.now, copied[symbol]]).toEqual(["abc", 1, [1]]);
  expect(copied.bytes).not.toBe(value.bytes);
});
