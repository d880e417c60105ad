import { bytesCodec, openQueues } from "@lazy/fsqueue";
import { open } from "lmdb";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Contender, Question } from "../harness.ts";
import { openMessageTable } from "./better-sqlite3.ts";
import { MESSAGE_BYTES, Reception, createMessage, numberMessage } from "./message.ts";
import { withSqlite } from "./rivals.ts";
import { inScratch } from "./scratch.ts";

const subject = "@lazy/fsqueue";

interface SerialLog {
  append(message: Buffer): unknown;
  /** Everything, from the beginning. */
  messages(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  close(): unknown;
}

/** One writer, one stream: each append is awaited before the next, and has then survived the process. */
export const serial: Question = {
  name: "fsqueue/serial-written",
  unit: "messages/s",
  rounds: 9,
  targets: [
    { subject, rival: "better-sqlite3, autocommit", atLeast: 4 },
    { subject, rival: "lmdb", atLeast: 10 },
  ],
  async contenders(options) {
    const contender = (
      name: string,
      count: number,
      openLog: (dir: string) => SerialLog | Promise<SerialLog>,
    ): Contender => ({
      name,
      rival: name !== subject,
      sample: () =>
        inScratch(async (dir) => {
          const log = await openLog(dir);
          try {
            return await appendAll(log, options.smoke ? 200 : count);
          } finally {
            await log.close();
          }
        }),
    });
    return [
      contender(subject, 40_000, openLazy),
      contender("a write to a file", 40_000, openFile),
      contender("lmdb", 5_000, openSerialLmdb),
      ...(await withSqlite(options, "better-sqlite3, autocommit", (Database) =>
        contender("better-sqlite3, autocommit", 10_000, (dir) => {
          const database = openMessageTable(Database, dir, "written");
          const insert = database.prepare("INSERT INTO messages VALUES (0, ?, ?)");
          let sequence = 0;
          return {
            append: (message) => insert.run(sequence++, message),
            messages: () =>
              database
                .prepare<{ data: Buffer }>("SELECT data FROM messages ORDER BY sequence")
                .all()
                .map(({ data }) => data),
            close: () => database.close(),
          };
        }),
      )),
    ];
  },
};

async function appendAll(log: SerialLog, count: number): Promise<number> {
  const message = createMessage(0);
  const start = performance.now();
  for (let sequence = 0; sequence < count; sequence++) {
    const appended = log.append(numberMessage(message, sequence));
    if (appended instanceof Promise) await appended;
  }
  const took = performance.now() - start;
  const reception = new Reception(0, count);
  for await (const stored of log.messages()) reception.take(stored);
  reception.end();
  return (count * 1000) / took;
}

async function openLazy(dir: string): Promise<SerialLog> {
  const queues = await openQueues({ dir, codec: bytesCodec() });
  const queue = queues.session("session").queue<Uint8Array>("reply");
  await queue.open();
  return {
    append: (message) => queue.enqueue(message),
    async *messages() {
      for (let from = "start"; ;) {
        const { messages, next, atEnd } = await queue.read(from);
        for (const { value } of messages) yield value;
        if (atEnd) return;
        from = next;
      }
    },
    close: () => queues.close(),
  };
}

function openSerialLmdb(dir: string): SerialLog {
  const database = open<Buffer, number>({
    path: `${dir}/lmdb`,
    encoding: "binary",
    overlappingSync: false,
    noSync: true,
    // There is nothing to wait for: a commit for each put, at once.
    eventTurnBatching: false,
  });
  let sequence = 0;
  return {
    append: (message) => database.put(sequence++, message),
    messages: () => database.getRange().map(({ value }) => value),
    close: () => database.close(),
  };
}

function openFile(dir: string): SerialLog {
  const file = openSync(`${dir}/log`, "ax");
  return {
    append: (message) => writeSync(file, message),
    *messages() {
      const bytes = readFileSync(`${dir}/log`);
      for (let at = 0; at < bytes.length; at += MESSAGE_BYTES) {
        yield bytes.subarray(at, at + MESSAGE_BYTES);
      }
    },
    close: () => closeSync(file),
  };
}
