import { session } from "@lazy/context";
import {
  type Context,
  context,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { FlowEvent, FlowEventOf, RunInfo } from "./events.ts";
import type { Hooks } from "./hooks.ts";

/** Where spans go. */
export interface OtelOptions {
  /** Default: the global provider's tracer `@lazy/flow`. */
  readonly tracer?: Tracer;
}

/**
 * Hooks for `flow.use`: a span for each run, below the span that was active where it was called, and one for
 * each step below that of the step around it. A step's own code, generators included, sees its step's span
 * as the active one, whoever reads the stream.
 *
 * Spans have the attributes `lazy.flow`, `lazy.run.id`, `session.id`, `lazy.step` (the path) and
 * `lazy.chunks`, and the events `first-chunk` and `retry`; failures are recorded as exceptions. A run that
 * was left or aborted ends with an unset status and `lazy.aborted`.
 */
export function otel(options: OtelOptions = {}): Hooks {
  const runs = new WeakMap<RunInfo, Map<number, Opened>>();
  const spansOf = ({ run }: FlowEvent): Map<number, Opened> => {
    let spans = runs.get(run);
    if (spans === undefined) runs.set(run, (spans = new Map()));
    return spans;
  };
  const open = (event: FlowEvent, name: string): void => {
    const tracer = options.tracer ?? trace.getTracer("@lazy/flow");
    const spans = spansOf(event);
    const parent = spans.get(event.parent)?.context ?? context.active();
    const id = session.tryCurrent()?.id;
    const attributes = {
      "lazy.flow": event.run.flow,
      "lazy.run.id": event.run.id,
      ...(id !== undefined && { "session.id": id }),
      ...(event.path.length > 0 && { "lazy.step": event.path.join("/") }),
    };
    const span = tracer.startSpan(name, { attributes }, parent);
    spans.set(event.step, { span, context: trace.setSpan(parent, span), chunks: 0 });
  };
  const close = (event: FlowEvent, finish?: (span: Span) => void): void => {
    const spans = spansOf(event);
    const opened = spans.get(event.step);
    if (opened === undefined) return;
    spans.delete(event.step);
    if (opened.chunks > 0) opened.span.setAttribute("lazy.chunks", opened.chunks);
    finish?.(opened.span);
    opened.span.end();
  };
  /** The run is over: so is what was still under way in it. */
  const closeAll = (event: FlowEvent, finish?: (span: Span) => void): void => {
    for (const [step, { span }] of spansOf(event)) if (step !== event.step) span.end();
    close(event, finish);
    runs.delete(event.run);
  };
  const chunk = (event: FlowEvent): void => {
    const opened = spansOf(event).get(event.step);
    if (opened === undefined) return;
    if (opened.chunks === 0) opened.span.addEvent("first-chunk");
    opened.chunks += 1;
  };
  return {
    "run-started": (event) => open(event, `flow ${event.run.flow}`),
    "run-chunk": chunk,
    "run-ended": (event) => closeAll(event),
    "run-failed": (event) => closeAll(event, (span) => record(span, event.error)),
    "run-aborted": (event) => closeAll(event, (span) => span.setAttribute("lazy.aborted", true)),
    "step-started": (event) => open(event, event.path.at(-1) ?? event.run.flow),
    "step-chunk": chunk,
    "step-ended": (event) => close(event),
    "step-failed": (event) => close(event, (span) => record(span, event.error)),
    "step-retried": (event) => retried(spansOf(event).get(event.step)?.span, event),
    around(step, call) {
      const opened = spansOf(step).get(step.step);
      return opened === undefined ? call() : context.with(opened.context, call);
    },
  };
}

interface Opened {
  readonly span: Span;
  readonly context: Context;
  chunks: number;
}

function record(span: Span, error: unknown): void {
  const exception = error instanceof Error ? error : new Error(String(error));
  span.recordException(exception);
  span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
}

function retried(span: Span | undefined, event: FlowEventOf<"step-retried">): void {
  span?.addEvent("retry", { attempt: event.attempt, "exception.message": event.error.message });
}
