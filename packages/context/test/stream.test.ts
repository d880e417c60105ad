import { Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { session, type SessionOutcome } from "@lazy/context";
import { describe, expect, test } from "vitest";

const here = () => session.tryCurrent()?.id;

function readable(log: (string | undefined)[] = [], highWaterMark = 1): ReadableStream<string> {
  let left = 3;
  const source = {
    async pull(controller: ReadableStreamDefaultController<string>) {
      await setImmediate();
      if (left-- === 0) controller.close();
      else controller.enqueue(String(here()));
    },
    cancel: () => void log.push(here()),
  };
  return new ReadableStream(source, { highWaterMark });
}

/** Runs a body that is to return a stream, and keeps what its disposer and `done` were told. */
function hold<T>(make: () => T): { stream: T; events: string[]; done: Promise<SessionOutcome> } {
  const events: string[] = [];
  let done: Promise<SessionOutcome> | undefined;
  const stream = session.run({ id: "creator" }, (s) => {
    ({ done } = s);
    s.onDispose(async (outcome) => {
      await setImmediate();
      events.push(`disposed ${outcome.status} in ${here()}`);
    });
    return make();
  });
  return { stream, events, done: done! };
}

describe("a bound ReadableStream", () => {
  test("is pulled and cancelled in its session, whoever reads", async () => {
    const log: (string | undefined)[] = [];
    const s = session.open({ id: "creator" });
    await session.run({ id: "reader" }, async () => {
      for (const stream of [s.bind(() => readable())(), s.bind(readable([], 0))]) {
        const seen: string[] = [];
        for await (const chunk of stream) {
          seen.push(chunk);
          expect(here()).toBe("reader");
        }
        expect(seen).toEqual(["creator", "creator", "creator"]);
      }
      await s.bind(readable(log)).cancel();
      await s.run(() => readable(log)).cancel();
    });
    expect(log).toEqual(["creator", "creator"]);
    await s.close();
  });

  test("stays a byte stream, and answers a reader with its own buffer", async () => {
    const s = session.open({ id: "creator" });
    let left = 2;
    const bytes = s.bind(
      new ReadableStream({
        type: "bytes",
        pull(controller) {
          if (left-- === 0) {
            controller.close();
            controller.byobRequest?.respond(0);
          } else controller.enqueue(new TextEncoder().encode(here()));
        },
      }),
    );
    const reader = bytes.getReader({ mode: "byob" });
    const first = await reader.read(new Uint8Array(64));
    expect(new TextDecoder().decode(first.value)).toBe("creator");
    await reader.read(new Uint8Array(64));
    expect((await reader.read(new Uint8Array(64))).done).toBe(true);
    await s.close();
  });

  test("that is already read is refused", async () => {
    const stream = readable();
    stream.getReader();
    const s = session.open();
    expect(() => s.bind(stream)).toThrow(expect.objectContaining({ code: "BIND_UNSUPPORTED" }));
    await s.close();
  });
});

describe("a ReadableStream that session.run returns", () => {
  test("keeps it open until drained; the disposers come before the end", async () => {
    const { stream, events, done } = hold(() => readable());
    const seen: string[] = [];
    for await (const chunk of stream) seen.push(chunk);
    events.push("end");
    expect(seen).toEqual(["creator", "creator", "creator"]);
    expect(events).toEqual(["disposed ok in creator", "end"]);
    expect(await done).toEqual({ status: "ok" });
  });

  test("cancelled, aborts it with the reason; the source is cancelled in its session", async () => {
    const log: (string | undefined)[] = [];
    const { stream, events, done } = hold(() => readable(log));
    await stream.cancel("enough");
    expect([log, events]).toEqual([["creator"], ["disposed aborted in creator"]]);
    expect(await done).toEqual({ status: "aborted", reason: "enough" });
  });

  test("failing, ends it with the error", async () => {
    const boom = new Error("boom");
    const { stream, done } = hold(
      () => new ReadableStream({ pull: (controller) => controller.error(boom) }),
    );
    await expect(stream.getReader().read()).rejects.toBe(boom);
    expect(await done).toEqual({ status: "error", error: boom });
  });

  test("whose session is aborted fails with the reason", async () => {
    const controller = new AbortController();
    const log: (string | undefined)[] = [];
    const stream = session.run({ id: "s", signal: controller.signal }, () => readable(log));
    const reader = stream.getReader();
    await reader.read();
    controller.abort("enough");
    await expect(reader.read()).rejects.toBe("enough");
    expect(log).toEqual(["s"]);
  });
});

describe("a Response", () => {
  test("body keeps the session open; status and headers stay", async () => {
    const { stream, events } = hold(() => {
      const body = readable().pipeThrough(new TextEncoderStream());
      const headers = new Headers([
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ]);
      return Promise.resolve(new Response(body, { status: 201, headers }));
    });
    const response = await stream;
    expect(events).toEqual([]);
    expect([response.status, response.headers.getSetCookie()]).toEqual([201, ["a=1", "b=2"]]);
    expect(await response.text()).toBe("creatorcreatorcreator");
    expect(events).toEqual(["disposed ok in creator"]);
  });

  test("without a body ends it at once", async () => {
    const { stream, events } = hold(() => Promise.resolve(new Response(null, { status: 204 })));
    expect((await stream).status).toBe(204);
    expect(events).toEqual(["disposed ok in creator"]);
  });
});

function read(this: Readable): void {
  this.push(here() ?? null);
  this.push(null);
}

describe("a Node stream", () => {
  test("that is bound is read, written and destroyed in its session", async () => {
    const log: (string | undefined)[] = [];
    const s = session.open({ id: "creator" });
    const source = s.bind(
      new Readable({
        read() {
          log.push(here());
          this.push(log.length < 3 ? "x" : null);
        },
      }),
    );
    const through = s.bind(
      new Transform({
        transform(chunk, _encoding, done) {
          log.push(here());
          done(null, chunk);
        },
        flush(done) {
          log.push(here());
          done();
        },
      }),
    );
    const sink = s.bind(
      new Writable({
        write(_chunk, _encoding, done) {
          log.push(here());
          done();
        },
        final(done) {
          log.push(here());
          done();
        },
        destroy(error, done) {
          log.push(here());
          done(error);
        },
      }),
    );
    await session.run({ id: "piper" }, () => pipeline(source, through, sink));
    expect(log.length).toBeGreaterThan(8);
    expect(new Set(log)).toEqual(new Set(["creator"]));
    await s.close();
  });

  test("that session.run returns keeps it open until its end, error or close", async () => {
    const ended = hold(() => new Readable({ read }));
    const chunks: string[] = [];
    for await (const chunk of ended.stream) chunks.push(String(chunk));
    expect([chunks, await ended.done]).toEqual([["creator"], { status: "ok" }]);

    const broken = hold(() => new Readable({ read }));
    broken.stream.destroy();
    expect(await broken.done).toMatchObject({
      status: "aborted",
      reason: { code: "STREAM_BROKEN_OFF" },
    });

    const boom = new Error("boom");
    const failed = hold(() => new Readable({ read }).on("error", () => undefined));
    failed.stream.destroy(boom);
    expect(await failed.done).toEqual({ status: "error", error: boom });
  });

  test("whose session is aborted is destroyed with the reason", async () => {
    const controller = new AbortController();
    const stream = session.run({ signal: controller.signal }, () => new Readable({ read() {} }));
    const reading = stream.toArray();
    const stop = new Error("stop");
    controller.abort(stop);
    await expect(reading).rejects.toBe(stop);
  });

  test("that cannot be read any more does not keep a session open", () => {
    const { live } = session.stats;
    session.run(() => new Writable({ write() {} }));
    session.run(() => new Readable({ read() {} }).destroy());
    expect(session.stats.live).toBe(live);
  });
});

describe("an iterator that is no generator", () => {
  class Cursor {
    #left = 2;
    closed = 0;
    async next(): Promise<IteratorResult<string | undefined>> {
      await setImmediate();
      return this.#left-- > 0 ? { done: false, value: here() } : { done: true, value: undefined };
    }
    async return(): Promise<IteratorResult<undefined>> {
      this.closed++;
      return { done: true, value: undefined };
    }
    [Symbol.asyncIterator](): this {
      return this;
    }
  }

  test("stays the object it is, and steps in its session", async () => {
    const s = session.open({ id: "creator" });
    const cursor = new Cursor();
    expect(s.bind(cursor)).toBe(cursor);
    const seen: (string | undefined)[] = [];
    for await (const value of cursor) seen.push(value);
    expect(seen).toEqual(["creator", "creator"]);
    await s.close();
  });

  test("keeps the session open that returns it", async () => {
    const { stream, events, done } = hold(() => new Cursor());
    expect((await stream.next()).value).toBe("creator");
    expect(events).toEqual([]);
    await stream.return();
    expect([stream.closed, (await done).status]).toEqual([1, "aborted"]);
  });
});
