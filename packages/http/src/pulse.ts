/** Something that wants to be looked at now and then. */
export interface Pulsed {
  /** Called about every quarter of a second with `Date.now()`. */
  pulse(now: number): void;
}

const intervalMs = 250;

/**
 * One timer for all connections: a timer each would cost more than the connections themselves. It runs
 * only while there is something to look at, and keeps no process alive.
 */
export class Pulse {
  readonly #members = new Set<Pulsed>();
  #timer: NodeJS.Timeout | undefined;

  add(member: Pulsed): void {
    this.#members.add(member);
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#beat(), intervalMs);
    this.#timer.unref();
  }

  delete(member: Pulsed): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    const now = Date.now();
    for (const member of this.#members) member.pulse(now);
  }
}
