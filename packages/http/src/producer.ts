import type { Producer } from "@lazy/fsqueue";
import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";

/** The idempotent producer of a request, all three headers or none. Throws a 400 for anything else. */
export function readProducer(exchange: Exchange): Producer | undefined {
  const id = exchange.header("producer-id");
  const epoch = exchange.header("producer-epoch");
  const sequence = exchange.header("producer-seq");
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (id === undefined || epoch === undefined || sequence === undefined) {
    throw invalid("Producer-Id, Producer-Epoch and Producer-Seq come together or not at all");
  }
  if (id === "" || Buffer.byteLength(id) > 512) throw invalid("Producer-Id has 1 to 512 bytes");
  return {
    id,
    epoch: readCount("Producer-Epoch", epoch),
    sequence: readCount("Producer-Seq", sequence),
  };
}

function readCount(header: string, value: string): number {
  const count = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw invalid(`${header} is an integer from 0 to 2^53 - 1`);
}

function invalid(what: string) {
  return fault(400, "PRODUCER_INVALID", `${what}.`);
}
