import type { IncomingMessage } from "node:http";
import { fault } from "./fault.ts";

const mostDiscarded = 64 * 1024 * 1024;
/** A client that sends on may take as long as for any body; one that stops is let go of. */
const longestPauseMs = 5_000;

/**
 * The body of a Node request. One that is too long is refused at its `Content-Length` or as soon as it
 * passes the limit; what still comes is thrown away, up to a limit, since a client that is cut off in the
 * middle of sending may never read the answer.
 */
export function readNodeBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const refuse = (): void => {
      pieces.length = 0;
      stop();
      discard(request);
      reject(fault(413, "BODY_TOO_LARGE", `A body has at most ${most} bytes.`));
    };
    const pieces: Buffer[] = [];
    let bytes = 0;
    const onData = (piece: Buffer): void => {
      bytes += piece.byteLength;
      if (bytes > most) refuse();
      else pieces.push(piece);
    };
    const onEnd = (): void => {
      stop();
      const [first] = pieces;
      resolve(pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, bytes));
    };
    const onGone = (): void => {
      stop();
      reject(fault(400, "CLIENT_GONE", "The client broke off its request."));
    };
    const stop = (): void => {
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onGone);
    };
    if (Number(request.headers["content-length"] ?? 0) > most) return refuse();
    if (request.readableEnded) return resolve(new Uint8Array());
    request.on("data", onData);
    request.once("end", onEnd);
    request.once("close", onGone);
  });
}

function discard(request: IncomingMessage): void {
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), longestPauseMs);
  timer.unref();
  request.on("data", (piece: Buffer) => {
    bytes += piece.byteLength;
    if (bytes > mostDiscarded) request.destroy();
    else timer.refresh();
  });
  request.on("error", () => {});
  request.once("close", () => clearTimeout(timer));
  request.resume();
}
