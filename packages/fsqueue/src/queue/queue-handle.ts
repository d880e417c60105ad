import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Codec } from "../codec.ts";
import { endingError } from "../ending.ts";
import { storeNameOf } from "../queue-name.ts";
import { queueNotFound } from "../store-errors.ts";
import type { AppendReceipt, Ending, Offset, Position, QueueInfo } from "../store.ts";
import { type CursorConsumer, createCursorConsumer } from "./cursor-consumer.ts";
import { encode } from "./encoder.ts";
import { Feed } from "./feed.ts";
import { createLeasedConsumer, type LeaseOptions, type LeasedConsumer } from "./leased-consumer.ts";
import { type Decoder, decoderOf, type Message } from "./message.ts";
import type {
  DequeueOptions,
  EnqueueOptions,
  Queue,
  QueueOptions,
  QueueRead,
  SealQueueOptions,
  TailOptions,
} from "./queue.ts";
import type { QueueHub } from "./queue-hub.ts";
import {
  createQueueProducer,
  type QueueProducer,
  type QueueProducerOptions,
} from "./queue-producer.ts";
import type { QueueWriter } from "./queue-writer.ts";
import { Tail, TailBatches } from "./tail.ts";
import { PinnedSource, type WriterSource } from "./writer-source.ts";

/** A queue by its handle. It holds no state of the queue: that is the writer's and the store's. */
export class QueueHandle<T, In> implements Queue<T, In> {
  readonly name: string;
  readonly #hub: QueueHub;
  readonly #source: WriterSource;
  readonly #codec: Codec<T>;
  readonly #schema: StandardSchemaV1<In, T> | undefined;
  /** The writer at this version of the hub, if it stays the same until that changes. */
  #known: QueueWriter | undefined;
  #version = 0;
  /** Settles when the values that are being validated have been handed to the store. */
  #later: Promise<unknown> | undefined;

  constructor(
    hub: QueueHub,
    name: string,
    source: WriterSource,
    { codec, schema }: Pick<QueueOptions<T, In>, "codec" | "schema">,
    defaultCodec: Codec<T>,
  ) {
    this.name = name;
    this.#hub = hub;
    this.#source = source;
    this.#codec = codec ?? defaultCodec;
    this.#schema = schema;
  }

  async open(): Promise<QueueInfo> {
    return this.#writer().reopen();
  }

  // No `async`: the store's own promise is handed on as it is. Errors still reject.
  enqueue(value: In, options?: EnqueueOptions): Promise<AppendReceipt> {
    try {
      const writer = this.#writer();
      const data = this.#encode(value);
      if (data instanceof Promise || this.#later !== undefined) {
        return this.#appendLater(writer, [data], options);
      }
      return writer.append([data], options);
    } catch (error) {
      return rejected(error);
    }
  }

  enqueueMany(values: readonly In[], options?: EnqueueOptions): Promise<AppendReceipt> {
    try {
      const writer = this.#writer();
      const batch = values.map((value) => this.#encode(value));
      if (batch.length === 0) throw new TypeError("enqueueMany needs at least one message.");
      return isEncoded(batch) && this.#later === undefined
        ? writer.append(batch, options)
        : this.#appendLater(writer, batch, options);
    } catch (error) {
      return rejected(error);
    }
  }

  tryEnqueue(value: In): boolean {
    const writer = this.#writer();
    const data = this.#encode(value);
    if (data instanceof Promise || this.#later !== undefined) {
      if (data instanceof Promise) data.catch(() => {});
      throw new TypeError("tryEnqueue cannot wait for a schema that validates asynchronously.");
    }
    return writer.tryAppend(data);
  }

  async flush(): Promise<void> {
    await this.#writer().flush();
  }

  async dequeue(
    limit = 1000,
    { wait = false, signal }: DequeueOptions = {},
  ): Promise<Message<T>[]> {
    const writer = this.#writer();
    // Not awaited when it is open: then calls take messages in their order, through whatever handle.
    if (this.#mustOpen(writer)) await writer.open();
    const { name } = writer;
    const { store } = this.#hub;
    for (;;) {
      signal?.throwIfAborted();
      const taken = await store.take(name, limit);
      if (taken.length > 0) {
        this.#hub.changed(name);
        return taken.map(this.#decoder(name));
      }
      if (!wait) return [];
      const { messages, next, ending } = await store.read(name, "start", { max: 1 });
      if (messages.length > 0) continue;
      if (ending !== undefined) {
        if (ending.status !== "ok") throw endingError(name, ending);
        return [];
      }
      await store.wait(name, next, signal);
    }
  }

  async peek(): Promise<Message<T> | undefined> {
    const { name } = await this.#opened();
    const { messages } = await this.#hub.store.read(name, "start", { max: 1 });
    return messages.map(this.#decoder(name))[0];
  }

  async size(): Promise<number> {
    const { name } = await this.#opened();
    const info = await this.#hub.store.info(name);
    if (info === undefined) throw queueNotFound(name);
    return info.messages;
  }

  async clear(): Promise<number> {
    return this.#trim("now");
  }

  async trim(upTo: Offset): Promise<number> {
    return this.#trim(upTo);
  }

  async read(
    from: Position = "start",
    { limit, maxBytes }: { readonly limit?: number; readonly maxBytes?: number } = {},
  ): Promise<QueueRead<T>> {
    const { name } = await this.#opened();
    const result = await this.#hub.store.read(name, from, {
      ...(limit !== undefined && { max: limit }),
      ...(maxBytes !== undefined && { maxBytes }),
    });
    return { ...result, messages: result.messages.map(this.#decoder(name)) };
  }

  tail(options: TailOptions = {}): Tail<T> {
    const { feed, decode } = this.#follow(options);
    return new Tail(feed, decode);
  }

  batches(options: TailOptions = {}): TailBatches<T> {
    const { feed, decode } = this.#follow(options);
    return new TailBatches(feed, decode);
  }

  consumer(group: string): CursorConsumer<T>;
  consumer(group: string, options: LeaseOptions): LeasedConsumer<T>;
  consumer(group: string, options?: LeaseOptions): CursorConsumer<T> | LeasedConsumer<T> {
    const { name } = this.#writer();
    const opened = (): Promise<unknown> => this.#opened();
    const decode = this.#decoder(name);
    return options === undefined
      ? createCursorConsumer(this.#hub.store, name, group, opened, decode)
      : createLeasedConsumer(this.#hub, name, group, options, opened, decode);
  }

  producer(id: string, options: QueueProducerOptions = {}): QueueProducer<In> {
    const writer = this.#writer();
    return createQueueProducer(
      (batch, append) => writer.append(batch, append),
      (value) => this.#encode(value),
      id,
      options,
    );
  }

  async seal(
    ending: Ending = { status: "ok" },
    { messages = [] }: SealQueueOptions<In> = {},
  ): Promise<AppendReceipt> {
    const writer = this.#writer();
    const batch = messages.map((value) => this.#encode(value));
    const options = { messages: isEncoded(batch) ? batch : await allOf(batch) };
    return writer.seal(ending, options);
  }

  async delete(): Promise<boolean> {
    return this.#writer().remove();
  }

  async info(): Promise<QueueInfo | undefined> {
    return this.#hub.store.info(this.#writer().name);
  }

  async fork(
    name: string,
    { session, at }: { readonly session?: string; readonly at?: Offset } = {},
  ): Promise<Queue<T, In>> {
    const { name: from } = await this.#opened();
    const target = session ?? this.#source.session();
    const fork = at === undefined ? { from } : { from, at };
    const { options } = this.#source;
    await this.#hub.store.open(storeNameOf(target, name), { ...options.store, fork });
    const source = new PinnedSource(this.#hub, target, name, { ...options, store: undefined });
    const kept = this.#schema === undefined ? {} : { schema: this.#schema };
    return new QueueHandle<T, In>(this.#hub, name, source, kept, this.#codec);
  }

  #writer(): QueueWriter {
    const { version } = this.#hub;
    if (this.#known !== undefined && this.#version === version) return this.#known;
    const source = this.#source;
    const writer = source.writer();
    this.#known = source.steady ? writer : undefined;
    this.#version = version;
    return writer;
  }

  #encode(value: In): Uint8Array | Promise<Uint8Array> {
    return encode(this.name, this.#codec, this.#schema, value);
  }

  #decoder(name: string): Decoder<T> {
    return decoderOf(name, this.#codec);
  }

  async #opened(): Promise<QueueWriter> {
    const writer = this.#writer();
    if (this.#mustOpen(writer)) await writer.open();
    return writer;
  }

  #mustOpen(writer: QueueWriter): boolean {
    return this.#source.readingCreates && !writer.opened;
  }

  async #trim(upTo: Offset | "now"): Promise<number> {
    const { name } = await this.#opened();
    const count = await this.#hub.store.trim(name, upTo);
    this.#hub.changed(name);
    return count;
  }

  /** Appends once the schema has validated the values, in the order of the calls. */
  #appendLater(
    writer: QueueWriter,
    batch: readonly (Uint8Array | Promise<Uint8Array>)[],
    options?: EnqueueOptions,
  ): Promise<AppendReceipt> {
    const handedOver = Promise.allSettled([allOf(batch), this.#later]);
    this.#later = handedOver;
    return handedOver.then(([validated]) => {
      if (this.#later === handedOver) this.#later = undefined;
      if (validated.status === "rejected") throw validated.reason;
      return writer.append(validated.value, options);
    });
  }

  #follow({ from = "start", ...options }: TailOptions): { feed: Feed; decode: Decoder<T> } {
    const writer = this.#writer();
    const open = this.#source.readingCreates ? (): Promise<unknown> => writer.open() : undefined;
    const source = { store: this.#hub.store, name: writer.name, open };
    return {
      feed: new Feed(source, from, options),
      decode: this.#decoder(writer.name),
    };
  }
}

function allOf(batch: readonly (Uint8Array | Promise<Uint8Array>)[]): Promise<Uint8Array[]> {
  return Promise.all(batch.map(async (data) => data));
}

function isEncoded(batch: readonly (Uint8Array | Promise<Uint8Array>)[]): batch is Uint8Array[] {
  return batch.every((data) => !(data instanceof Promise));
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
