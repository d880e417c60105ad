import type { FilePort } from "./port.ts";
import type { Segment } from "./segment.ts";

/** Idle segments kept open for reading. */
const MOST_OPEN = 32;

/** Opens segments for reading, and closes those that were not read for the longest time. */
export class Descriptors {
  readonly #port: FilePort;
  /** Least recently used first. The segment being written is not among them. */
  readonly #open = new Set<Segment>();
  readonly #opening = new Map<Segment, Promise<void>>();

  constructor(port: FilePort) {
    this.#port = port;
  }

  /** A descriptor to read with; give it back with {@link release}. */
  async acquire(segment: Segment): Promise<number> {
    segment.readers += 1;
    try {
      while (segment.descriptor < 0) {
        let opening = this.#opening.get(segment);
        if (opening === undefined) {
          opening = this.#openSegment(segment);
          this.#opening.set(segment, opening);
        }
        await opening;
      }
    } catch (error) {
      segment.readers -= 1;
      throw error;
    }
    if (this.#open.delete(segment)) this.#open.add(segment);
    return segment.descriptor;
  }

  release(segment: Segment): void {
    segment.readers -= 1;
    if (segment.gone && segment.readers === 0) void this.#close(segment);
    else void this.#trim();
  }

  /** The segment is written no more: its descriptor is one among the others now. */
  adopt(segment: Segment): void {
    if (segment.descriptor >= 0) this.#open.add(segment);
    void this.#trim();
  }

  /** The segment is deleted: close it once nobody reads it. */
  async drop(segment: Segment): Promise<void> {
    segment.gone = true;
    if (segment.readers === 0) await this.#close(segment);
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#opening.values());
    await Promise.all([...this.#open].map((segment) => this.#close(segment)));
  }

  async #openSegment(segment: Segment): Promise<void> {
    try {
      segment.descriptor = await this.#port.open(segment.path, "read");
      this.#open.add(segment);
    } finally {
      this.#opening.delete(segment);
    }
  }

  async #trim(): Promise<void> {
    for (const segment of this.#open) {
      if (this.#open.size <= MOST_OPEN) return;
      if (segment.readers === 0) await this.#close(segment);
    }
  }

  async #close(segment: Segment): Promise<void> {
    this.#open.delete(segment);
    const { descriptor } = segment;
    if (descriptor < 0) return;
    segment.descriptor = -1;
    // Nothing was written with it, so a failing close loses nothing.
    await this.#port.close(descriptor).catch(() => {});
  }
}
