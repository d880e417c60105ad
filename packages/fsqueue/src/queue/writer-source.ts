import type { Session } from "@lazy/context";
import { parseStoreName, storeNameOf } from "../queue-name.ts";
import type { QueueHub } from "./queue-hub.ts";
import { QueueWriter } from "./queue-writer.ts";
import type { SessionWriters, WriterOptions } from "./session-writers.ts";

/** Which queue the calls of a handle go to. */
export interface WriterSource {
  /** Whether reading creates the queue. */
  readonly readingCreates: boolean;
  readonly options: WriterOptions;
  /** Whether the writer is the same as long as the hub's version is. */
  readonly steady: boolean;
  /** The writer of the queue that is meant at this moment; throws `SESSION_MISSING`. */
  writer(): QueueWriter;
  /** The id of the session it is of. */
  session(): string;
}

/** The queue of whichever session is current. */
export class AmbientSource implements WriterSource {
  readonly readingCreates = true;
  readonly steady = false;
  readonly options: WriterOptions;
  readonly #sessions: SessionWriters;
  readonly #queue: string;

  constructor(sessions: SessionWriters, queue: string, options: WriterOptions) {
    storeNameOf("-", queue);
    this.options = options;
    this.#sessions = sessions;
    this.#queue = queue;
  }

  writer(): QueueWriter {
    return this.#sessions.current(this.#queue, this.options);
  }

  session(): string {
    return parseStoreName(this.writer().name)?.session ?? "";
  }
}

/** The queue of this session, which it ends. */
export class SessionSource implements WriterSource {
  readonly readingCreates = true;
  readonly steady = false;
  readonly options: WriterOptions;
  readonly #sessions: SessionWriters;
  readonly #session: Session;
  readonly #queue: string;

  constructor(sessions: SessionWriters, session: Session, queue: string, options: WriterOptions) {
    storeNameOf(session.id, queue);
    this.options = options;
    this.#sessions = sessions;
    this.#session = session;
    this.#queue = queue;
  }

  writer(): QueueWriter {
    return this.#sessions.of(this.#session, this.#queue, this.options);
  }

  session(): string {
    return this.#session.id;
  }
}

/** The queue of a session of this id, looked at from outside. */
export class PinnedSource implements WriterSource {
  readonly readingCreates = false;
  readonly steady = true;
  readonly options: WriterOptions;
  readonly #hub: QueueHub;
  readonly #session: string;
  readonly #name: string;
  #own: QueueWriter | undefined;

  constructor(hub: QueueHub, session: string, queue: string, options: WriterOptions) {
    this.options = options;
    this.#hub = hub;
    this.#session = session;
    this.#name = storeNameOf(session, queue);
  }

  writer(): QueueWriter {
    return this.#hub.writer(this.#name) ?? this.#mine();
  }

  session(): string {
    return this.#session;
  }

  #mine(): QueueWriter {
    return (this.#own ??= new QueueWriter(this.#hub, this.#name, {
      ...this.options,
      owned: false,
    }));
  }
}
