import { QueueError } from "../errors.ts";

/** No room for more: the disk, the quota, or the largest file this process may write. */
export function isFullDisk(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOSPC" || code === "EFBIG" || code === "EDQUOT";
}

export function systemCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

export function storeFull(cause: unknown): QueueError {
  return new QueueError(
    "STORE_FULL",
    `nothing was appended: ${reason(cause)}. Free some space, or remove queues, then retry`,
    { cause, details: { system: systemCode(cause) } },
  );
}

export function storeFailed(cause: unknown): QueueError {
  return new QueueError(
    "STORE_FAILED",
    `the folder refused an operation: ${reason(cause)}. What was not acknowledged may be lost`,
    { cause, details: { system: systemCode(cause) } },
  );
}

export function storeReadonly(): QueueError {
  return new QueueError("STORE_READONLY", "this store was opened with `readonly`");
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
