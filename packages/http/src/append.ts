import {
  isQueueError,
  type AppendReceipt,
  type Ending,
  type Producer,
  type QueueInfo,
  type SealOptions,
} from "@lazy/fsqueue";
import type { Answer, AnswerHeaders } from "./answer.ts";
import { framingOf, mediaType, storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import { fault, Fault } from "./fault.ts";
import { splitJson } from "./json-messages.ts";
import { requireQueue } from "./lookup.ts";
import { readProducer } from "./producer.ts";

const endedWell: Ending = { status: "ok" };

/** POST: append, append and close, or close only. */
export async function appendToQueue(core: Core, exchange: Exchange, name: string): Promise<Answer> {
  const producer = readProducer(exchange);
  const close = isClosing(exchange);
  const options = optionsOf(core, exchange, producer);
  const body = await exchange.readBody(core.limits.bodyBytes);
  if (body.byteLength === 0 && !close) {
    throw fault(
      400,
      "BODY_EMPTY",
      "There is nothing to append. Send a body, or Stream-Closed: true.",
    );
  }
  const info = await requireQueue(core.store, name);
  try {
    if (body.byteLength === 0) {
      const receipt = await core.store.seal(name, endedWell, options);
      return { status: 204, headers: await receiptHeaders(core, info, receipt, producer, true) };
    }
    const messages = messagesOf(core, exchange, info, body, producer);
    const receipt = close
      ? await core.store.seal(name, endedWell, { ...options, messages })
      : await core.store.append(name, messages, options);
    const status = producer !== undefined && !receipt.duplicate ? 200 : 204;
    return { status, headers: await receiptHeaders(core, info, receipt, producer, close) };
  } catch (error) {
    throw await asFault(core, name, error);
  }
}

/** `Stream-Closed` counts only as `true`, in any case. */
export function isClosing(exchange: Exchange): boolean {
  return exchange.header("stream-closed")?.toLowerCase() === "true";
}

/** The messages of a body under a content type. */
export function splitBody(contentType: string, body: Uint8Array): readonly Uint8Array[] {
  if (body.byteLength === 0) return [];
  return framingOf(contentType) === "json" ? splitJson(body) : [body];
}

function optionsOf(core: Core, exchange: Exchange, producer: Producer | undefined): SealOptions {
  const order = exchange.header("stream-seq");
  if (order !== undefined && (order === "" || order.length > 512)) {
    throw fault(400, "ORDER_INVALID", "Stream-Seq has 1 to 512 characters.");
  }
  return {
    ...(producer === undefined ? {} : { producer }),
    ...(order === undefined ? {} : { order }),
    ...(core.durable === undefined ? {} : { durable: core.durable }),
  };
}

/** The checks in the order of the protocol: closed, then the content type; the store makes the others. */
function messagesOf(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  body: Uint8Array,
  producer: Producer | undefined,
): readonly Uint8Array[] {
  // A producer's retry of what closed the queue is no conflict; the store recognises it.
  if (info.ending !== undefined && producer === undefined) throw sealed(info);
  const given = exchange.header("content-type");
  if (given === undefined || given.trim() === "") {
    throw fault(400, "CONTENT_TYPE_MISSING", "Send the queue's Content-Type with the body.");
  }
  const contentType = storedContentType(info.metadata, core.contentType);
  if (info.ending === undefined && mediaType(given) !== mediaType(contentType)) {
    throw fault(409, "CONTENT_TYPE_DIFFERS", `The queue's Content-Type is ${contentType}.`);
  }
  const messages = splitBody(contentType, body);
  if (messages.length === 0) {
    throw fault(400, "BODY_EMPTY", "An empty array appends nothing. Send at least one message.");
  }
  return messages;
}

async function receiptHeaders(
  core: Core,
  info: QueueInfo,
  receipt: AppendReceipt,
  producer: Producer | undefined,
  close: boolean,
): Promise<AnswerHeaders> {
  // What a retry asks for may not be what the first try did: look.
  const ended = receipt.duplicate
    ? (await core.store.info(info.name))?.ending !== undefined
    : close || info.ending !== undefined;
  return {
    "stream-next-offset": receipt.offset,
    ...(ended ? { "stream-closed": "true" } : {}),
    ...(producer === undefined
      ? {}
      : {
          "producer-epoch": String(producer.epoch),
          "producer-seq": String(receipt.sequence ?? producer.sequence),
        }),
  };
}

/** Adds to a refusal what clients need to go on: where the queue ended, which sequence was expected. */
async function asFault(core: Core, name: string, error: unknown): Promise<unknown> {
  if (isQueueError(error, "QUEUE_SEALED")) {
    const info = await core.store.info(name);
    return info?.ending === undefined ? error : sealed(info);
  }
  if (isQueueError(error, "PRODUCER_FENCED")) {
    return new Fault(403, error.code, error.message, {
      "producer-epoch": String(error.details["epoch"]),
    });
  }
  if (isQueueError(error, "PRODUCER_GAP")) {
    return new Fault(409, error.code, error.message, {
      "producer-expected-seq": String(error.details["expected"]),
      "producer-received-seq": String(error.details["received"]),
    });
  }
  return error;
}

function sealed(info: QueueInfo): Fault {
  return new Fault(409, "QUEUE_SEALED", "The queue is closed: nothing can be added to it.", {
    "stream-closed": "true",
    "stream-next-offset": info.tail,
  });
}
