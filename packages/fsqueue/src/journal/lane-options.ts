import type { Segment } from "./segment.ts";
import type { SegmentFilesOptions } from "./segment-files.ts";

export interface LaneOptions extends SegmentFilesOptions {
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  /** Acknowledge (and show to readers) only what is durable. */
  readonly synced: boolean;
  /** A new segment takes the place of the old one. */
  readonly onSegment: (segment: Segment, previous: Segment | undefined) => void;
  /**
   * The lane was given up: lay down again, in the new one, what the old segment holds between `durable`
   * and `size`. Those records were acknowledged as written. What it returns is called when they are durable.
   */
  readonly carryOver: (old: Segment) => Promise<() => void>;
}
