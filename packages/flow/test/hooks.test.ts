import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import { setImmediate as turn } from "node:timers/promises";
import { session } from "@lazy/context";
import { flow, type FlowEvent, type Hooks, parallel, warp } from "@lazy/flow";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process, "emitWarning").mockImplementation((warning, options) => {
    warnings.push(`${(options as { type: string }).type}: ${String(warning)}`);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const answer = flow<string>("answer")
  .step("prompt", async (q) => `${q}?`)
  .step("llm", async function* (prompt) {
    yield prompt;
    await turn();
    yield "!";
  })
  .each("shout", (token) => token.toUpperCase());

const text = (event: FlowEvent): string => `${event.type} ${event.path.join("/")}`.trim();

it("hooks see a run's steps and chunks in order, in the run's own session, whoever reads", async () => {
  const sessions = new Set<string>();
  const seen: string[] = [];
  const watched = answer.use({
    event: async (event) => {
      sessions.add(session.current().id);
      seen.push(text(event));
      await turn();
      // It may have ended by now; it must be no other.
      sessions.add(session.tryCurrent()?.id ?? event.run.id);
    },
  });
  const streams = Array.from({ length: 50 }, (_, n) =>
    session.run({ id: `own ${n}` }, () => watched.stream("a", { runId: `own ${n}` })),
  );
  await Promise.all(
    streams.map((stream, n) => session.run({ id: `reader ${n}` }, () => stream.toArray())),
  );
  await turn();
  expect(sessions).toEqual(new Set(streams.map((_, n) => `own ${n}`)));
  seen.length = 0;
  expect(await session.run(() => watched.stream("a").toArray())).toEqual(["A?", "!"]);
  expect(seen).toEqual([
    "run-started",
    "step-started prompt",
    "step-ended prompt",
    "step-started llm",
    "step-started shout",
    "step-chunk llm",
    "step-chunk shout",
    "run-chunk",
    "step-chunk llm",
    "step-chunk shout",
    "run-chunk",
    "step-ended llm",
    "step-ended shout",
    "run-ended",
  ]);
});

it("events number steps and name their parents through branches and nested flows", () => {
  const events: FlowEvent[] = [];
  const inner = flow<number>("inner").step("deep", (n) => n);
  const watched = flow<number>("f")
    .step("fan", parallel({ a: inner, b: (n) => n }))
    .use({ "step-started": (event) => events.push(event) });
  watched.call(1);
  expect(events.map(({ path, step, parent }) => ({ path, step, parent }))).toEqual([
    { path: ["fan"], step: 1, parent: 0 },
    { path: ["fan", "a", "deep"], step: 2, parent: 1 },
  ]);
  expect(new Set(events.map(({ run }) => run)).size).toBe(1);
});

it("a synchronous flow stays synchronous under hooks", () => {
  const seen: string[] = [];
  const watched = flow<number>("f")
    .step("s", (n) => n + 1)
    .use({ event: (event) => seen.push(text(event)) });
  expect(watched.call(1)).toBe(2);
  expect(seen).toEqual(["run-started", "step-started s", "step-ended s", "run-ended"]);
});

it("failures, retries and aborts are told", async () => {
  const seen: string[] = [];
  const hooks: Hooks = { event: (event) => seen.push(text(event)) };
  const bad = flow("f").step(
    "bad",
    () => {
      throw new Error("no");
    },
    { retry: 1 },
  );
  await expect(bad.use(hooks).call()).rejects.toThrow("no");
  expect(seen).toEqual([
    "run-started",
    "step-started bad",
    "step-retried bad",
    "step-failed bad",
    "run-failed",
  ]);
  seen.length = 0;
  const iterator = answer.use(hooks).stream("a")[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
  expect(seen.slice(-3)).toEqual(["step-ended llm", "step-ended shout", "run-aborted"]);
  seen.length = 0;
  const controller = new AbortController();
  const hang = flow("f").step("hang", () => new Promise(() => undefined));
  const running = hang.use(hooks).run(undefined, { signal: controller.signal });
  controller.abort("why");
  await expect(running).rejects.toBe("why");
  expect(seen).toEqual(["run-started", "step-started hang", "run-aborted"]);
});

it("a hook that throws or rejects warns, and the run goes on", async () => {
  const watched = answer.use({
    "step-started": () => {
      throw new Error("hook threw");
    },
    "step-ended": () => Promise.reject(new Error("hook rejected")),
  });
  expect(await watched.call("a")).toEqual(["A?", "!"]);
  await turn();
  expect(warnings.every((warning) => warning.startsWith("FlowHookWarning: "))).toBe(true);
  const all = warnings.join("\n");
  expect(all).toContain("hook threw");
  expect(all).toContain("hook rejected");
});

it("a hook that throws or rejects fails the run at that step, if configured so", async () => {
  const cause = new Error("hook");
  const hooks: Hooks[] = [
    {
      "step-started": () => {
        throw cause;
      },
    },
    { "step-started": () => Promise.reject(cause) },
    { "step-ended": () => Promise.reject(cause) },
  ];
  for (const each of hooks) {
    const watched = answer.use(each, { errors: "raise" });
    await expect(watched.call("a")).rejects.toMatchObject({ path: ["answer", "prompt"], cause });
    await expect(watched.stream("a").toArray()).rejects.toMatchObject({ cause });
  }
  expect(warnings).toEqual([]);
});

it("around is entered for a step's call and each time its generator goes on", async () => {
  const span = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const around: Hooks["around"] = ({ path }, call) => span.run(path.join("/"), call);
  const watched = flow<number>("f")
    .step("first", async (n) => {
      await turn();
      seen.push(`first in ${span.getStore()}`);
      return n;
    })
    .step("numbers", async function* (n) {
      for (let i = 0; i < n; i += 1) {
        await turn();
        seen.push(`numbers in ${span.getStore()}`);
        yield i;
      }
    })
    .each("each", (n) => {
      seen.push(`each in ${span.getStore()}`);
      return n;
    })
    .use({ around });
  expect(await watched.call(1)).toEqual([0]);
  expect(seen).toEqual(["first in first", "numbers in numbers", "each in each"]);
});

it("hooks of a flow inside another see its steps only", async () => {
  const seen: string[] = [];
  const inner = flow<number>("inner")
    .step("deep", (n) => n)
    .use({ "step-started": (event) => seen.push(text(event)) });
  const outer = flow<number>("outer")
    .step("shallow", (n) => n)
    .step("inner", inner);
  expect(outer.call(1)).toBe(1);
  expect(seen).toEqual(["step-started deep"]);
  seen.length = 0;
  expect(outer.use({}).call(1)).toBe(1);
  expect(seen).toEqual(["step-started inner/deep"]);
});

it("events() gives what happens while it happens, tokens of streams collected inside included", async () => {
  const chain = answer.collect("all").step("count", (tokens) => tokens.length);
  const seen: string[] = [];
  for await (const event of chain.events("a")) {
    seen.push(event.type === "step-chunk" ? `${text(event)} ${String(event.chunk)}` : text(event));
  }
  expect(seen).toEqual(
    expect.arrayContaining(["step-chunk llm a?", "step-chunk shout A?", "run-ended"]),
  );
  expect(seen.at(-1)).toBe("run-ended");
  expect(seen.filter((event) => event === "run-ended")).toHaveLength(1);
});

it("events() fails as the run does, after the last event", async () => {
  const bad = flow("f").step("bad", async () => {
    throw new Error("no");
  });
  const seen: string[] = [];
  const watching = bad.events().forEach((event) => seen.push(event.type));
  await expect(watching).rejects.toMatchObject({ path: ["f", "bad"] });
  expect(seen).toEqual(["run-started", "step-started", "step-failed", "run-failed"]);
});

it("an unread event stream holds the run at its buffer, and leaving it ends the run", async () => {
  let made = 0;
  let closed = 0;
  const endless = flow("f")
    .step("numbers", async function* () {
      try {
        for (;;) {
          made += 1;
          yield made;
        }
      } finally {
        closed += 1;
      }
    })
    .collect();
  const events = endless.events(undefined, { buffer: 4 })[Symbol.asyncIterator]();
  await events.next();
  for (let n = 0; n < 20; n += 1) await turn();
  expect(made).toBeLessThanOrEqual(4);
  await events.return?.();
  expect(closed).toBe(1);
});

it("events go to the diagnostics channel lazy:flow:event when somebody listens", async () => {
  const seen: string[] = [];
  const listen = (message: unknown): unknown => seen.push((message as FlowEvent).type);
  diagnostics.subscribe("lazy:flow:event", listen);
  try {
    expect(
      flow<number>()
        .step((n) => n)
        .call(1),
    ).toBe(1);
  } finally {
    diagnostics.unsubscribe("lazy:flow:event", listen);
  }
  expect(seen).toEqual(["run-started", "step-started", "step-ended", "run-ended"]);
});

it("items of warp are told apart by their place", async () => {
  const paths: string[] = [];
  const inner = flow<number>().step("double", async (n) => n * 2);
  const watched = flow<number[]>()
    .step("all", warp(inner))
    .use({ "step-ended": ({ path }) => paths.push(path.join("/")) });
  expect(await watched.call([1, 2])).toEqual([2, 4]);
  expect(paths).toEqual(["all/#0/double", "all/#1/double", "all"]);
});
