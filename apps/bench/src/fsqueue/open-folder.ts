import { openFileStore } from "@lazy/fsqueue";
import type { Contender, Question } from "../harness.ts";
import { openMessageTable, type OpenDatabase } from "./better-sqlite3.ts";
import { createMessage, numberMessage } from "./message.ts";
import { withSqlite } from "./rivals.ts";
import { createScratch, removeScratch } from "./scratch.ts";

const EACH = 10;
const subject = "@lazy/fsqueue";

/**
 * Opening what holds 100,000 queues of ten messages, until the name, count and end of each are in memory: so
 * that any of them can be appended to and followed without another look at the disk.
 */
export const openFolder: Question = {
  name: "fsqueue/open-100000-queues",
  unit: "ms",
  rounds: 5,
  targets: [{ subject, rival: "better-sqlite3", atMost: 0.3 }],
  async contenders(options) {
    const queues = options.smoke ? 1000 : 100_000;
    return Promise.all([
      lazyFolder(queues),
      ...(await withSqlite(options, "better-sqlite3", (Database) =>
        sqliteFolder(queues, Database),
      )),
    ]);
  },
};

async function lazyFolder(queues: number): Promise<Contender> {
  const dir = await createScratch();
  const written = await openFileStore({ dir });
  const names = Array.from({ length: queues }, (_, queue) => nameOf(queue));
  for (let queue = 0; queue < queues; queue += 1000) {
    await Promise.all(names.slice(queue, queue + 1000).map((name) => written.open(name)));
  }
  for (let sequence = 0; sequence < EACH; sequence++) {
    for (let queue = 0; queue < queues; queue += 1000) {
      await Promise.all(
        names
          .slice(queue, queue + 1000)
          .map((name, at) =>
            written.append(name, [numberMessage(createMessage(queue + at), sequence)]),
          ),
      );
    }
  }
  await written.close();
  return {
    name: subject,
    async sample() {
      const start = performance.now();
      const store = await openFileStore({ dir });
      const took = performance.now() - start;
      let found = 0;
      for await (const { messages } of store.list()) found += messages;
      await store.close();
      return checkedTime(took, found, queues);
    },
    close: () => removeScratch(dir),
  };
}

async function sqliteFolder(queues: number, Database: OpenDatabase): Promise<Contender> {
  const dir = await createScratch();
  const written = openMessageTable(Database, dir, "written");
  written.exec("CREATE TABLE queues (stream INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)");
  const create = written.prepare("INSERT INTO queues VALUES (?, ?)");
  const insert = written.prepare("INSERT INTO messages VALUES (?, ?, ?)");
  written.transaction(() => {
    for (let queue = 0; queue < queues; queue++) {
      create.run(queue, nameOf(queue));
      const message = createMessage(queue);
      for (let sequence = 0; sequence < EACH; sequence++) {
        insert.run(queue, sequence, numberMessage(message, sequence));
      }
    }
  })();
  written.pragma("wal_checkpoint(TRUNCATE)");
  written.close();
  return {
    name: "better-sqlite3",
    sample() {
      const start = performance.now();
      const database = new Database(`${dir}/messages.sqlite`);
      const rows = database.prepare<{ name: string; count: number; last: number }>(
        "SELECT name, count(*) AS count, max(sequence) AS last FROM queues JOIN messages USING (stream) GROUP BY stream",
      );
      const known = new Map<string, { count: number; last: number }>();
      for (const { name, count, last } of rows.iterate()) known.set(name, { count, last });
      const took = performance.now() - start;
      database.close();
      let found = 0;
      for (const { count } of known.values()) found += count;
      return checkedTime(took, found, queues);
    },
    close: () => removeScratch(dir),
  };
}

function nameOf(queue: number): string {
  return `session-${queue}/reply`;
}

function checkedTime(took: number, found: number, queues: number): number {
  if (found !== queues * EACH) throw new Error(`${found} messages instead of ${queues * EACH}`);
  return took;
}
