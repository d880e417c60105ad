import { type Session, type SessionOutcome, session } from "@lazy/context";
import { endingOf } from "../ending.ts";
import { isQueueError, QueueError, type QueueErrorCode } from "../errors.ts";
import { storeNameOf } from "../queue-name.ts";
import type { OpenOptions } from "../store.ts";
import type { QueueOptions } from "./queue.ts";
import type { QueueHub } from "./queue-hub.ts";
import { QueueWriter } from "./queue-writer.ts";

/** How a handle wants its queue made. */
export interface WriterOptions {
  readonly store: OpenOptions | undefined;
  readonly blocks: boolean;
}

/** What the options of a handle ask for. */
export function writerOptionsOf<T, In>(options: QueueOptions<T, In>): WriterOptions {
  const { metadata, ttlMs, expiresAt, maxMessages, maxBytes, whenFull } = options;
  const store: OpenOptions = {
    ...(metadata !== undefined && { metadata }),
    ...(ttlMs !== undefined && { ttlMs }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(maxMessages !== undefined && { maxMessages }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
  const blocks = whenFull === "block";
  // Without options a queue is found whatever its own are.
  if (Object.keys(store).length > 0) return { store, blocks };
  return blocks ? onlyBlocks : nothingAsked;
}

const nothingAsked: WriterOptions = Object.freeze({ store: undefined, blocks: false });
const onlyBlocks: WriterOptions = Object.freeze({ store: undefined, blocks: true });

/** The queue is gone, or will be found by the next process: there is nothing to end. */
const nothingToEnd: readonly QueueErrorCode[] = [
  "QUEUE_NOT_FOUND",
  "QUEUE_REMOVED",
  "STORE_CLOSED",
];

/** The writers of live sessions. Each ends its queue when its session ends. */
export class SessionWriters {
  readonly #hub: QueueHub;
  readonly #writers = new WeakMap<Session, Map<string, QueueWriter>>();

  constructor(hub: QueueHub) {
    this.#hub = hub;
  }

  /** The writer of a queue of the session that is current now; throws `SESSION_MISSING`. */
  current(queue: string, options: WriterOptions): QueueWriter {
    const current = session.tryCurrent();
    if (current === undefined) {
      throw new QueueError(
        "SESSION_MISSING",
        `There is no current session for the queue ${JSON.stringify(queue)}. Use it inside session.run(), or name a session: queues.session(id).queue(${JSON.stringify(queue)}).`,
        { details: { queue } },
      );
    }
    return this.of(current, queue, options);
  }

  of(owner: Session, queue: string, options: WriterOptions): QueueWriter {
    let writers = this.#writers.get(owner);
    if (writers === undefined) this.#writers.set(owner, (writers = new Map()));
    let writer = writers.get(queue);
    if (writer === undefined) {
      writer = this.#create(owner, queue, options);
      writers.set(queue, writer);
    }
    return writer;
  }

  #create(owner: Session, queue: string, options: WriterOptions): QueueWriter {
    const name = storeNameOf(owner.id, queue);
    const writer = new QueueWriter(this.#hub, name, { ...options, owned: true });
    owner.onDispose(async (outcome) => {
      let failure: Error | undefined;
      // A session that did not end well does not wait for readers to make room.
      if (outcome.status !== "ok") writer.abandon(reasonOf(outcome));
      try {
        await writer.settle();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      // A queue that lost messages did not end well, though its session did.
      const lost = failure !== undefined && outcome.status === "ok";
      const ending = endingOf(lost ? { status: "error", error: failure } : outcome);
      try {
        if (writer.opened) await writer.seal(ending);
      } catch (error) {
        if (!nothingToEnd.some((code) => isQueueError(error, code))) throw error;
      } finally {
        writer.forget();
      }
      if (failure !== undefined && lost) throw failure;
    });
    const before = this.#hub.supersede(writer);
    if (before !== undefined) writer.comeAfter(before);
    return writer;
  }
}

function reasonOf(outcome: Exclude<SessionOutcome, { status: "ok" }>): unknown {
  return outcome.status === "error" ? outcome.error : outcome.reason;
}
