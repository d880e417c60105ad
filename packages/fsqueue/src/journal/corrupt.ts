import { QueueError } from "../errors.ts";
import type { Segment } from "./segment.ts";

/** A message that is in the index does not stand where it should. */
export function corruptRecord(
  segment: Segment,
  offset: number,
  queue: string,
  sequence: number,
): QueueError {
  return new QueueError(
    "CORRUPT",
    `message ${sequence} of queue ${JSON.stringify(queue)} is damaged: lane ${segment.lane}, segment ${segment.number}, offset ${offset} (${segment.path}). Restore the file, or open with \`salvage\` to skip it`,
    {
      details: {
        lane: segment.lane,
        segment: segment.number,
        offset,
        path: segment.path,
        queue,
        sequence,
      },
    },
  );
}

/** Damage that a scan met. `queue` and `sequence` as far as the damaged bytes tell. */
export function corruptSegment(
  place: { lane: number; number: number; path: string },
  offset: number,
  what: string,
  more: { queue?: string | undefined; sequence?: number | undefined } = {},
): QueueError {
  const whose =
    more.queue === undefined
      ? ""
      : `, queue ${JSON.stringify(more.queue)}, message ${more.sequence}`;
  return new QueueError(
    "CORRUPT",
    `${what}: lane ${place.lane}, segment ${place.number}, offset ${offset}${whose} (${place.path}). Restore the file, or open with \`salvage\` to go on without`,
    {
      details: {
        lane: place.lane,
        segment: place.number,
        offset,
        path: place.path,
        queue: more.queue,
        sequence: more.sequence,
      },
    },
  );
}
