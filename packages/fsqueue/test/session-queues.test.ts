import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { session } from "@lazy/context";
import { type Queues, parseStoreName, storeNameOf } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { collect, onEveryStore, settle, testQueues, valuesOf } from "./fixtures/temporary.ts";

async function endingOfQueue(queues: Queues, id: string, name: string) {
  return (await queues.session(id).queue(name).info())?.ending;
}

onEveryStore(() => {
  describe("the queue of the current session", () => {
    test("one handle serves all sessions and mixes none of their messages", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<string>("reply");
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          session.run({ id: `s${i}` }, async () => {
            for (let n = 0; n < 20; n++) {
              if (n % 3 === 0) await reply.enqueue(`${i}:${n}`);
              else reply.tryEnqueue(`${i}:${n}`);
              if (n % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
            }
          }),
        ),
      );
      for (let i = 0; i < 50; i++) {
        const values = await collect(queues.session(`s${i}`).queue<string>("reply").tail());
        expect(values).toEqual(Array.from({ length: 20 }, (_, n) => `${i}:${n}`));
      }
    });

    test("outside a session every call says what to do", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue("reply");
      await expect(reply.enqueue(1)).rejects.toMatchObject({
        code: "SESSION_MISSING",
        message: expect.stringContaining("session.run()"),
      });
      await expect(reply.size()).rejects.toMatchObject({ code: "SESSION_MISSING" });
      expect(() => reply.tryEnqueue(1)).toThrow(
        expect.objectContaining({ code: "SESSION_MISSING" }),
      );
      expect(() => reply.tail()).toThrow(expect.objectContaining({ code: "SESSION_MISSING" }));
    });

    test("is sealed ok when the session ends well", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply");
      await session.run({ id: "s" }, async () => {
        await reply.enqueue(1);
        reply.tryEnqueue(2);
        expect(await endingOfQueue(queues, "s", "reply")).toBeUndefined();
      });
      await expect.poll(() => endingOfQueue(queues, "s", "reply")).toEqual({ status: "ok" });
      expect(await collect(queues.session("s").queue<number>("reply").tail())).toEqual([1, 2]);
    });

    test("is sealed with the error of a session that fails", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply");
      const failure = Object.assign(new RangeError("too far"), { code: "FAR" });
      const running = session.run({ id: "s" }, async () => {
        await reply.enqueue(1);
        throw failure;
      });
      const reading = collect(queues.session("s").queue("reply").tail()).catch(
        (error: unknown) => error,
      );
      await expect(running).rejects.toBe(failure);
      expect(await reading).toMatchObject({
        code: expect.stringMatching(/TAIL_ENDED|QUEUE_NOT_FOUND/),
      });
      await expect
        .poll(() => endingOfQueue(queues, "s", "reply"))
        .toEqual({
          status: "error",
          name: "RangeError",
          message: "too far",
          code: "FAR",
        });
    });

    test("is sealed aborted when the session is", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply");
      const opened = session.open({ id: "s" });
      await opened.run(() => reply.enqueue(1));
      const failure = collect(queues.session("s").queue("reply").tail()).catch(
        (error: unknown) => error,
      );
      await opened.close({ status: "aborted", reason: new Error("stopped by the user") });
      expect(await failure).toMatchObject({
        code: "TAIL_ENDED",
        message: 'The queue "s/reply" was aborted: Error: stopped by the user',
      });
    });

    test("tells a reason that is no error as well", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply");
      const reasons = ["stop", { why: "shutdown" }, 1n, undefined];
      const endings = [];
      for (const [index, reason] of reasons.entries()) {
        const opened = session.open({ id: `s${index}` });
        await opened.run(() => reply.enqueue(1));
        await opened.close({ status: "aborted", reason });
        endings.push(await endingOfQueue(queues, `s${index}`, "reply"));
      }
      expect(endings).toEqual([
        { status: "aborted", message: "stop" },
        { status: "aborted", message: '{"why":"shutdown"}' },
        { status: "aborted", message: "1" },
        { status: "aborted" },
      ]);
    });

    test("is sealed with its loss when the session did not hear of it", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply", { maxMessages: 1 });
      const opened = session.open({ id: "s" });
      opened.run(() => {
        reply.tryEnqueue(1);
        reply.tryEnqueue(2);
      });
      await expect(opened.close()).rejects.toMatchObject({ code: "DISPOSER_FAILED" });
      expect(await endingOfQueue(queues, "s", "reply")).toMatchObject({
        status: "error",
        code: "QUEUE_FULL",
      });
    });

    test("that is full and blocks does not keep an aborted session from ending", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply", { maxMessages: 2, whenFull: "block" });
      const opened = session.open({ id: "s" });
      const blocked = opened.run(() => {
        for (let i = 0; i < 5; i++) reply.tryEnqueue(i);
        return reply.enqueue(5).catch((error: unknown) => error);
      });
      await settle();
      const reason = new Error("stopped");
      await opened.close({ status: "aborted", reason });
      expect(await blocked).toBe(reason);
      const { messages, ending } = await queues.session("s").queue<number>("reply").read();
      expect(valuesOf(messages)).toEqual([0, 1]);
      expect(ending).toMatchObject({ status: "aborted", message: "stopped" });
    });

    test("may be sealed by hand before, which stays", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("reply");
      await session.run({ id: "s" }, async () => {
        await reply.enqueue(1);
        await reply.seal({ status: "aborted", message: "enough" });
        await expect(reply.enqueue(2)).rejects.toMatchObject({ code: "QUEUE_SEALED" });
      });
      expect(await endingOfQueue(queues, "s", "reply")).toEqual({
        status: "aborted",
        message: "enough",
      });
    });

    test.each<[how: string, end: (queues: Queues) => Promise<unknown>]>([
      ["deleted", (queues) => queues.session("s").queue("reply").delete()],
      ["removed from the store", ({ store }) => store.remove("s/reply")],
      [
        "removed though a fork uses it",
        async ({ store }) => {
          await store.open("fork", { fork: { from: "s/reply" } });
          await store.remove("s/reply");
        },
      ],
      ["closed with all others", (queues) => queues.close()],
    ])("may be %s before the session ends", async (_, end) => {
      const { queues } = await testQueues();
      const opened = session.open({ id: "s" });
      await opened.run(() => queues.queue("reply").enqueue(1));
      await end(queues);
      expect(await opened.close()).toEqual({ status: "ok" });
    });

    test("each of a session's queues ends with it, also one that was only read", async () => {
      const { queues } = await testQueues();
      const [reply, trace] = [queues.queue<number>("reply"), queues.queue<number>("trace")];
      const opened = session.open({ id: "s" });
      const tails = opened.run(() => [collect(reply.tail()), collect(trace.tail())]);
      await opened.run(() => reply.enqueue(1));
      await opened.close();
      expect(await Promise.all(tails)).toEqual([[1], []]);
    });

    test("a tail belongs to the session that is current where it is called", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<string>("reply");
      const [a, b] = [session.open({ id: "a" }), session.open({ id: "b" })];
      await a.run(() => reply.enqueue("of a"));
      await b.run(() => reply.enqueue("of b"));
      const tail = a.run(() => reply.tail());
      const first = await b.run(() => tail.next());
      expect(first.value?.value).toBe("of a");
      await a.close();
      expect(await b.run(() => tail.next())).toEqual({ done: true, value: undefined });
      await b.close();
    });

    test("is let go of when the session has ended: its name may be used anew", async () => {
      const { queues } = await testQueues();
      await session.run({ id: "s" }, () => queues.queue("reply").enqueue(1));
      await expect.poll(() => endingOfQueue(queues, "s", "reply")).toEqual({ status: "ok" });
      await queues.store.remove("s/reply");
      const byId = queues.session("s").queue<number>("reply");
      await byId.enqueue(2);
      expect(await byId.info()).toMatchObject({ owned: false, messages: 1 });
    });

    test("a fork of the session has queues of its own", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<string>("reply");
      const parent = session.open({ id: "parent" });
      await parent.run(() => reply.enqueue("parent"));
      let child = "";
      await parent.fork(async (fork) => {
        child = fork.id;
        await reply.enqueue("child");
      });
      expect(valuesOf((await queues.session(child).queue("reply").read()).messages)).toEqual([
        "child",
      ]);
      expect(valuesOf((await queues.session("parent").queue("reply").read()).messages)).toEqual([
        "parent",
      ]);
      await parent.close();
    });

    test("of a live session can be had from outside, and ends with it", async () => {
      const { queues } = await testQueues();
      const opened = session.open({ id: "s" });
      const reply = queues.session(opened).queue<number>("reply");
      const reading = collect(reply.tail());
      await reply.enqueue(1);
      opened.run(() => queues.queue<number>("reply").tryEnqueue(2));
      const byId = queues.session("s").queue<number>("reply");
      await byId.enqueue(3);
      await opened.close();
      expect(await reading).toEqual([1, 2, 3]);
    });

    test("a queue that others made is found, and ends with the session all the same", async () => {
      const { queues } = await testQueues();
      await queues.session("s").queue<number>("reply", { maxMessages: 9 }).enqueue(1);
      const reply = queues.queue<number>("reply");
      await session.run({ id: "s" }, () => reply.enqueue(2));
      await expect.poll(() => endingOfQueue(queues, "s", "reply")).toEqual({ status: "ok" });
      const strict = queues.queue<number>("reply", { maxMessages: 8 });
      await expect(session.run({ id: "s" }, () => strict.enqueue(3))).rejects.toMatchObject({
        code: "QUEUE_EXISTS",
      });
    });
  });

  describe("names", () => {
    test("no two pairs of session and queue share a name in the store", () => {
      const parts = [
        "a",
        "b",
        "a-b",
        "a/b",
        "a%2Fb",
        "%",
        "/",
        "a\nb",
        "%0A",
        "..",
        "😀",
        "a%",
        "2Fb",
      ];
      const names = new Map<string, [string, string]>();
      for (const id of parts) {
        for (const queue of parts) {
          const name = storeNameOf(id, queue);
          expect(names.get(name)).toBeUndefined();
          names.set(name, [id, queue]);
          expect(parseStoreName(name)).toEqual({ session: id, queue });
        }
      }
    });

    test("names that are no session's queue are told apart", () => {
      const others = ["", "a", "/", "a/", "/a", "a/b/c", "a/%2f", "a/%41", "a/%", "a/%00", "\n/a"];
      for (const name of others) expect(parseStoreName(name)).toBeUndefined();
    });

    test("512 bytes are fine; longer, NUL and empty are refused where the handle is made", async () => {
      const { queues } = await testQueues();
      const longest = "é".repeat(256);
      await queues.session("/".repeat(512)).queue("%".repeat(512)).enqueue(1);
      await queues.session(longest).queue(longest).enqueue(1);
      for (const wrong of ["", "a\0b", `${longest}x`]) {
        const refused = expect.objectContaining({ code: "NAME_INVALID" });
        expect(() => queues.queue(wrong)).toThrow(refused);
        expect(() => queues.session(wrong)).toThrow(refused);
        expect(() => queues.session("s").queue(wrong)).toThrow(refused);
      }
    });

    test("list gives sessions and queues, and leaves out what is neither", async () => {
      const { queues } = await testQueues();
      await queues.session("b").queue("x/y").enqueue(1);
      await queues.session("a").queue("q").enqueue(1);
      await queues.session("a-").queue("q").enqueue(1);
      await queues.store.open("raw");
      const all: string[][] = [];
      for await (const info of queues.list()) all.push([info.session, info.queue]);
      expect(all).toEqual([
        ["a-", "q"],
        ["a", "q"],
        ["b", "x/y"],
      ]);
      const own: string[] = [];
      for await (const info of queues.session("b").list()) own.push(info.queue);
      expect(own).toEqual(["x/y"]);
    });
  });

  test("what happens to queues is published on diagnostics channels", async () => {
    const { queues } = await testQueues();
    const published: unknown[] = [];
    const listener = (message: unknown) => published.push(message);
    const names = ["lazy:queue:opened", "lazy:queue:sealed"];
    for (const name of names) subscribe(name, listener);
    const opened = session.open({ id: "s" });
    await opened.run(() => queues.queue("reply").enqueue(1));
    await opened.close();
    for (const name of names) unsubscribe(name, listener);
    await queues.session("s").queue("more").open();
    expect(published).toMatchObject([
      { created: true, info: { name: "s/reply", owned: true } },
      { name: "s/reply", ending: { status: "ok" } },
    ]);
  });
});
