/** A message that a group has been handed and has not acknowledged. */
export interface Lease {
  /** How often it has been handed out. */
  deliveries: number;
  /** After so many it is dead. */
  limit: number;
  /** Until when it belongs to who has it; 0 when it was given back. */
  until: number;
}

/** What one group of consumers has done with a queue. Messages are told by their sequence. */
export class Group {
  /** Everything before this sequence is acknowledged, or was trimmed before it could be. */
  floor = 0;
  /** Acknowledged sequences from the floor on. */
  readonly acknowledged: Set<number> = new Set();
  /** Handed out at least once, not acknowledged. */
  readonly leases: Map<number, Lease> = new Map();

  /** The sequences that may be handed out now, of `[head, tail)`. */
  available(head: number, tail: number, now: number, max: number, limit: number): number[] {
    this.forget(head);
    const free: number[] = [];
    for (let sequence = this.floor; sequence < tail && free.length < max; sequence += 1) {
      if (this.acknowledged.has(sequence)) continue;
      const lease = this.leases.get(sequence);
      if (lease === undefined || (lease.until <= now && lease.deliveries < limit)) {
        free.push(sequence);
      }
    }
    return free;
  }

  lease(sequence: number, until: number, limit: number): Lease {
    const lease = this.leases.get(sequence) ?? { deliveries: 0, limit, until };
    lease.deliveries += 1;
    lease.limit = limit;
    lease.until = until;
    this.leases.set(sequence, lease);
    return lease;
  }

  acknowledge(sequence: number): void {
    if (sequence < this.floor) return;
    this.leases.delete(sequence);
    this.acknowledged.add(sequence);
    while (this.acknowledged.delete(this.floor)) this.floor += 1;
  }

  release(sequence: number): void {
    const lease = this.leases.get(sequence);
    if (lease !== undefined) lease.until = 0;
  }

  /** Sequences that used up their deliveries and whose last lease is over, in order. */
  dead(head: number, now: number): number[] {
    this.forget(head);
    return [...this.leases]
      .filter(([, lease]) => lease.deliveries >= lease.limit && lease.until <= now)
      .map(([sequence]) => sequence)
      .toSorted((a, b) => a - b);
  }

  nextExpiry(now: number): number | undefined {
    let next: number | undefined;
    for (const { until } of this.leases.values()) {
      if (until > now && (next === undefined || until < next)) next = until;
    }
    return next;
  }

  /** What was trimmed needs no acknowledgement. */
  forget(head: number): void {
    if (head <= this.floor) return;
    for (const sequence of this.leases.keys()) if (sequence < head) this.leases.delete(sequence);
    for (const sequence of this.acknowledged) {
      if (sequence < head) this.acknowledged.delete(sequence);
    }
    this.floor = head;
    while (this.acknowledged.delete(this.floor)) this.floor += 1;
  }
}
