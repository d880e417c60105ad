/** The keys of one queue, in the order in which the script knows them: KEYS[1] to KEYS[6]. */
const kinds = ["queue", "messages", "producers", "cursors", "leases", "due"] as const;

/** Where a store keeps its queues: `<prefix>:{<name>}:<kind>`. All keys of a queue are in one slot of a cluster. */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    if (typeof prefix !== "string" || prefix === "" || /[{}]/.test(prefix)) {
      throw new TypeError(`A prefix is text without braces, not ${JSON.stringify(prefix)}.`);
    }
    this.#prefix = prefix;
  }

  /** The keys of a queue. The first also names the channel on which its changes are told. */
  of(name: string): string[] {
    const tag = `${this.#prefix}:{${encode(name)}}:`;
    return kinds.map((kind) => tag + kind);
  }

  channel(name: string): string {
    return `${this.#prefix}:{${encode(name)}}:queue`;
  }

  /** There as long as this writer lives. */
  writer(id: string): string {
    return `${this.#prefix}:writer:${id}`;
  }

  /** The writers that own queues, or did. */
  get writers(): string {
    return `${this.#prefix}:writers`;
  }

  /** Names the one that is settling orphans. */
  get settler(): string {
    return `${this.#prefix}:settler`;
  }

  /** For SCAN: the first keys of all queues whose name starts with this. */
  pattern(start: string): string {
    const literal = `${this.#prefix}:{${encode(start)}`.replace(/[\\*?[\]]/g, "\\$&");
    return `${literal}*}:queue`;
  }

  /** The name of the queue whose first key this is. */
  nameOf(key: string): string {
    const start = this.#prefix.length + 2;
    const tag = key.slice(start, -"}:queue".length);
    return tag.replace(/%(25|7B|7D)/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

/** A brace would end the part that a cluster looks at. Only these three are spelled otherwise. */
function encode(name: string): string {
  return name.replace(/[%{}]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
