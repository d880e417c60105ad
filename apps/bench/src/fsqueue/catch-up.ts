import { bytesCodec, openFileStore, openQueues } from "@lazy/fsqueue";
import { crc32 } from "node:zlib";
import type { Contender, Question } from "../harness.ts";
import { openMessageTable } from "./better-sqlite3.ts";
import { STREAM_STRIDE, openLmdb } from "./lmdb-log.ts";
import { Reception, createMessage, numberMessage } from "./message.ts";
import { withSqlite } from "./rivals.ts";
import { createScratch, removeScratch } from "./scratch.ts";

const subject = "@lazy/fsqueue";
/** Read at a time. */
const PAGE = 1000;

interface Archive {
  /** All messages of a stream in order. */
  read(stream: number, receive: (message: Uint8Array) => void): void | Promise<void>;
  close(): unknown;
}

/**
 * Reading a million messages that another process wrote, one stream after the other, each message checked
 * against a checksum: the subject does this by itself, for the others it stands before the message.
 */
function catchUp(streams: number): Question {
  return {
    name: streams === 1 ? "fsqueue/catch-up" : `fsqueue/catch-up-${streams}-interleaved`,
    unit: "messages/s",
    rounds: 5,
    targets: [
      { subject, rival: "lmdb", atLeast: 2.5 },
      { subject, rival: "better-sqlite3", atLeast: 3 },
    ],
    async contenders(options) {
      const total = options.smoke ? 10_000 : 1_000_000;
      const each = total / streams;
      const contender = async (
        name: string,
        openArchive: (dir: string, streams: number, each: number) => Archive | Promise<Archive>,
      ): Promise<Contender> => {
        const dir = await createScratch();
        const archive = await openArchive(dir, streams, each);
        return {
          name,
          rival: name !== subject,
          async sample() {
            const start = performance.now();
            for (let stream = 0; stream < streams; stream++) {
              const reception = new Reception(stream, each);
              await archive.read(stream, (message) => void reception.take(message));
              reception.end();
            }
            return (total * 1000) / (performance.now() - start);
          },
          async close() {
            await archive.close();
            await removeScratch(dir);
          },
        };
      };
      return Promise.all([
        contender(subject, lazyArchive),
        contender("lmdb", lmdbArchive),
        ...(await withSqlite(options, "better-sqlite3", (Database) =>
          contender("better-sqlite3", (dir, count, messages) => {
            const database = openMessageTable(Database, dir, "written");
            const insert = database.prepare("INSERT INTO messages VALUES (?, ?, ?)");
            database.transaction(() => {
              for (const [stream, sequence, message] of interleaved(count, messages)) {
                insert.run(stream, sequence, withChecksum(message));
              }
            })();
            database.pragma("wal_checkpoint(TRUNCATE)");
            const select = database
              .prepare<Buffer>(
                "SELECT data FROM messages WHERE stream = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
              )
              .pluck();
            return {
              read(stream, receive) {
                for (let from = 0; ; from += PAGE) {
                  const page = select.all(stream, from, PAGE);
                  for (const data of page) receive(checked(data));
                  if (page.length < PAGE) return;
                }
              },
              close: () => database.close(),
            };
          }),
        )),
      ]);
    },
  };
}

export const catchUpQuestions: readonly Question[] = [catchUp(1), catchUp(1000)];

async function lazyArchive(dir: string, streams: number, each: number): Promise<Archive> {
  const store = await openFileStore({ dir });
  await Promise.all(Array.from({ length: streams }, (_, stream) => store.open(nameOf(stream))));
  let written: Promise<unknown>[] = [];
  for (const [stream, , message] of interleaved(streams, each)) {
    written.push(store.append(nameOf(stream), [message]));
    if (written.length < PAGE) continue;
    await Promise.all(written);
    written = [];
  }
  await Promise.all(written);
  await store.close();
  // Opened again: nothing is in memory but where the messages are.
  const queues = await openQueues({ dir, codec: bytesCodec() });
  return {
    async read(stream, receive) {
      const queue = queues.session(`session-${stream}`).queue<Uint8Array>("reply");
      for (let from = "start"; ;) {
        const { messages, next, atEnd } = await queue.read(from, { limit: PAGE });
        for (const { value } of messages) receive(value);
        if (atEnd) return;
        from = next;
      }
    },
    close: () => queues.close(),
  };
}

function nameOf(stream: number): string {
  return `session-${stream}/reply`;
}

async function lmdbArchive(dir: string, streams: number, each: number): Promise<Archive> {
  const written = openLmdb(dir, "written");
  written.transactionSync(() => {
    for (const [stream, sequence, message] of interleaved(streams, each)) {
      written.putSync(stream * STREAM_STRIDE + sequence, withChecksum(message));
    }
  });
  await written.close();
  const database = openLmdb(dir, "written");
  return {
    read(stream, receive) {
      const start = stream * STREAM_STRIDE;
      for (const { value } of database.getRange({ start, end: start + STREAM_STRIDE })) {
        receive(checked(value));
      }
    },
    close: () => database.close(),
  };
}

/** A message of each stream, then the next of each, and so on, as they come when many are written at once. */
function* interleaved(
  streams: number,
  each: number,
): Iterable<readonly [stream: number, sequence: number, message: Buffer]> {
  for (let sequence = 0; sequence < each; sequence++) {
    for (let stream = 0; stream < streams; stream++) {
      yield [stream, sequence, numberMessage(createMessage(stream), sequence)];
    }
  }
}

function withChecksum(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(message.length + 4);
  framed.writeUInt32LE(crc32(message), 0);
  message.copy(framed, 4);
  return framed;
}

function checked(framed: Buffer): Buffer {
  const message = framed.subarray(4);
  if (crc32(message) !== framed.readUInt32LE(0)) throw new Error("a damaged message");
  return message;
}
