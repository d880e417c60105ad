import type { Queue, Queues } from "@lazy/fsqueue";

/** The answers of conversations, in the order in which they were begun; kept like the answers themselves. */
export interface Turns {
  add(conversation: string, answer: string): Promise<void>;
  /** The answer that was begun last; undefined for a conversation that there is not. */
  latest(conversation: string): Promise<string | undefined>;
}

/** In a queue `turns` of each conversation, which no session's end ends. */
export function createTurns(queues: Queues): Turns {
  const turnsOf = (conversation: string): Queue<string> =>
    queues.session(conversation).queue("turns");
  return {
    async add(conversation, answer) {
      await turnsOf(conversation).enqueue(answer);
    },
    async latest(conversation) {
      const turns = turnsOf(conversation);
      if ((await turns.info()) === undefined) return undefined;
      let latest: string | undefined;
      for (let from = "start"; ;) {
        const { messages, next, atEnd } = await turns.read(from);
        latest = messages.at(-1)?.value ?? latest;
        if (atEnd) return latest;
        from = next;
      }
    },
  };
}
