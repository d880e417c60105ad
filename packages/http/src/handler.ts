import type { Store } from "@lazy/fsqueue";
import { Admission, type HandlerStats } from "./admission.ts";
import type { Answer } from "./answer.ts";
import type { Authorize } from "./authorize.ts";
import type { Core } from "./core.ts";
import { createCors, type CorsOptions } from "./cors.ts";
import type { Exchange } from "./exchange.ts";
import { failureAnswer, faultOf } from "./failure.ts";
import { answerFetch } from "./fetch-adapter.ts";
import { completeLimits, type Limits } from "./limits.ts";
import { completeLiveOptions, type LiveOptions } from "./live-options.ts";
import { Pulse } from "./pulse.ts";
import { normalBase } from "./queue-name.ts";
import { createResponder, type ErrorContext, type Respond } from "./responder.ts";
import { SharedReads } from "./shared-reads.ts";
import { SharedWaits } from "./shared-waits.ts";
import { Slabs } from "./slabs.ts";

/** One line of a log. */
export interface RequestRecord {
  readonly method: string;
  /** As the client sent it, undecoded, without the query, which may carry secrets. */
  readonly path: string;
  readonly status: number;
  /** From the arrival of the head to the end of the answer. */
  readonly milliseconds: number;
}

/** What {@link createHandler} is made of; only the queues are required. */
export interface HandlerOptions {
  /** The store with the queues, or anything that has one, such as what `openQueues` gives. */
  readonly queues: Store | { readonly store: Store };
  /**
   * The content type of queues that were not made over HTTP and have no `content-type` in their metadata.
   * Default: `application/json` for what `openQueues` gave, whose values are JSON unless told otherwise;
   * `application/octet-stream` for a bare store.
   */
  readonly contentType?: string;
  /** The path before the queue's name. Default `/v1/stream`. */
  readonly basePath?: string;
  /** Who may do what. Default: everybody everything, as on a loopback or behind a gateway that decides. */
  readonly authorize?: Authorize;
  /** Pages of other origins. Default: refused. */
  readonly cors?: CorsOptions;
  readonly limits?: Partial<Limits>;
  readonly live?: Partial<LiveOptions>;
  /**
   * What caches may keep of a catch-up read: with `private` the browser alone, with `public` proxies as
   * well (only for queues that everybody may read), with `no-store` none. Default `private`.
   */
  readonly cache?: "private" | "public" | "no-store";
  /** True: every append waits until it survives a power cut. Default: the store's own durability. */
  readonly durable?: boolean;
  /** `https://host` for the `Location` of new queues, where a proxy changes the `Host`. */
  readonly publicOrigin?: string;
  /** Told of everything that is answered 500, and of bodies that broke off for a reason of the server's. */
  readonly onError?: (error: unknown, context: ErrorContext) => void;
  /** Called at the end of every request. */
  readonly onRequest?: (record: RequestRecord) => void;
}

/** A Fetch handler for queues, to be given to any server that speaks Fetch, or to `toNodeListener`. */
export interface Handler {
  (request: Request): Promise<Response>;
  readonly stats: HandlerStats;
  /**
   * Answer 503 to new requests from now on, answer waiting long-polls, and end event streams after the
   * frame they are at; clients resume at their offsets. Resolves when no request is left. Idempotent.
   */
  drain(): Promise<void>;
}

/** What `toNodeListener` needs of a handler. */
export interface HandlerInside {
  readonly respond: (exchange: Exchange) => Promise<Answer>;
  readonly pulse: Pulse;
  readonly slowReaderMs: number;
  readonly onError: (error: unknown, context: ErrorContext) => void;
  /** To be called once when an answer is complete or has broken off. */
  complete(exchange: Exchange, status: number, startedAt: number): void;
}

const insides = new WeakMap<object, HandlerInside>();

/** The inside of a handler that {@link createHandler} made. */
export function insideOf(handler: Handler): HandlerInside {
  const inside = insides.get(handler);
  if (inside !== undefined) return inside;
  throw new TypeError(
    "toNodeListener takes what createHandler of the same copy of @lazy/http gave.",
  );
}

/**
 * Makes the queues of a store usable over HTTP: the Durable Streams protocol (create, append, close, read
 * with catch-up, long-poll and SSE, fork, remove) and native `EventSource` on the same addresses. The name
 * of a queue in the store is its path after `basePath`, percent-decoded once.
 *
 * An append is acknowledged when the store has acknowledged it, with the store's durability. The handler
 * keeps no state of its own: several of them, in several processes, may serve one store if the store can.
 */
export function createHandler(options: HandlerOptions): Handler {
  const limits = completeLimits(options.limits);
  const admission = new Admission(limits);
  const core = createCore(options, limits, admission);
  const told = options.onError ?? warn;
  const onError = (error: unknown, context: ErrorContext): void => {
    // What a client's own doing explains is answered, not reported.
    if (faultOf(error) === undefined) told(error, context);
  };
  const respond = createResponder(core, createCors(options.cors), options.authorize, onError);
  const departures = new Set<() => void>();
  const report = (exchange: Exchange, status: number, milliseconds: number): void => {
    const { method, path } = exchange;
    try {
      options.onRequest?.({ method, path, status, milliseconds });
    } catch (error) {
      onError(error, { method, path });
    }
  };
  const inside: HandlerInside = {
    respond: admitting(admission, respond),
    pulse: core.pulse,
    slowReaderMs: limits.slowReaderMs,
    onError,
    complete(exchange, status, startedAt) {
      admission.leave(exchange);
      report(exchange, status, performance.now() - startedAt);
      if (admission.stats.active === 0) for (const departed of departures) departed();
    },
  };
  const handler = Object.defineProperty(
    Object.assign((request: Request) => answerFetch(inside, request), {
      async drain(): Promise<void> {
        admission.drain();
        if (admission.stats.active === 0) return;
        await new Promise<void>((resolve) => departures.add(resolve));
      },
    }),
    "stats",
    { get: () => admission.stats },
  ) as Handler;
  insides.set(handler, inside);
  return handler;
}

function createCore(options: HandlerOptions, limits: Limits, admission: Admission): Core {
  const bare = !("store" in options.queues);
  const store = "store" in options.queues ? options.queues.store : options.queues;
  return {
    store,
    contentType: options.contentType ?? (bare ? "application/octet-stream" : "application/json"),
    base: normalBase(options.basePath ?? "/v1/stream"),
    limits,
    live: completeLiveOptions(options.live),
    cache: options.cache ?? "private",
    durable: options.durable,
    publicOrigin: options.publicOrigin?.replace(/\/$/, ""),
    admission,
    pulse: new Pulse(),
    reads: new SharedReads(store),
    waits: new SharedWaits(store),
    slabs: new Slabs(),
  };
}

/** Every request is counted, those that are refused for draining as well. */
function admitting(admission: Admission, respond: Respond): Respond {
  return (exchange) => {
    try {
      admission.enter();
    } catch (error) {
      return Promise.resolve(failureAnswer(error));
    }
    return respond(exchange);
  };
}

function warn(error: unknown, { method, path }: ErrorContext): void {
  process.emitWarning(`@lazy/http: ${method} ${path} failed: ${String(error)}`, {
    code: "LAZY_HTTP_FAILED",
    ...(error instanceof Error && error.stack !== undefined ? { detail: error.stack } : {}),
  });
}
