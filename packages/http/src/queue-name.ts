import { Fault } from "./fault.ts";

// One to one: the path after the base, percent-decoded once, is the name in the store. A slash may be
// written as it is or as %2F.

/** `/v1/stream` → `/v1/stream/`. */
export function normalBase(base: string): string {
  if (!/^\/[!-~]*$/.test(base) || /[?#]/.test(base)) {
    throw new TypeError(`basePath is a path such as "/v1/stream", not ${JSON.stringify(base)}.`);
  }
  return base.endsWith("/") ? base : `${base}/`;
}

/** The queue a path names, or undefined if it lies outside the base. Throws a 400 for a bad name. */
export function queueNameOf(path: string, base: string, mostBytes: number): string | undefined {
  if (!path.startsWith(base)) return undefined;
  return decodeName(path.slice(base.length), mostBytes);
}

function decodeName(encoded: string, mostBytes: number): string {
  let name: string;
  try {
    name = encoded.includes("%") ? decodeURIComponent(encoded) : encoded;
  } catch {
    throw invalid("is not valid percent-encoded UTF-8");
  }
  if (name === "") throw invalid("is empty");
  if (name.length > mostBytes || Buffer.byteLength(name) > mostBytes) {
    throw invalid(`has more than ${mostBytes} bytes`);
  }
  if (/\p{Cc}/u.test(name)) throw invalid("holds a control character");
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(name)) throw invalid('holds a segment "." or ".."');
  if (name === "__ds" || name.startsWith("__ds/")) throw invalid("begins with the reserved __ds");
  return name;
}

/** The path of a queue under the base, as the `Location` of a new one. */
export function pathOfQueue(name: string, base: string): string {
  return base + name.split("/").map(encodeURIComponent).join("/");
}

function invalid(how: string): Fault {
  return new Fault(400, "NAME_INVALID", `The queue's name ${how}.`);
}
