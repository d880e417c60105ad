import { EventEmitter, on, once } from "node:events";
import { session } from "@lazy/context";
import { describe, expect, test } from "vitest";

const here = () => session.tryCurrent()?.id;

describe("a bound EventEmitter", () => {
  test("runs each listener in the session that added it, else in the binder's", async () => {
    const log: string[] = [];
    const s = session.open({ id: "binder" });
    const emitter = s.bind(new EventEmitter());
    expect(s.bind(emitter)).toBe(emitter);
    emitter.on("x", () => log.push(`on ${here()}`));
    session.run({ id: "a" }, () => emitter.addListener("x", () => log.push(`add ${here()}`)));
    session.run({ id: "b" }, () => emitter.prependListener("x", () => log.push(`pre ${here()}`)));
    session.run({ id: "c" }, () => emitter.once("x", () => log.push(`once ${here()}`)));
    session.run({ id: "d" }, () =>
      emitter.prependOnceListener("x", () => log.push(`preonce ${here()}`)),
    );
    session.run({ id: "emitting" }, () => {
      emitter.emit("x");
      expect(here()).toBe("emitting");
    });
    // The sessions have ended: what is seen is the shell, by its absence, and never the emitter's session.
    expect(log.map((line) => line.split(" ")[0])).toEqual(["preonce", "pre", "on", "add", "once"]);
    expect(log).toContain("on binder");
    expect(log.join()).not.toContain("emitting");
    await s.close();
  });

  test("off, once, listeners and listenerCount know the listeners that were given", async () => {
    const s = session.open();
    const emitter = s.bind(new EventEmitter());
    let calls = 0;
    const listener = (): void => void calls++;
    emitter.on("x", listener).once("x", listener).prependOnceListener("x", listener);
    expect(emitter.listeners("x")).toEqual([listener, listener, listener]);
    expect(emitter.listenerCount("x", listener)).toBe(3);
    emitter.emit("x");
    expect(calls).toBe(3);
    expect(emitter.listenerCount("x")).toBe(1);
    emitter.off("x", listener);
    emitter.once("x", listener).off("x", listener);
    expect(emitter.listenerCount("x")).toBe(0);
    emitter.emit("x");
    expect(calls).toBe(3);
    expect(() => emitter.on("x", 7 as never)).toThrow(TypeError);
    await s.close();
  });

  test("works with once() and on() of node:events", async () => {
    const s = session.open();
    const emitter = s.bind(new EventEmitter());
    const first = once(emitter, "x");
    emitter.emit("x", 1);
    expect(await first).toEqual([1]);
    const events = on(emitter, "y");
    emitter.emit("y", 2);
    expect((await events.next()).value).toEqual([2]);
    await events.return?.();
    expect(emitter.listenerCount("y")).toBe(0);
    await s.close();
  });
});

describe("a bound EventTarget", () => {
  test("runs each listener in the session that added it", async () => {
    const log: (string | undefined)[] = [];
    const a = session.open({ id: "a" });
    const b = session.open({ id: "b" });
    const target = a.bind(new EventTarget());
    target.addEventListener("x", () => log.push(here()));
    b.run(() => target.addEventListener("x", { handleEvent: () => log.push(here()) }));
    target.dispatchEvent(new Event("x"));
    expect(log).toEqual(["a", "b"]);
    await Promise.all([a.close(), b.close()]);
  });

  test("removeEventListener, once, signal, capture and repeated adding work as before", async () => {
    const s = session.open();
    const target = s.bind(new EventTarget());
    let calls = 0;
    const listener = (): void => void calls++;
    const fire = (): number => {
      calls = 0;
      target.dispatchEvent(new Event("x"));
      return calls;
    };
    target.addEventListener("x", listener);
    target.addEventListener("x", listener);
    target.addEventListener("x", listener, true);
    expect(fire()).toBe(2);
    target.removeEventListener("x", listener);
    expect(fire()).toBe(1);
    target.removeEventListener("x", listener, { capture: true });
    expect(fire()).toBe(0);
    target.addEventListener("x", listener, { once: true });
    expect([fire(), fire()]).toEqual([1, 0]);
    const controller = new AbortController();
    target.addEventListener("x", listener, { signal: controller.signal });
    controller.abort();
    expect(fire()).toBe(0);
    target.addEventListener("x", listener);
    expect(fire()).toBe(1);
    target.addEventListener("y", null as never);
    target.removeEventListener("y", null as never);
    await s.close();
  });
});

describe("a bound function", () => {
  test("keeps this, arguments and length, and gives its caller back its session", async () => {
    const s = session.open({ id: "creator" });
    const given: ((...args: never[]) => unknown)[] = [
      () => 0,
      (_a) => 0,
      (_a, _b) => 0,
      (_a, _b, _c) => 0,
      (_a, _b, _c, _d) => 0,
      (_a, _b, _c, _d, _e) => 0,
    ];
    expect(given.map((fn) => s.bind(fn).length)).toEqual([0, 1, 2, 3, 4, 5]);
    const object = {
      name: "object",
      call: s.bind(function (this: { name: string }, ...args: number[]) {
        return [this.name, here(), ...args];
      }),
    };
    session.run({ id: "caller" }, () => {
      expect(object.call(1, 2, 3)).toEqual(["object", "creator", 1, 2, 3]);
      expect(here()).toBe("caller");
    });
    await s.close();
  });

  test("of the current session; outside one there is nothing to bind to", async () => {
    const bound = session.run(() => session.bind(() => session.tryCurrent()));
    expect(bound()).toBeUndefined();
    expect(() => session.bind(() => 1)).toThrow(
      expect.objectContaining({ code: "SESSION_MISSING" }),
    );
  });

  test.each([1, "text", null, undefined, {}, new Map(), [1], Symbol("s")])(
    "%s cannot be bound",
    async (target) => {
      await using s = session.open();
      expect(() => s.bind(target as never)).toThrow(TypeError);
      expect(() => s.bind(target as never)).toThrow(
        expect.objectContaining({ code: "BIND_UNSUPPORTED" }),
      );
    },
  );
});
