import { types } from "node:util";

export type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** What is used of a Node stream. */
export interface NodeStream extends Emitter {
  pipe(...args: unknown[]): unknown;
  readonly readable?: boolean;
  destroy(error?: Error): unknown;
}

/** What is used of an EventEmitter. */
export interface Emitter {
  on(type: string | symbol, listener: unknown): unknown;
  removeListener(type: string | symbol, listener: unknown): unknown;
  emit(type: string | symbol, ...args: unknown[]): unknown;
}

/** A generator, or another object with `next` and a method that makes it iterable. */
export function isIterator(value: object): value is AnyIterator {
  return (
    types.isGeneratorObject(value) ||
    ((Symbol.asyncIterator in value || Symbol.iterator in value) && hasMethods(value, "next"))
  );
}

export function isAsync(iterator: AnyIterator): iterator is AsyncIterator<unknown> {
  return Symbol.asyncIterator in iterator;
}

/** By tag rather than by `instanceof`: frameworks bring streams and Responses of their own. */
export function isReadableStream(value: object): value is ReadableStream {
  return tag(value) === "ReadableStream" && hasMethods(value, "getReader", "cancel");
}

export function isResponse(value: object): value is Response {
  return tag(value) === "Response" && "body" in value && "headers" in value;
}

export function isNodeStream(value: object): value is NodeStream {
  return isEmitter(value) && hasMethods(value, "pipe", "destroy");
}

/** A Node stream with something left to read. */
export function isNodeReadable(value: object): value is NodeStream {
  return isNodeStream(value) && value.readable === true && hasMethods(value, "_read");
}

export function isEmitter(value: object): value is Emitter {
  return hasMethods(value, "on", "removeListener", "emit");
}

export function isEventTarget(value: object): value is EventTarget {
  return hasMethods(value, "addEventListener", "removeEventListener", "dispatchEvent");
}

function tag(value: object): unknown {
  return (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
}

function hasMethods(value: object, ...names: string[]): boolean {
  return names.every(
    (name) => name in value && typeof (value as Record<string, unknown>)[name] === "function",
  );
}
