import { warn } from "./errors.ts";
import type { Scope } from "./scope.ts";

/** A source to be ended when what was handed out for it has been collected. */
export interface Abandoned {
  readonly scope: Scope;
  /** Ends the source; called in the scope. */
  readonly end: () => unknown;
  /** Called once that is done. */
  readonly after?: (() => void) | undefined;
}

/** What is held here must not lead to the iterator that is watched, or that would never be collected. */
const abandoned = new FinalizationRegistry<Abandoned>((held) => {
  endAbandoned(held).catch(warn);
});

/**
 * Ends the source, in its scope, when the stream that was handed out for it has been collected: nobody can
 * call `next` or `return` any more, and its `finally` still has locks to give back. For a source that is
 * finished this does nothing.
 */
export function watchAbandonment(handedOut: object, held: Abandoned): void {
  abandoned.register(handedOut, held);
}

async function endAbandoned({ scope, end, after }: Abandoned): Promise<void> {
  try {
    await scope.runInAsyncScope(async () => end(), undefined);
  } finally {
    after?.();
  }
}
