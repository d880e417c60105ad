import { cursorConflict } from "../store-errors.ts";
import { checkName } from "../store-name.ts";
import type { Offset } from "../store.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import { formatOffset } from "./offset.ts";
import { knownSequence } from "./read.ts";

const encoder = new TextEncoder();

export async function getCursor(
  journal: Journal,
  name: string,
  group: string,
): Promise<Offset | undefined> {
  const position = journal.find(name).cursors?.get(group);
  return position === undefined ? undefined : formatOffset(position);
}

/** Durable when it resolves. */
export async function setCursor(
  journal: Journal,
  name: string,
  group: string,
  offset: Offset,
  options: { readonly expect: Offset | undefined } | undefined,
): Promise<void> {
  const queue = journal.find(name);
  const lane = journal.writer();
  checkName(group);
  const sequence = knownSequence(queue, offset);
  const cursors = (queue.cursors ??= new Map());
  const before = cursors.get(group);
  if (options !== undefined) {
    const present = before === undefined ? undefined : formatOffset(before);
    if (present !== options.expect) throw cursorConflict(name, group, options.expect, present);
  }
  const payload = encoder.encode(group);
  const batch = lane.begin(RECORD_HEADER + payload.length);
  batch.touch(queue);
  lane.buffer.record(RecordType.cursor, queue.number, sequence, payload);
  cursors.set(group, sequence);
  batch.onRollback(() => {
    if (before === undefined) cursors.delete(group);
    else cursors.set(group, before);
  });
  await lane.promise(batch, undefined, true);
}
