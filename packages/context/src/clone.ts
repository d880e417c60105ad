/**
 * A deep copy of plain data: plain objects, arrays, maps, sets, dates and binary data, with shared and cyclic
 * references kept. Functions and instances of other classes (a socket, a logger) stay shared: they are things
 * rather than values. `structuredClone` would throw on the former and strip the latter of their methods.
 */
export function clone<T>(value: T): T {
  return isPrimitive(value) ? value : (cloneObject(value as object, new Map()) as T);
}

function cloneAny(value: unknown, seen: Map<object, object>): unknown {
  return isPrimitive(value) ? value : cloneObject(value as object, seen);
}

function cloneObject(value: object, seen: Map<object, object>): object {
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    copy.length = value.length;
    seen.set(value, copy);
    for (let i = 0; i < value.length; i++) if (i in value) copy[i] = cloneAny(value[i], seen);
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    const copy = Object.create(prototype) as Record<PropertyKey, unknown>;
    seen.set(value, copy);
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key);
      if (descriptor === undefined) continue;
      if ("value" in descriptor) descriptor.value = cloneAny(descriptor.value, seen);
      Object.defineProperty(copy, key, descriptor);
    }
    return copy;
  }
  if (prototype === Map.prototype) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [k, v] of value as Map<unknown, unknown>)
      copy.set(cloneAny(k, seen), cloneAny(v, seen));
    return copy;
  }
  if (prototype === Set.prototype) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const v of value as Set<unknown>) copy.add(cloneAny(v, seen));
    return copy;
  }
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const copy = Buffer.isBuffer(value) ? Buffer.from(value) : structuredClone(value);
    seen.set(value, copy);
    return copy;
  }
  return value;
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value !== "object";
}
