import { setTimeout as pause } from "node:timers/promises";
import { type Session, session } from "@lazy/context";
import { flow } from "@lazy/flow";
import {
  type Message,
  type QueueInfo,
  type Store,
  openQueues,
  parseStoreName,
} from "@lazy/fsqueue";
import { type Token, answerTo } from "./model.ts";

/**
 * Whose session an answer is written in. `isolated`: its own. `shared`: one for all of them, as in LazyLLM
 * issue #454, to show what goes wrong then. Nothing else differs.
 */
export type Mode = "isolated" | "shared";

export interface AnswersOptions {
  /** The folder of the queues. Made if it is missing; `FOLDER_IN_USE` if another process has it open. */
  readonly dir: string;
  /** How fast the model speaks. 0 means as fast as it can. Default 20. */
  readonly tokensPerSecond?: number;
}

/** Answers that are being written, and those that were. */
export interface Answers {
  /** The queues beneath, for other ways of reading them. */
  readonly store: Store;
  /**
   * Begin an answer; it goes on whether anybody reads it or not. Resolves when it can be read, with false
   * if this one existed already.
   */
  start(request: { id: string; prompt: string; mode: Mode }): Promise<boolean>;
  /** Read an answer from its start, or on from an offset, to its end. Throws if it did not end well. */
  read(
    id: string,
    mode: Mode,
    options: { from: string | undefined; signal: AbortSignal },
  ): AsyncIterable<Message<Token>>;
  has(id: string, mode: Mode): Promise<boolean>;
  /** True when the answer has ended and nothing of it lies behind this offset. */
  isReadTo(id: string, mode: Mode, offset: string): Promise<boolean>;
  /** End an answer before its time. False if it is not being written. */
  stop(id: string): boolean;
  stats(): { writing: number; sessions: number };
  /** Let go of the folder. Answers that are being written are continued by the next `openAnswers`. */
  close(): Promise<void>;
}

/** No answer can have this id, see the server's check of ids. */
const sharedId = "*shared*";

/** Open the folder, and go on with the answers that a process left unfinished when it ended. */
export async function openAnswers({ dir, tokensPerSecond = 20 }: AnswersOptions): Promise<Answers> {
  const unfinished = new Set<string>();
  const claim = ({ name }: QueueInfo): boolean => {
    const owner = parseStoreName(name)?.session;
    if (owner === undefined || owner === sharedId) return false;
    unfinished.add(owner);
    return true;
  };
  const queues = await openQueues({ dir, claim });
  // One handle each for all answers: whichever session is current when it is used, it means that one's queue.
  const question = queues.queue<string>("question");
  const reply = queues.queue<Token>("reply");
  const replyOf = (id: string, mode: Mode): typeof reply =>
    queues.session(mode === "shared" ? sharedId : id).queue("reply");

  const answer = flow<{ prompt: string; from: number }>("answer").step(
    "model",
    async function* ({ prompt, from }, { signal }) {
      for (const token of answerTo(prompt).slice(from)) {
        if (tokensPerSecond > 0) await pause(1000 / tokensPerSecond, undefined, { signal });
        yield token;
      }
    },
  );

  const writing = new Map<string, AbortController>();
  let closing = false;
  await Promise.all(
    ["question", "reply"].map((name) => queues.session(sharedId).queue(name).delete()),
  );
  const shared = session.open({ id: sharedId });

  /** Write the answer, from token number `from` on, inside its session; and end that with it. */
  async function write(own: Session, id: string, prompt: string, from: number): Promise<void> {
    const { signal } = writing.get(id)!;
    try {
      await own.run(() => answer.stream({ prompt, from }, { signal }).pipeTo(reply));
      if (own !== shared) await own.close();
    } catch (error) {
      // What is cut short because the folder is being closed is continued by the next process.
      if (closing || own === shared) return;
      await own.close(
        signal.aborted ? { status: "aborted", reason: error } : { status: "error", error },
      );
    } finally {
      writing.delete(id);
    }
  }

  function begin(id: string): void {
    writing.set(id, new AbortController());
  }

  const has = async (id: string, mode: Mode): Promise<boolean> =>
    (await replyOf(id, mode).info()) !== undefined;

  for (const id of unfinished) {
    const prompt = (await queues.session(id).queue<string>("question").peek())?.value;
    const written = (await replyOf(id, "isolated").info())?.messages ?? 0;
    begin(id);
    const own = session.open({ id });
    await own.run(() => Promise.all([question.open(), reply.open()]));
    // Without its question an answer was never begun: it ends as it is.
    void write(own, id, prompt ?? "", prompt === undefined ? Infinity : written);
  }

  return {
    store: queues.store,
    async start({ id, prompt, mode }) {
      if (writing.has(id)) return false;
      begin(id);
      if (mode === "isolated" && (await has(id, mode))) {
        writing.delete(id);
        return false;
      }
      // The cure, and the only difference between the modes: a session of its own, at the entry.
      const own = mode === "shared" ? shared : session.open({ id });
      await own.run(async () => {
        await question.enqueue(prompt);
        await reply.clear();
      });
      void write(own, id, prompt, 0);
      return true;
    },
    async *read(id, mode, { from = "start", signal }) {
      for await (const message of replyOf(id, mode).tail({ from, signal })) {
        yield message;
        if (message.value.last) return;
      }
    },
    has,
    async isReadTo(id, mode, offset) {
      const { messages, ending } = await replyOf(id, mode).read(offset, { limit: 1 });
      return messages.length === 0 && ending !== undefined;
    },
    stop(id) {
      const found = writing.get(id);
      found?.abort(new Error("the answer was stopped"));
      writing.delete(id);
      return found !== undefined;
    },
    stats: () => ({ writing: writing.size, sessions: session.stats.live }),
    async close() {
      closing = true;
      // First the folder, so that the queues of unfinished answers are left open for the next process.
      await queues.close();
      for (const one of writing.values()) one.abort(new Error("the server is closing"));
      await shared.close();
    },
  };
}
