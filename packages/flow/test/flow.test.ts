import { AsyncLocalStorage } from "node:async_hooks";
import { expect, expectTypeOf, it } from "vitest";
import { flow, FlowError } from "@lazy/flow";

const chat = flow<{ q: string; k: number }>("chat")
  .step("docs", async ({ q, k }) => Array.from({ length: k }, (_, i) => `${q}${i}`))
  .step("prompt", (docs, { input }) => `${input.q}: ${docs.join(",")}`)
  .step("llm", async function* (prompt, { out }) {
    for (const c of prompt + out.docs.length) yield c;
  })
  .each((token) => token.toUpperCase())
  .through(async function* (tokens) {
    for await (const t of tokens) if (t !== ",") yield t;
  });

it("streams", async () => {
  expect((await chat.stream({ q: "a", k: 2 }).toArray()).join("")).toBe("A: A0A12");
  expect((await chat.call({ q: "a", k: 2 })).join("")).toBe("A: A0A12");
  expectTypeOf(chat.call({ q: "a", k: 2 })).toEqualTypeOf<Promise<string[]>>();
  const sync = flow<number>("s")
    .step("n", function* (n) {
      for (let i = 0; i < n; i++) yield i;
    })
    .each((x) => x + 1)
    .collect("c")
    .step("l", (a, { out }) => a.length + out.c.length);
  expectTypeOf(sync.call(3)).toEqualTypeOf<number>();
  expect(sync.call(100_000)).toBe(200_000);
});

it("fails with a path and keeps context", async () => {
  const als = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const g = flow<number>("outer")
    .step("gen", async function* (n) {
      try {
        for (let i = 0; i < n; i++) {
          seen.push(als.getStore());
          await Promise.resolve();
          yield i;
        }
      } finally {
        seen.push(`f ${als.getStore()}`);
      }
    })
    .each("parse", (x) => {
      if (x === 2) throw new Error("boom");
      return x;
    });
  const s = als.run("A", () => g.stream(5));
  const e = (await als.run("B", () => s.toArray().catch((error: unknown) => error))) as FlowError;
  expect(e.path).toEqual(["outer", "parse"]);
  expect((e.cause as Error).message).toBe("boom");
  expect(seen).toEqual(["A", "A", "A", "f A"]);
  const h = flow<number>("h")
    .nest("in", (inner) => inner.step("x", (v, { outer }) => v + outer.input).step("g", g))
    .each("y", (x) => x);
  expectTypeOf(h.stream(1)).toMatchTypeOf<AsyncIterable<number>>();
  await expect(h.call(4)).rejects.toMatchObject({ path: ["h", "in", "g", "parse"] });
});

it("aborts", async () => {
  const c = new AbortController();
  const none = undefined;
  const never = flow("n")
    .step("hang", async function* () {
      await new Promise(() => {});
      yield 1;
    })
    .each((x) => x + 1);
  const s = never.stream(undefined, { signal: c.signal })[Symbol.asyncIterator]();
  const p = s.next();
  c.abort("why");
  await expect(p).rejects.toBe("why");
  const c2 = new AbortController();
  const q = never.call(none, { signal: c2.signal });
  c2.abort("w2");
  await expect(q).rejects.toBe("w2");
  const t = never.stream(undefined, { closeTimeout: 10 })[Symbol.asyncIterator]();
  const n = t.next();
  expect(await t.return?.(5)).toEqual({ done: true, value: 5 });
  expect(await n).toEqual({ done: true, value: undefined });
});
