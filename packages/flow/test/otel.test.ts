import { setImmediate as turn } from "node:timers/promises";
import { session } from "@lazy/context";
import { flow, parallel } from "@lazy/flow";
import { otel } from "@lazy/flow/otel";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("test");
beforeAll(() => provider.register());
afterAll(() => provider.shutdown());
beforeEach(() => exporter.reset());

/** Spans as the names on the way from the root. */
function tree(): string[] {
  const spans = new Map<string, ReadableSpan>();
  for (const span of exporter.getFinishedSpans()) spans.set(span.spanContext().spanId, span);
  const path = (span: ReadableSpan): string => {
    const parent = spans.get(span.parentSpanContext?.spanId ?? "");
    return parent === undefined ? span.name : `${path(parent)} > ${span.name}`;
  };
  return [...spans.values()].map(path).toSorted();
}

const own = async (name: string): Promise<void> => {
  await turn();
  tracer.startSpan(name).end();
};

const chat = flow<string>("chat")
  .step("search", async (q) => {
    await own("db");
    return q;
  })
  .step("fan", parallel({ a: flow<string>("a").step("deep", (q) => q), b: (q) => q }))
  .step("llm", async function* ({ a, b }) {
    yield a;
    await own("http");
    yield b;
  })
  .each("trim", async (token) => {
    await own("trim call");
    return token.trim();
  })
  .use(otel());

it("spans of runs, steps and of their own code form one tree, whoever reads the stream", async () => {
  const stream = await tracer.startActiveSpan("request", async (request) => {
    const made = session.run({ id: "s1" }, () => chat.stream("q", { runId: "r1" }));
    request.end();
    return made;
  });
  await tracer.startActiveSpan("elsewhere", async (elsewhere) => {
    await session.run(() => stream.toArray());
    elsewhere.end();
  });
  expect(tree()).toEqual([
    "elsewhere",
    "request",
    "request > flow chat",
    "request > flow chat > fan",
    "request > flow chat > fan > deep",
    "request > flow chat > llm",
    "request > flow chat > llm > http",
    "request > flow chat > search",
    "request > flow chat > search > db",
    "request > flow chat > trim",
    "request > flow chat > trim > trim call",
    "request > flow chat > trim > trim call",
  ]);
  const llm = exporter.getFinishedSpans().find(({ name }) => name === "llm");
  expect(llm?.attributes).toEqual({
    "lazy.flow": "chat",
    "lazy.run.id": "r1",
    "session.id": "s1",
    "lazy.step": "llm",
    "lazy.chunks": 2,
  });
  expect(llm?.events.map(({ name }) => name)).toEqual(["first-chunk"]);
});

it("failures and retries are recorded, and every span ends", async () => {
  const bad = flow("bad")
    .step(
      "flaky",
      () => {
        throw new Error("no");
      },
      { retry: 1 },
    )
    .use(otel({ tracer }));
  await expect(bad.run()).rejects.toThrow("no");
  const [step, run] = exporter.getFinishedSpans();
  expect(step?.events.map(({ name }) => name)).toEqual(["retry", "exception"]);
  expect(step?.status).toEqual({ code: SpanStatusCode.ERROR, message: "no" });
  expect(run?.name).toBe("flow bad");
  expect(run?.status.code).toBe(SpanStatusCode.ERROR);
});

it("a run that is left ends its spans without an error", async () => {
  const iterator = chat.stream("q")[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
  const spans = exporter.getFinishedSpans();
  expect(spans.find(({ name }) => name === "flow chat")?.attributes["lazy.aborted"]).toBe(true);
  expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["llm", "trim"]));
  expect(spans.every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
  expect(trace.getActiveSpan()).toBeUndefined();
});
