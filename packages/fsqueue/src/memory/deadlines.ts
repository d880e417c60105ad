import type { Clock } from "../clock.ts";

/** Something that ends at a time, which may move into the future without telling. */
export interface Expiring {
  /** Milliseconds since the epoch; undefined once it has ended in another way. */
  deadline(): number | undefined;
  expire(): void;
}

/**
 * Calls `expire` of many things at their deadlines with one timer. A deadline that slides is looked at
 * again only when its old value comes due, so that renewing it costs nothing.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** A binary heap, the earliest first. */
  readonly #heap: { at: number; readonly thing: Expiring }[] = [];
  #armed: number | undefined;
  #cancel: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(thing: Expiring): void {
    const at = thing.deadline();
    if (at === undefined) return;
    this.#push({ at, thing });
    this.#arm();
  }

  stop(): void {
    this.#cancel();
    this.#armed = undefined;
    this.#heap.length = 0;
  }

  #arm(): void {
    const next = this.#heap[0]?.at;
    if (next === this.#armed) return;
    this.#cancel();
    this.#armed = next;
    this.#cancel = next === undefined ? () => {} : this.#clock.schedule(next, this.#due);
  }

  readonly #due = (): void => {
    this.#armed = undefined;
    const now = this.#clock.now();
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > now) break;
      const at = first.thing.deadline();
      if (at !== undefined && at > now) {
        first.at = at;
        this.#sinkFirst();
      } else {
        this.#dropFirst();
        if (at !== undefined) first.thing.expire();
      }
    }
    this.#arm();
  };

  #push(entry: { at: number; readonly thing: Expiring }): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[index] = above;
      heap[parent] = entry;
      index = parent;
    }
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sinkFirst();
  }

  #sinkFirst(): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if ((heap[child]?.at ?? Infinity) < (heap[least]?.at ?? Infinity)) least = child;
      }
      const from = heap[index];
      const to = heap[least];
      if (least === index || from === undefined || to === undefined) return;
      heap[index] = to;
      heap[least] = from;
      index = least;
    }
  }
}
