import { fault } from "./fault.ts";

const defaultContentType = "application/octet-stream";
const syntax = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;[\t !-~]*)?$/;

/** How the messages of a queue are framed. */
export type Framing = "json" | "text" | "bytes";

/** The content type of a new queue. Throws a 400 for one that is none. */
export function checkContentType(value: string | undefined): string {
  if (value === undefined || value.trim() === "") return defaultContentType;
  const trimmed = value.trim();
  if (trimmed.length > 255 || !syntax.test(trimmed)) {
    throw fault(
      400,
      "CONTENT_TYPE_INVALID",
      "Content-Type is no media type of at most 255 characters.",
    );
  }
  return trimmed;
}

/** The content type kept with a queue, or `otherwise` for one that was made elsewhere and has none. */
export function storedContentType(
  metadata: Readonly<Record<string, string>>,
  otherwise: string,
): string {
  const value = metadata["content-type"];
  if (value === undefined) return otherwise;
  return syntax.test(value) ? value : defaultContentType;
}

/** `Text/Plain; charset=utf-8` → `text/plain`: what two content types are compared by. */
export function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(";");
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/** JSON is arrays of messages; text goes through SSE as it is; everything else as base64. */
export function framingOf(contentType: string): Framing {
  const type = mediaType(contentType);
  if (type === "application/json") return "json";
  return type.startsWith("text/") ? "text" : "bytes";
}
