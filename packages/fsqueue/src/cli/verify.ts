import { verifyFolder } from "../journal/verify.ts";
import type { Command } from "./command.ts";
import { withBar } from "./progress.ts";
import { sizeText, table } from "./table.ts";

/** `lazy-queue verify DIR`: exit code 1 if anything is damaged. */
export async function verify(command: Command): Promise<number> {
  const result = await withBar(command.progress, (onProgress) => {
    return verifyFolder(command.dir, { onProgress });
  });
  const { segments, bytes, blocks, records, messages, unfinishedBytes, damage } = result;
  if (command.json) {
    const report = { segments, bytes, blocks, records, messages, unfinishedBytes, damage };
    command.print(`${JSON.stringify(report, undefined, 2)}\n`);
  } else {
    command.print(
      `${segments} segments, ${sizeText(bytes)}, ${blocks} blocks, ${records} records, ${messages} messages\n`,
    );
    if (unfinishedBytes > 0) {
      command.print(
        `${unfinishedBytes} bytes at the end are unfinished; the next writer cuts them off\n`,
      );
    }
    if (damage.length === 0) command.print("every checksum is right\n");
    else {
      const columns = [
        { title: "DAMAGED" },
        { title: "OFFSET", align: "right" },
        { title: "BYTES", align: "right" },
      ] as const;
      const rows = damage.map(({ path, offset, length }) => [path, String(offset), String(length)]);
      command.print(table(columns, rows, ""));
    }
  }
  return damage.length === 0 ? 0 : 1;
}
