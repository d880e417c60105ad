import { fault } from "./fault.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * The messages of a JSON body: the elements of the outermost array, or the one value. Each is a slice of
 * the body, byte for byte as it was sent, so that large numbers and the order of keys survive. Throws a
 * 400 if the body is not JSON.
 */
export function splitJson(body: Uint8Array): Uint8Array[] {
  const value = parse(body);
  const start = skipSpace(body, 0);
  const end = skipSpaceBack(body, body.length);
  if (!Array.isArray(value)) return [body.subarray(start, end)];
  if (value.length === 0) return [];
  if (value.length === 1) return [trimmed(body, start + 1, end - 1)];
  return splitElements(body, start + 1, end - 1);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body)) as unknown;
  } catch {
    throw fault(400, "JSON_INVALID", "The body is not valid JSON in UTF-8.");
  }
}

/** The elements between two positions of JSON that is known to be valid. */
function splitElements(body: Uint8Array, start: number, end: number): Uint8Array[] {
  const elements: Uint8Array[] = [];
  let depth = 0;
  let from = start;
  for (let at = start; at < end; at++) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at);
    else if (byte === openBracket || byte === openBrace) depth += 1;
    else if (byte === closeBracket || byte === closeBrace) depth -= 1;
    else if (byte === comma && depth === 0) {
      elements.push(trimmed(body, from, at));
      from = at + 1;
    }
  }
  elements.push(trimmed(body, from, end));
  return elements;
}

/** The position of the quote that ends the string beginning at `start`. */
function endOfString(body: Uint8Array, start: number): number {
  let at = start + 1;
  while (body[at] !== quote) at += body[at] === backslash ? 2 : 1;
  return at;
}

function trimmed(body: Uint8Array, start: number, end: number): Uint8Array {
  return body.subarray(skipSpace(body, start), skipSpaceBack(body, end));
}

function skipSpace(body: Uint8Array, start: number): number {
  let at = start;
  while (isSpace(body[at])) at += 1;
  return at;
}

function skipSpaceBack(body: Uint8Array, end: number): number {
  let at = end;
  while (isSpace(body[at - 1])) at -= 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
