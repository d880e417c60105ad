import { SingleBar } from "cli-progress";
import { sizeText } from "./table.ts";

/** Shows a bar on this stream while the work reports how far it is. */
export async function withBar<R>(
  stream: NodeJS.WriteStream | undefined,
  work: (onProgress: (done: number, total: number) => void) => Promise<R>,
): Promise<R> {
  if (stream === undefined) return work(() => {});
  const bar = new SingleBar({
    stream,
    format: "{bar} {percentage}% of {size}, {eta_formatted} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  try {
    return await work((done, total) => {
      if (started) bar.update(done);
      else bar.start(total, done, { size: sizeText(total) });
      started = true;
    });
  } finally {
    if (started) bar.stop();
  }
}
