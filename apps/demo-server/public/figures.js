// @ts-check
// What is measured while a storm lasts.

/** Counts of whole milliseconds, up to a minute: enough for percentiles, however many there are. */
export class Histogram {
  #counts = new Uint32Array(60_000);
  #total = 0;

  /** @param {number} ms */
  add(ms) {
    const at = Math.min(this.#counts.length - 1, Math.max(0, Math.round(ms)));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total += 1;
  }

  /** In milliseconds; undefined when there is none. @param {number} part @returns {number | undefined} */
  percentile(part) {
    let left = Math.ceil(this.#total * part);
    if (left === 0) return undefined;
    const at = this.#counts.findIndex((count) => (left -= count) <= 0);
    return at;
  }
}

/** How many a second, over the last second. */
export class Rate {
  /** @type {{ at: number, count: number }[]} */
  #marks = [];

  /** @param {number} count So many since the last mark. */
  mark(count) {
    const at = performance.now();
    this.#marks.push({ at, count });
    while ((this.#marks[0]?.at ?? at) < at - 1000) this.#marks.shift();
  }

  get perSecond() {
    const first = this.#marks[0];
    if (!first) return 0;
    const sum = this.#marks.reduce((total, { count }) => total + count, -first.count);
    return (sum * 1000) / Math.max(1, performance.now() - first.at);
  }
}

/** The server's clock as seen from here: its samples are as good as their way was short. */
export class ServerClock {
  #shortest = Infinity;
  #ahead = 0;

  /** @param {number} sent @param {number} came @param {number} time What the server's clock said. */
  sample(sent, came, time) {
    if (came - sent >= this.#shortest) return;
    this.#shortest = came - sent;
    this.#ahead = time - (sent + came) / 2;
  }

  now() {
    return here() + this.#ahead;
  }
}

/** Milliseconds since the epoch, by a clock that does not jump. */
export function here() {
  return performance.timeOrigin + performance.now();
}
