import { type Session, session } from "@lazy/context";
import { flow } from "@lazy/flow";
import {
  type Message,
  type QueueInfo,
  type Store,
  isQueueError,
  openQueues,
  parseStoreName,
} from "@lazy/fsqueue";
import { DemoError, failureOf } from "./errors.ts";
import { type Model, type Question, type Token, fingerprint, promptOf } from "./model.ts";
import { type Turns, createTurns } from "./turns.ts";

/**
 * Whose session an answer is written in. `isolated`: its own. `shared`: one for all of them, as in LazyLLM
 * issue #454, to show what goes wrong then. Nothing else differs.
 */
export type Mode = "isolated" | "shared";

export type AnswersOptions = {
  readonly model: Model;
} & (
  | {
      /** The folder of the queues. Made if it is missing; `FOLDER_IN_USE` if another process has it open. */
      readonly dir: string;
      readonly store?: undefined;
    }
  /** A store that several servers write. There are no shared sessions then. Closed with the answers. */
  | { readonly store: Store }
);

/** Answers that are being written, and those that were. */
export interface Answers {
  /** The queues beneath, for other ways of reading them. */
  readonly store: Store;
  readonly model: Model;
  /** Those that an answer can be begun in. */
  readonly modes: readonly Mode[];
  /**
   * Begin an answer; it goes on whether anybody reads it or not. Resolves when it can be read. `created` is
   * false if this one existed already, `wiped` counts the tokens of others that its beginning dropped.
   *
   * Rejects with `ANSWER_EXISTS` if the id is that of an answer to another question, and with
   * `MODE_UNAVAILABLE` for a mode that is not among {@link modes}.
   */
  start(request: {
    id: string;
    question: Question;
    mode: Mode;
  }): Promise<{ created: boolean; wiped: number }>;
  /**
   * Read an answer from its start, or on from an offset, to its end. Throws if it did not end well: the
   * code it ended with is found by `failureOf`.
   */
  read(
    id: string,
    mode: Mode,
    options: { from?: string | undefined; signal: AbortSignal },
  ): AsyncIterable<Message<Token>>;
  has(id: string, mode: Mode): Promise<boolean>;
  /** What an answer of its own session was asked; undefined for one that there is not. */
  questionOf(id: string): Promise<Question | undefined>;
  /** What there is of the text of an answer of its own session. */
  textOf(id: string): Promise<string>;
  /** True when the answer has ended and nothing of it lies behind this offset. */
  isReadTo(id: string, mode: Mode, offset: string): Promise<boolean>;
  /** True until an answer of its own session has ended, as its readers see it. */
  isWriting(id: string): Promise<boolean>;
  /**
   * End an answer before its time, with the code `ANSWER_STOPPED`. False if it is not being written; rejects
   * with `ANSWER_ELSEWHERE` if it is, by another server.
   */
  stop(id: string): Promise<boolean>;
  readonly turns: Turns;
  stats(): { writing: number; sessions: number };
  /** Let go of the queues. Answers that are being written are left to the next `openAnswers`, or to another server. */
  close(): Promise<void>;
}

/** What the queue `question` of an answer holds. */
interface Asked {
  readonly question: Question;
  /** The name of the model that answers. */
  readonly model: string;
}

/** An answer that is being written. */
interface Writing {
  readonly stop: AbortController;
  /** Resolves when it can be read. */
  readonly ready: Promise<unknown>;
}

/** No answer can have this id, see the server's check of ids. */
const sharedId = "*shared*";

/**
 * Open the queues, and end or go on with the answers that a process left unfinished when it ended: those of
 * a seeded model are continued, all others end with `WRITER_LOST`. Where other servers write as well, the
 * answers of one that dies later are taken up in the same way.
 */
export async function openAnswers(options: AnswersOptions): Promise<Answers> {
  const { model } = options;
  const unfinished = new Set<string>();
  let opened = false;
  const claim = ({ name }: QueueInfo): boolean => {
    const owner = parseStoreName(name)?.session;
    if (owner === undefined || owner === sharedId) return false;
    unfinished.add(owner);
    // Later, when all queues of a server that died have been asked about.
    if (opened) setImmediate(() => void takeUpAll());
    return true;
  };
  const queues = await openQueues(
    options.store === undefined ? { dir: options.dir, claim } : { store: options.store, claim },
  );
  const modes: readonly Mode[] =
    model.seeded && options.store === undefined ? ["isolated", "shared"] : ["isolated"];
  // One handle each for all answers: whichever session is current when it is used, it means that one's queue.
  const question = queues.queue<Asked>("question");
  const reply = queues.queue<Token>("reply");
  const replyOf = (id: string, mode: Mode): typeof reply =>
    queues.session(mode === "shared" ? sharedId : id).queue("reply");

  const answer = flow<{ question: Question; from: number }>("answer").step(
    "model",
    (input, { signal }) => model.answer(input.question, { from: input.from, signal }),
  );

  const writing = new Map<string, Writing>();
  let closing = false;
  if (modes.includes("shared")) {
    const left = queues.session(sharedId);
    await Promise.all(["question", "reply"].map((name) => left.queue(name).delete()));
  }
  const shared = session.open({ id: sharedId });

  /** Write the answer, from token number `from` on, inside its session; and end that with it. */
  async function write(
    { own, id, mine }: { own: Session; id: string; mine: Writing },
    { question: asked, from }: { question: Question; from: number },
  ): Promise<void> {
    const { signal } = mine.stop;
    try {
      await own.run(() => answer.stream({ question: asked, from }, { signal }).pipeTo(reply));
      if (own !== shared) await own.close();
    } catch (failure) {
      // What is cut short because the folder is being closed is left to the next process.
      if (closing) return;
      const error = causeOf(failure);
      if (own === shared) {
        // No end of the queue tells this one's readers, as it goes on for the others.
        const token = { answer: fingerprint(promptOf(asked)), index: 0, text: "", last: true };
        const last = { ...token, failure: failureOf(error) };
        return await shared.run(() => reply.enqueue(last)).then(ignore, ignore);
      }
      const ended = own.close(
        signal.aborted ? { status: "aborted", reason: error } : { status: "error", error },
      );
      // Another server that took this one for dead writes the answer on.
      await ended.catch(isQueueError(error, "PRODUCER_FENCED") ? ignore : report);
    } finally {
      if (writing.get(id) === mine) writing.delete(id);
    }
  }

  /** Open the session of an answer that another process left, and write on or end it. */
  async function takeUp(id: string): Promise<void> {
    const own = session.open({ id });
    // First: what is this process's no other one can write, so that what is counted then is all there is.
    await own.run(() => Promise.all([question.open(), reply.open()]));
    const asked = (await queues.session(id).queue<Partial<Asked>>("question").peek())?.value;
    const written = (await replyOf(id, "isolated").info())?.messages ?? 0;
    if (asked?.question !== undefined && model.seeded && asked.model === model.name) {
      const mine = { stop: new AbortController(), ready: Promise.resolve() };
      writing.set(id, mine);
      void write({ own, id, mine }, { question: asked.question, from: written });
    } else if ((await lastOf(id))?.last) {
      await own.close();
    } else {
      const message = "the server ended while the model was answering; ask again";
      const reason = new DemoError("WRITER_LOST", 502, message);
      await own.close({ status: "aborted", reason });
    }
  }

  async function takeUpAll(): Promise<void> {
    const ids = closing ? [] : [...unfinished];
    unfinished.clear();
    // One that fails stays this server's; it ends when this server does.
    await Promise.all(ids.map((id) => takeUp(id).catch(report)));
  }

  /** What there is of an answer, without waiting for more. */
  async function* messagesOf(id: string): AsyncGenerator<Message<Token>> {
    for (let from = "start"; ;) {
      const { messages, next, atEnd } = await replyOf(id, "isolated").read(from);
      yield* messages;
      if (atEnd) return;
      from = next;
    }
  }
  const lastOf = async (id: string): Promise<Token | undefined> => {
    let last: Token | undefined;
    for await (const { value } of messagesOf(id)) last = value;
    return last;
  };
  const has = async (id: string, mode: Mode): Promise<boolean> =>
    (await replyOf(id, mode).info()) !== undefined;
  const isWriting = async (id: string): Promise<boolean> => {
    const info = await replyOf(id, "isolated").info();
    return info !== undefined && info.ending === undefined;
  };
  const questionOf = async (id: string): Promise<Question | undefined> => {
    const asked = queues.session(id).queue<Asked>("question");
    return (await asked.info()) === undefined ? undefined : (await asked.peek())?.value.question;
  };

  for (const id of unfinished) await takeUp(id);
  unfinished.clear();
  opened = true;

  return {
    store: queues.store,
    model,
    modes,
    async start({ id, question: asked, mode }) {
      if (!modes.includes(mode)) {
        const why = model.seeded ? "in one server" : `with the seeded generator, not ${model.name}`;
        throw new DemoError("MODE_UNAVAILABLE", 400, `the shared session only works ${why}`);
      }
      const known = async (): Promise<{ created: boolean; wiped: number }> => {
        const before = await questionOf(id);
        if (mode === "isolated" && JSON.stringify(before) !== JSON.stringify(asked)) {
          const message = `the answer ${JSON.stringify(id)} exists, and is one to another question`;
          throw new DemoError("ANSWER_EXISTS", 409, message);
        }
        return { created: false, wiped: 0 };
      };
      const other = writing.get(id);
      if (other !== undefined) {
        await other.ready;
        return await known();
      }
      const begin = async (): Promise<{ own: Session; wiped: number } | undefined> => {
        if (mode === "isolated" && (await has(id, mode))) return undefined;
        // The cure, and the only difference between the modes: a session of its own, at the entry.
        const own = mode === "shared" ? shared : session.open({ id });
        const wiped = await own.run(async () => {
          await question.enqueue({ question: asked, model: model.name });
          return await reply.clear();
        });
        return { own, wiped };
      };
      const ready = begin();
      const mine = { stop: new AbortController(), ready };
      writing.set(id, mine);
      const begun = await ready.catch((error: unknown) => {
        writing.delete(id);
        throw error;
      });
      if (begun === undefined) {
        writing.delete(id);
        return await known();
      }
      void write({ own: begun.own, id, mine }, { question: asked, from: 0 });
      return { created: true, wiped: begun.wiped };
    },
    async *read(id, mode, { from = "start", signal }) {
      for await (const message of replyOf(id, mode).tail({ from, signal })) {
        const { last, failure } = message.value;
        if (failure !== undefined) throw new DemoError(failure.code, 500, failure.message);
        yield message;
        // A session that all share is not over when one answer is.
        if (mode === "shared" && last) return;
      }
    },
    has,
    questionOf,
    async textOf(id) {
      let text = "";
      for await (const { value } of messagesOf(id)) text += value.text;
      return text;
    },
    async isReadTo(id, mode, offset) {
      const { messages, ending } = await replyOf(id, mode).read(offset, { limit: 1 });
      return messages.length === 0 && ending !== undefined;
    },
    isWriting,
    async stop(id) {
      const found = writing.get(id);
      if (found === undefined && (await isWriting(id))) {
        throw new DemoError("ANSWER_ELSEWHERE", 409, "another server writes the answer");
      }
      found?.stop.abort(new DemoError("ANSWER_STOPPED", 409, "the answer was stopped"));
      writing.delete(id);
      return found !== undefined;
    },
    turns: createTurns(queues),
    stats: () => ({ writing: writing.size, sessions: session.stats.live }),
    async close() {
      closing = true;
      // First the folder, so that the queues of unfinished answers are left open for the next process.
      await queues.close();
      for (const { stop } of writing.values())
        stop.abort(new DemoError("SERVER_CLOSING", 503, "the server is closing"));
      await shared.close();
    },
  };
}

/** What the model threw, without the flow's account of which step it was. */
function causeOf(failure: unknown): unknown {
  const { code, cause } = failure as { code?: string; cause?: unknown };
  return code === "STEP_FAILED" ? cause : failure;
}

/** The folder may have been closed meanwhile: then nobody reads on. */
function ignore(): void {}

function report(error: unknown): void {
  console.error(error);
}
