import { types } from "node:util";

export type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** A generator, or another object with `next` that is its own iterator. */
export function isIterator(value: object): value is AnyIterator {
  return (
    types.isGeneratorObject(value) ||
    ((Symbol.asyncIterator in value || Symbol.iterator in value) &&
      "next" in value &&
      typeof value.next === "function")
  );
}

export function isAsync(iterator: AnyIterator): iterator is AsyncIterator<unknown> {
  return Symbol.asyncIterator in iterator;
}
