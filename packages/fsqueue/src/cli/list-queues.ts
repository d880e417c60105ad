import { type Command, reading, stateText } from "./command.ts";
import { sizeText, table, timeText } from "./table.ts";

/** `lazy-queue ls DIR [PREFIX]` */
export function listQueues(command: Command): Promise<number> {
  return reading(command, async (store) => {
    const rows: string[][] = [];
    for await (const info of store.list(command.name)) {
      if (command.json) command.print(`${JSON.stringify(info)}\n`);
      else {
        rows.push([
          info.name,
          String(info.messages),
          sizeText(info.bytes),
          stateText(info),
          timeText(info.createdAt),
        ]);
      }
    }
    if (command.json) return 0;
    const columns = [
      { title: "QUEUE" },
      { title: "MESSAGES", align: "right" },
      { title: "SIZE", align: "right" },
      { title: "STATE" },
      { title: "CREATED" },
    ] as const;
    command.print(table(columns, rows, "no queues"));
    return 0;
  });
}
