import { AsyncLocalStorage } from "node:async_hooks";
import { registry } from "./registry.ts";
import type { Scope } from "./scope.ts";

/** An iterator whose methods are handed to a scope, which calls them on it. */
export interface Steps<R> {
  readonly next: (value?: unknown) => R;
  readonly return?: (value?: unknown) => R;
  readonly throw?: (error?: unknown) => R;
}

type Step = (value?: unknown) => Promise<IteratorResult<unknown>>;

/**
 * The steps of an async generator, so that a step which is asked for while another runs keeps its context.
 * The language queues such steps in the generator. Where V8 then resumes it without any context (seen in
 * V8 15.0, under Deno 2.9), they are queued here instead, and each enters the scope when its turn comes. Until
 * the runtime has been asked, which takes a few microtasks, they are queued here too.
 */
export function inOrder(
  source: Steps<Promise<IteratorResult<unknown>>>,
  scope: Scope,
): Steps<Promise<IteratorResult<unknown>>> {
  if (registry.queuesCarry === undefined) askRuntime();
  if (registry.queuesCarry === true) return source;
  let last: Promise<unknown> | undefined;
  const queued =
    (step: Step): Step =>
    (value) => {
      const call = (): ReturnType<Step> => scope.runInAsyncScope(step, source, value);
      const result = last === undefined ? call() : last.then(call, call);
      const settled = (): void => {
        if (last === result) last = undefined;
      };
      last = result;
      result.then(settled, settled);
      return result;
    };
  return {
    next: queued(source.next),
    ...(source.return && { return: queued(source.return) }),
    ...(source.throw && { throw: queued(source.throw) }),
  };
}

/** Takes two steps of a generator at once, in a context, and sees whether the second is still in it. */
function askRuntime(): void {
  registry.queuesCarry = false;
  const probe = new AsyncLocalStorage<boolean>();
  async function* steps(): AsyncGenerator<boolean | undefined> {
    await Promise.resolve();
    yield probe.getStore();
    yield probe.getStore();
  }
  void probe.run(true, async () => {
    const generator = steps();
    const [, second] = await Promise.all([generator.next(), generator.next()]);
    registry.queuesCarry = second.value === true;
    probe.disable();
  });
}
