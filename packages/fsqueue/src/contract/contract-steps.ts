import assert from "node:assert/strict";
import { isQueueError, type QueueErrorCode } from "../errors.ts";
import type { AppendOptions, AppendReceipt, Offset, Position, Store } from "../store.ts";

// The steps that the cases of the contract have in common.

/** Text as a message. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A message as text. */
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Append texts as one batch. */
export function append(
  store: Store,
  name: string,
  texts: readonly string[],
  options?: AppendOptions,
): Promise<AppendReceipt> {
  return store.append(name, texts.map(bytes), options);
}

/** Every message after `from`, as text, however many reads it takes. */
export async function textsOf(
  store: Store,
  name: string,
  from: Position = "start",
): Promise<string[]> {
  const texts: string[] = [];
  for (let position = from; ;) {
    const { messages, next, atEnd } = await store.read(name, position);
    texts.push(...messages.map((message) => text(message.data)));
    if (atEnd) return texts;
    position = next;
  }
}

/** The names that `list` gives. */
export async function namesIn(store: Store, prefix?: string): Promise<string[]> {
  const names: string[] = [];
  for await (const info of store.list(prefix)) names.push(info.name);
  return names;
}

/** Asserts that a promise rejects with this code, and these of the details. */
export async function rejectsWith(
  code: QueueErrorCode,
  promise: Promise<unknown>,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    if (!isQueueError(error)) throw new Error(`expected ${code}`, { cause: error });
    assert.equal(error.code, code);
    for (const [key, value] of Object.entries(details)) {
      assert.deepEqual(error.details[key], value, `details.${key}`);
    }
    return true;
  });
}

/** The state of a promise once everything already due has run. */
export async function stateOf(
  promise: Promise<unknown>,
): Promise<"pending" | "resolved" | "rejected"> {
  let state: "pending" | "resolved" | "rejected" = "pending";
  promise.then(
    () => (state = "resolved"),
    () => (state = "rejected"),
  );
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  return state;
}

/** The present end of a queue that is there. */
export async function endOf(store: Store, name: string): Promise<Offset> {
  const info = await store.info(name);
  assert.ok(info, `${name} is there`);
  return info.tail;
}
