import { type OpenDatabase, openMessageTable } from "./better-sqlite3.ts";
import { Followers, type OpenLiveLog } from "./live-log.ts";

/** What is appended in one turn of the event loop is one transaction. */
export function sqliteLog(Database: OpenDatabase): OpenLiveLog {
  return async ({ dir, streams, durability }) => {
    const database = openMessageTable(Database, dir, durability);
    const insert = database.prepare("INSERT INTO messages VALUES (?, ?, ?)");
    const select = database.prepare<{ data: Buffer }>(
      "SELECT data FROM messages WHERE stream = ? AND sequence >= ? ORDER BY sequence",
    );
    const next = new Float64Array(streams);
    const followers = new Followers();
    let batch: { stream: number; message: Buffer }[] = [];
    let committed: Promise<void> | undefined;

    const insertAll = database.transaction((messages: typeof batch) => {
      for (const { stream, message } of messages) insert.run(stream, next[stream]!++, message);
    });
    const commit = (): void => {
      const messages = batch;
      batch = [];
      committed = undefined;
      insertAll(messages);
      for (const { stream } of messages) followers.tell(stream);
    };
    return {
      append(stream, message) {
        batch.push({ stream, message });
        committed ??= new Promise((resolve, reject) => {
          setImmediate(() => {
            try {
              commit();
              resolve();
            } catch (error) {
              reject(error);
            }
          });
        });
        return committed;
      },
      follow(stream, receive) {
        let sequence = 0;
        return followers.add(stream, () => {
          for (const { data } of select.all(stream, sequence)) {
            sequence += 1;
            if (receive(data)) return true;
          }
          return false;
        });
      },
      async close() {
        database.close();
      },
    };
  };
}
