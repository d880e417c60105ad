import { QueueError } from "./errors.ts";

/** The longest name of a queue in a store, in bytes of UTF-8. */
const longestStoreName = 4096;

/** Throws `NAME_INVALID` unless the text is 1 to `longest` bytes of UTF-8 without NUL. */
export function checkName(name: string, longest: number = longestStoreName): void {
  const fault = faultOf(name, longest);
  if (fault === undefined) return;
  throw new QueueError(
    "NAME_INVALID",
    `The name ${quote(name)} ${fault}: a name is 1 to ${longest} bytes of UTF-8 without NUL.`,
    { details: { name, longest } },
  );
}

function faultOf(name: unknown, longest: number): string | undefined {
  if (typeof name !== "string") return "is no string";
  if (name.length === 0) return "is empty";
  if (name.includes("\0")) return "holds a NUL";
  // A lone surrogate has no UTF-8: two such names would become one.
  if (/\p{Surrogate}/u.test(name)) return "holds half a surrogate pair";
  if (name.length * 3 <= longest) return undefined;
  const bytes = Buffer.byteLength(name);
  return bytes > longest ? `has ${bytes} bytes` : undefined;
}

function quote(name: unknown): string {
  const text = JSON.stringify(name) ?? String(name);
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}
