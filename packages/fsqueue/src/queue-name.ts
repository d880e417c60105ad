import { checkName } from "./store-name.ts";

/** The longest session id and queue name, in bytes of UTF-8. */
const longestPart = 512;

/**
 * The name in the store of a session's queue: `session/queue`, each part with `%`, `/` and control
 * characters percent-encoded, so that no two pairs have the same name. Throws `NAME_INVALID` unless both
 * are 1 to 512 bytes of UTF-8 without NUL.
 */
export function storeNameOf(session: string, queue: string): string {
  return `${encode(session)}/${encode(queue)}`;
}

/** The session and queue behind a name in the store; undefined for a name that is no session's queue. */
export function parseStoreName(name: string): { session: string; queue: string } | undefined {
  const slash = name.indexOf("/");
  if (slash === -1) return undefined;
  const session = decode(name.slice(0, slash));
  const queue = decode(name.slice(slash + 1));
  // Anything but the one spelling of a pair is somebody else's name.
  if (session === undefined || queue === undefined) return undefined;
  return storeNameOf(session, queue) === name ? { session, queue } : undefined;
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const special = /[%/\u0001-\u001f\u007f]/;
// eslint-disable-next-line no-control-regex
const everySpecial = /[%/\u0001-\u001f\u007f]/g;

function encode(part: string): string {
  checkName(part, longestPart);
  if (!special.test(part)) return part;
  return part.replace(everySpecial, (character) => {
    return `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
  });
}

function decode(part: string): string | undefined {
  if (part === "" || part.length > 3 * longestPart) return undefined;
  const text = part.replace(/%([0-9A-F]{2})/g, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return text.includes("\0") || Buffer.byteLength(text) > longestPart ? undefined : text;
}
