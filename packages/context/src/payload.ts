import { SessionError, describe } from "./errors.ts";
import { isSessionId } from "./session-options.ts";

/** What crosses from one process to another: data, never code. */
export interface Payload {
  readonly id: string;
  /** By the sets' names. */
  readonly globals: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const version = 1;

/** Base64url of `{"v":1,"id":…,"g":{set:{key:value}}}`. Throws `PROPAGATE_INVALID` for what JSON would change. */
export function encodePayload({ id, globals }: Payload): string {
  for (const [set, values] of Object.entries(globals)) {
    for (const [key, value] of Object.entries(values))
      checkPlain(value, `${set}.${key}`, new Set());
  }
  const text = JSON.stringify({
    v: version,
    id,
    ...(Object.keys(globals).length > 0 && { g: globals }),
  });
  return Buffer.from(text).toString("base64url");
}

/** Throws an `Error` with the reason if the text is not what {@link encodePayload} makes. */
export function decodePayload(text: string): Payload {
  if (!/^[\w-]+$/.test(text)) throw new Error("it is not base64url");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    throw new Error("it is not JSON in base64url");
  }
  refuseUnsafe(parsed);
  if (!isRecord(parsed) || parsed["v"] !== version) throw new Error("its version is unknown");
  const { id, g = {} } = parsed;
  if (!isSessionId(id)) throw new Error("its id is not one");
  if (!isRecord(g) || !Object.values(g).every(isRecord))
    throw new Error("its globals are not objects");
  return { id, globals: g as Payload["globals"] };
}

/** Keys by which a later merge into another object could reach `Object.prototype`. */
function refuseUnsafe(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "__proto__") throw new Error('it has a key "__proto__"');
    if (key === "constructor" && isRecord(inner) && Object.hasOwn(inner, "prototype")) {
      throw new Error('it has a key "constructor.prototype"');
    }
    refuseUnsafe(inner);
  }
}

function checkPlain(value: unknown, path: string, above: Set<object>): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (typeof value !== "object" || above.has(value)) {
    throw notPlain(path, typeof value === "object" ? "a cycle" : describe(value));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    throw notPlain(path, describe(value));
  }
  if (Object.hasOwn(value, "__proto__")) throw notPlain(path, 'a key "__proto__"');
  above.add(value);
  for (const [key, inner] of Object.entries(value)) checkPlain(inner, `${path}.${key}`, above);
  above.delete(value);
}

function notPlain(path: string, what: string): SessionError {
  return new SessionError(
    "PROPAGATE_INVALID",
    `${path} cannot be propagated: it is or has ${what}, which JSON does not carry. Propagate texts, finite ` +
      "numbers, booleans, null, arrays and plain objects.",
    { details: { path } },
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
