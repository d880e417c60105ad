import type { Producer } from "../store.ts";
import type { QueueState } from "./queue-state.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Remember the append; returns how to forget it. */
export function advanceProducer(queue: QueueState, producer: Producer, end: number): () => void {
  const producers = (queue.producers ??= new Map());
  const before = producers.get(producer.id);
  producers.set(producer.id, { epoch: producer.epoch, sequence: producer.sequence, end });
  return () => {
    if (before === undefined) producers.delete(producer.id);
    else producers.set(producer.id, before);
  };
}

/** The payload of a PRODUCER record. */
export function encodeProducer(producer: Producer): Uint8Array {
  const id = encoder.encode(producer.id);
  const bytes = new Uint8Array(16 + id.length);
  const view = new DataView(bytes.buffer);
  writeInteger(view, 0, producer.epoch);
  writeInteger(view, 8, producer.sequence);
  bytes.set(id, 16);
  return bytes;
}

export function decodeProducer(payload: Uint8Array): Producer {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return {
    epoch: readInteger(view, 0),
    sequence: readInteger(view, 8),
    id: decoder.decode(payload.subarray(16)),
  };
}

function writeInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function readInteger(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
