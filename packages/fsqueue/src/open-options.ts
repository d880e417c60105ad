import type { Offset, OpenOptions, QueueInfo } from "./store.ts";

const mostMetadataBytes = 64 * 1024;

/** Throws a `TypeError` for options that no queue can have. */
export function checkOpenOptions(options: OpenOptions): void {
  const { metadata, ttlMs, expiresAt, maxMessages, maxBytes } = options;
  if (ttlMs !== undefined && expiresAt !== undefined) {
    throw new TypeError("A queue has either ttlMs or expiresAt, not both.");
  }
  checkNumber("ttlMs", ttlMs);
  checkNumber("expiresAt", expiresAt);
  checkNumber("maxMessages", maxMessages);
  checkNumber("maxBytes", maxBytes);
  if (metadata === undefined) return;
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      throw new TypeError(`The metadata ${JSON.stringify(key)} is no string.`);
    }
  }
  const size = Buffer.byteLength(JSON.stringify(metadata));
  if (size > mostMetadataBytes) {
    throw new TypeError(`The metadata has ${size} bytes as JSON; at most ${mostMetadataBytes}.`);
  }
}

/** The names of the options in which an existing queue differs from what is asked for; empty if none. */
export function differingOptions(existing: QueueInfo, asked: OpenOptions): string[] {
  const differs: string[] = [];
  if (!sameRecord(existing.metadata, asked.metadata ?? {})) differs.push("metadata");
  if (existing.ttlMs !== asked.ttlMs) differs.push("ttlMs");
  if (existing.expiresAt !== asked.expiresAt) differs.push("expiresAt");
  if (!sameFork(existing.fork, asked.fork)) differs.push("fork");
  if (existing.owned !== (asked.owned ?? false)) differs.push("owned");
  if (existing.maxMessages !== asked.maxMessages) differs.push("maxMessages");
  if (existing.maxBytes !== asked.maxBytes) differs.push("maxBytes");
  return differs;
}

function sameFork(
  existing: { readonly from: string; readonly at: Offset } | undefined,
  asked: { readonly from: string; readonly at?: Offset } | undefined,
): boolean {
  if (existing === undefined || asked === undefined) return existing === asked;
  return existing.from === asked.from && (asked.at ?? existing.at) === existing.at;
}

function sameRecord(
  left: Readonly<Record<string, string>>,
  right: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && left[key] === right[key]);
}

function checkNumber(option: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return;
  throw new TypeError(`${option} is an integer of 0 or more, not ${value}.`);
}
