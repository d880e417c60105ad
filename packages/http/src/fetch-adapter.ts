import { isPulled, type PulledBody } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";
import type { HandlerInside } from "./handler.ts";
import type { Pulsed } from "./pulse.ts";

/** Answers a Fetch request. */
export async function answerFetch(inside: HandlerInside, request: Request): Promise<Response> {
  const startedAt = performance.now();
  const exchange = exchangeOf(request);
  const answer = await inside.respond(exchange);
  const complete = (): void => inside.complete(exchange, answer.status, startedAt);
  const { status, headers, body } = answer;
  if (body !== undefined && isPulled(body)) {
    return new Response(streamOf(inside, exchange, body, complete), { status, headers });
  }
  complete();
  if (body === undefined || request.method === "HEAD")
    return new Response(null, { status, headers });
  headers["content-length"] = String(body.byteLength);
  return new Response(Uint8Array.from(body), { status, headers });
}

function exchangeOf(request: Request): Exchange {
  const url = new URL(request.url);
  return {
    method: request.method,
    path: url.pathname,
    query: url.search.slice(1),
    origin: url.origin,
    head: request,
    header: (name) => request.headers.get(name) ?? (name === "host" ? url.host : undefined),
    readBody: (most) => readBody(request, most),
    onGone(listener) {
      request.signal.addEventListener("abort", listener, { once: true });
      if (request.signal.aborted) listener();
      return () => request.signal.removeEventListener("abort", listener);
    },
  };
}

async function readBody(request: Request, most: number): Promise<Uint8Array> {
  const tooLarge = () => fault(413, "BODY_TOO_LARGE", `A body has at most ${most} bytes.`);
  if (Number(request.headers.get("content-length") ?? 0) > most) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop by a throw cancels the stream.
  for await (const piece of request.body) {
    bytes += piece.byteLength;
    if (bytes > most) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** A stream that reads nothing ahead: the queue is asked when the client has taken the piece before. */
function streamOf(
  inside: HandlerInside,
  exchange: Exchange,
  body: PulledBody,
  complete: () => void,
): ReadableStream<Uint8Array> {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let pulledAt = Date.now();
  let pulling = false;
  let over = false;
  let forgetGone: (() => void) | undefined;
  const end = (): void => {
    over = true;
    inside.pulse.delete(watch);
    forgetGone?.();
    body.cancel();
    complete();
  };
  const watch: Pulsed = {
    pulse(now) {
      if (pulling || now - pulledAt < inside.slowReaderMs) return;
      end();
      controller.error(
        new Error("The reader took nothing for too long. Resume at the last offset."),
      );
    },
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      async pull() {
        pulling = true;
        try {
          const piece = await body.next();
          if (over) return;
          if (piece !== undefined) return controller.enqueue(Uint8Array.from(piece));
          end();
          controller.close();
        } catch (error) {
          if (over) return;
          end();
          inside.onError(error, { method: exchange.method, path: exchange.path });
          controller.error(error);
        } finally {
          pulling = false;
          pulledAt = Date.now();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
  inside.pulse.add(watch);
  // The client may have gone while the answer was made: then this ends the stream at once.
  forgetGone = exchange.onGone(() => {
    end();
    // Nobody is there to be told; an error would only be printed by the server around this handler.
    controller.close();
  });
  return stream;
}
