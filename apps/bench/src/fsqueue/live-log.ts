/** Many streams that can be appended to and followed: what the contenders have in common. */
export interface LiveLog {
  /**
   * Resolves once the message has what the log was opened for: `written` survives the death of the
   * process that stores it, `synced` a power cut. The message is not touched before that.
   */
  append(stream: number, message: Buffer): Promise<unknown>;
  /** Hand over each message from the first on, as it comes, read back from the store; until `receive` says true. */
  follow(stream: number, receive: (message: Uint8Array) => boolean): Promise<void>;
  close(): Promise<void>;
}

export type Durability = "written" | "synced";

export type OpenLiveLog = (options: {
  /** Empty, and removed afterwards. */
  readonly dir: string;
  /** How many streams; their names are made known to the store before this resolves. */
  readonly streams: number;
  readonly durability: Durability;
}) => Promise<LiveLog>;

/** Followers inside the writing process, who are told of each append after it was acknowledged. */
export class Followers {
  readonly #deliver = new Map<number, () => boolean>();
  readonly #ends = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();

  /** `read` hands over what the store has by now, and says true once that was the last. */
  add(stream: number, read: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#deliver.set(stream, read);
      this.#ends.set(stream, { resolve, reject });
    });
  }

  tell(stream: number): void {
    const read = this.#deliver.get(stream);
    if (read === undefined) return;
    try {
      if (!read()) return;
      this.#ends.get(stream)!.resolve();
    } catch (error) {
      this.#ends.get(stream)!.reject(error);
    }
    this.#deliver.delete(stream);
  }
}
