interface Lease {
  readonly sequence: number;
  deliveries: number;
  maxDeliveries: number;
  until: number;
}

/** Who holds which message of one queue in one group of consumers. Positions are message sequences. */
export class LeaseGroup {
  /** Every message up to and including this one is acknowledged, or was gone before it could be. */
  #settled = 0;
  readonly #acknowledged = new Set<number>();
  /** Messages handed out at least once and not acknowledged. */
  readonly #leases = new Map<number, Lease>();

  /** Hand out up to `max` of the messages after `head` up to `tail`; returns sequence and deliveries. */
  acquire(
    head: number,
    tail: number,
    now: number,
    options: { max: number; visibilityMs: number; maxDeliveries: number },
  ): Lease[] {
    this.#forget(head);
    const handed: Lease[] = [];
    const { max, visibilityMs, maxDeliveries } = options;
    for (let sequence = this.#settled + 1; sequence <= tail && handed.length < max; sequence++) {
      if (this.#acknowledged.has(sequence)) continue;
      const lease = this.#leases.get(sequence);
      if (lease === undefined) {
        const first = { sequence, deliveries: 1, maxDeliveries, until: now + visibilityMs };
        this.#leases.set(sequence, first);
        handed.push(first);
      } else if (lease.until <= now && lease.deliveries < maxDeliveries) {
        lease.deliveries += 1;
        lease.maxDeliveries = maxDeliveries;
        lease.until = now + visibilityMs;
        handed.push(lease);
      }
    }
    return handed;
  }

  acknowledge(sequence: number): void {
    if (sequence <= this.#settled) return;
    this.#leases.delete(sequence);
    this.#acknowledged.add(sequence);
    while (this.#acknowledged.delete(this.#settled + 1)) this.#settled += 1;
  }

  release(sequence: number): void {
    const lease = this.#leases.get(sequence);
    if (lease !== undefined) lease.until = 0;
  }

  /** Messages that used up their deliveries and whose last lease is over, in order. */
  dead(head: number, now: number): Lease[] {
    this.#forget(head);
    return [...this.#leases.values()]
      .filter((lease) => lease.deliveries >= lease.maxDeliveries && lease.until <= now)
      .toSorted((a, b) => a.sequence - b.sequence);
  }

  nextExpiry(now: number): number | undefined {
    let next: number | undefined;
    for (const { until } of this.#leases.values()) {
      if (until > now && (next === undefined || until < next)) next = until;
    }
    return next;
  }

  /** What was trimmed needs no acknowledgement. */
  #forget(head: number): void {
    if (head <= this.#settled) return;
    for (const sequence of this.#leases.keys()) {
      if (sequence <= head) this.#leases.delete(sequence);
    }
    for (const sequence of this.#acknowledged) {
      if (sequence <= head) this.#acknowledged.delete(sequence);
    }
    this.#settled = head;
    while (this.#acknowledged.delete(this.#settled + 1)) this.#settled += 1;
  }
}
