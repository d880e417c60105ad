import type { OpenOptions, QueueInfo } from "@lazy/fsqueue";
import { endingOf, type Reply, textOf } from "./reply.ts";

/** The options of a queue that are its own for good. */
type Spec = Pick<
  OpenOptions,
  "metadata" | "ttlMs" | "expiresAt" | "owned" | "maxMessages" | "maxBytes"
>;

/** The options as text: the same text for the same options, whatever their order. */
export function specOf(options: OpenOptions): string {
  const { metadata = {}, ttlMs, expiresAt, owned = false, maxMessages, maxBytes } = options;
  const entries = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    metadata: entries,
    owned,
    ...(ttlMs !== undefined && { ttlMs }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(maxMessages !== undefined && { maxMessages }),
    ...(maxBytes !== undefined && { maxBytes }),
  });
}

/** What the script tells of a queue, and the writer that owns it (empty for none). */
export function infoOf(
  name: string,
  reply: readonly Reply[],
): { readonly info: QueueInfo; readonly writer: string } {
  const [id, createdAt, head, tail, dropped, written] = reply.slice(0, 6).map(textOf);
  const ending = endingOf(reply[6]);
  const { metadata, owned = false, ...rest } = parsed(textOf(reply[7]));
  const info = {
    name,
    id: id ?? "",
    createdAt: Number(createdAt),
    head: offsetOf(Number(head)),
    tail: offsetOf(Number(tail)),
    messages: Number(tail) - Number(head),
    bytes: Number(written) - Number(dropped),
    metadata,
    owned,
    ...(ending !== undefined && { ending }),
    ...rest,
  };
  return { info, writer: reply[8] === null ? "" : textOf(reply[8]) };
}

function parsed(text: string): Spec & { readonly metadata: Readonly<Record<string, string>> } {
  const { metadata, ...spec } = JSON.parse(text) as Omit<Spec, "metadata"> & {
    readonly metadata: [string, string][];
  };
  return { ...spec, metadata: Object.fromEntries(metadata) };
}

function offsetOf(sequence: number): string {
  return String(sequence).padStart(16, "0");
}
