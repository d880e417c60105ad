import type { Ending, Offset, StoredMessage } from "@lazy/fsqueue";

/** What Redis answers: text comes as bytes. */
export type Reply = Buffer | string | number | null | readonly Reply[];

/** An entry of a stream as the script gives it: its id, and one field with the payload. */
type Entry = readonly [Buffer, readonly [Buffer, Buffer]];

export function textOf(reply: Reply | undefined): string {
  return reply instanceof Buffer ? reply.toString() : String(reply ?? "");
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}

/** How a queue ended, as it is stored; undefined for no text. */
export function endingOf(reply: Reply | undefined): Ending | undefined {
  const text = reply === null ? "" : textOf(reply);
  return text === "" ? undefined : (JSON.parse(text) as Ending);
}

/** The message behind an entry `<sequence>-<time>`. */
export function messageOf(reply: Reply): StoredMessage {
  const [id, [, data]] = reply as unknown as Entry;
  const dash = id.indexOf("-");
  const time = Number(id.toString("latin1", dash + 1));
  return { offset: id.toString("latin1", 0, dash).padStart(16, "0"), data, time };
}

/** A position that no queue need have, but which is well formed. */
export function isOffset(text: Offset): boolean {
  return /^\d{16}$/.test(text);
}
