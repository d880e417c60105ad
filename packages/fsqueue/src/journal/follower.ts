import { join } from "node:path";
import type { Journal } from "./journal.ts";
import { BLOCK_HEADER } from "./layout.ts";
import { releaseMessages } from "./drop.ts";
import { type Found, listSegments, openSegment, recover } from "./recovery.ts";
import { replayBlock } from "./replay.ts";
import { readBlock } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { FIRST_WINDOW, SegmentReader } from "./segment-reader.ts";

/** How often a reader looks by itself, for when the system tells of no change. */
const SAFETY_MS = 250;
/** Attempts at reading a folder whose segments are being replaced meanwhile. */
const ATTEMPTS = 5;

/** Reads on in a folder that another process writes. It keeps this process alive until it is stopped. */
export class Follower {
  readonly #journal: Journal;
  #active: Segment | undefined;
  #polling: Promise<void> | undefined;
  #again = false;
  #look = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #watched = "";
  #unwatch: () => void = () => {};

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async start(): Promise<void> {
    await this.#load();
    this.#timer = setInterval(() => {
      this.#look = true;
      this.#poke();
    }, SAFETY_MS);
  }

  /** Resolves when everything that stood in the files at the call is taken in. */
  async refresh(): Promise<void> {
    this.#look = true;
    if (this.#polling !== undefined) {
      this.#again = true;
      await this.#polling;
      return;
    }
    await this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unwatch();
    await this.#polling?.catch(() => {});
    if (this.#active !== undefined) this.#journal.descriptors.adopt(this.#active);
  }

  #poke(): void {
    // A failure shows to who reads or refreshes; the next look tries again.
    if (this.#polling === undefined && !this.#stopped) this.#poll().catch(() => {});
    else this.#again = true;
  }

  #poll(): Promise<void> {
    const polling = (async () => {
      do {
        this.#again = false;
        await this.#readOn();
      } while (this.#again && !this.#stopped);
    })().finally(() => {
      this.#polling = undefined;
    });
    this.#polling = polling;
    return polling;
  }

  /** From nothing. The writer may be replacing segments just now: then try again. */
  async #load(): Promise<void> {
    const journal = this.#journal;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { last } = await recover(journal, false);
        this.#active = last;
        break;
      } catch (error) {
        await journal.clear();
        if (attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, 10 * attempt);
        });
      }
    }
    journal.touched = new Set();
    this.#watch();
  }

  #watch(): void {
    const folder =
      this.#active === undefined ? this.#journal.options.dir : join(this.#active.path, "..");
    if (folder === this.#watched) return;
    this.#unwatch();
    this.#watched = folder;
    this.#unwatch = this.#journal.options.port.watch(folder, (created) => {
      if (created) this.#look = true;
      this.#poke();
    });
  }

  async #readOn(): Promise<void> {
    const active = this.#active;
    if (active !== undefined) await this.#readSegment(active, undefined);
    if (!this.#look || this.#stopped) return;
    this.#look = false;
    for (let next = await this.#next(); next !== undefined; next = await this.#next()) {
      const before = this.#active;
      const { header, segment } = next;
      if (before !== undefined && header?.previous === before.number) {
        if (before.size > header.previousLength) {
          await this.#reload(); // the writer gave up what it could not make durable
          return;
        }
        await this.#readSegment(before, header.previousLength);
      }
      if (before !== undefined) this.#journal.descriptors.adopt(before);
      this.#journal.segments.push(segment);
      this.#active = segment;
      await this.#readSegment(segment, undefined);
      this.#watch();
    }
    await this.#dropDeleted();
  }

  async #next(): Promise<Found | undefined> {
    const after = this.#active?.number ?? 0;
    const listed = await listSegments(this.#journal);
    const bare = listed.toSorted((a, b) => a.number - b.number).find((one) => one.number > after);
    if (bare === undefined) return undefined;
    const found = await openSegment(this.#journal, bare, false);
    if (found.header !== undefined) return found;
    await this.#journal.options.port.close(found.segment.descriptor); // it is just being created
    return undefined;
  }

  /** Take in the blocks from where reading stopped. One that is not whole is still being written. */
  async #readSegment(segment: Segment, end: number | undefined): Promise<void> {
    const { port } = this.#journal.options;
    const limit = end ?? (await port.size(segment.descriptor));
    let offset = segment.size;
    if (offset >= limit) return;
    // Most of it may be headroom.
    const reader = new SegmentReader(port, segment.descriptor, limit, FIRST_WINDOW);
    while (offset < limit) {
      const found = await readBlock(reader, segment.salt, offset);
      if (found?.block === undefined) return;
      const { block, header } = found;
      const body = offset + BLOCK_HEADER;
      replayBlock(this.#journal, segment, reader.bytes, reader.view, block.at, block.end, body);
      offset += BLOCK_HEADER + header.bodyLength;
      segment.size = offset;
      // At once: readers must see a block as a whole or not at all.
      this.#deliver();
    }
  }

  /** Show readers what was taken in. */
  #deliver(): void {
    const journal = this.#journal;
    const touched = journal.touched ?? new Set();
    if (touched.size === 0) return;
    for (const queue of journal.removals.splice(0)) {
      if (!queue.gone) journal.applyRemoval(queue);
    }
    for (const queue of touched) {
      if (queue.gone) continue;
      queue.tail = queue.next;
      releaseMessages(queue);
      queue.wake();
    }
    touched.clear();
  }

  async #reload(): Promise<void> {
    const journal = this.#journal;
    const before = [...journal.byNumber.built()];
    await journal.clear();
    this.#active = undefined;
    await this.#load();
    for (const queue of before) {
      const again = journal.byName.get(queue.name);
      queue.gone = true;
      // Not a queue of the same name that was made since.
      if (again?.number === queue.number) queue.handOver(again);
      queue.wake();
      again?.wake();
    }
  }

  /** Let go of segments that the writer has deleted. */
  async #dropDeleted(): Promise<void> {
    const journal = this.#journal;
    const there = new Set((await listSegments(journal)).map(({ number }) => number));
    for (const segment of journal.segments.filter((one) => !there.has(one.number))) {
      if (segment.live > 0 || segment === this.#active) continue;
      journal.segments = journal.segments.filter((one) => one !== segment);
      await journal.descriptors.drop(segment);
    }
  }
}
