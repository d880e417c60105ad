/** Something that wants to be looked at now and then. */
export interface Pulsed {
  /** Called about every quarter of a second with `Date.now()`. */
  pulse(now: number): void;
}

const intervalMs = 250;

/**
 * One timer for all connections: a timer each would cost more than the connections themselves. It ends
 * at the first beat that finds nobody, not with the last member: requests that come one after the other
 * would each set and clear it. It keeps no process alive.
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
    this.#members.delete(member);
  }

  #beat(): void {
    if (this.#members.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = Date.now();
    for (const member of this.#members) member.pulse(now);
  }
}
