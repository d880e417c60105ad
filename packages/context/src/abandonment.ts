import { warn } from "./errors.ts";
import type { AnyIterator } from "./kind.ts";
import type { Scope } from "./scope.ts";

interface Abandoned {
  readonly source: AnyIterator;
  readonly scope: Scope;
  /** Called once the source has been ended. */
  readonly after?: (() => void) | undefined;
}

/** What is held here must not lead to the iterator that is watched, or that would never be collected. */
const abandoned = new FinalizationRegistry<Abandoned>((held) => {
  endAbandoned(held).catch(warn);
});

/**
 * Ends the source, in its scope, when the iterator that was handed out for it has been collected: nobody can
 * call `next` or `return` any more, and its `finally` still has locks to give back. For a source that is
 * finished this does nothing.
 */
export function watchAbandonment(handedOut: object, held: Abandoned): void {
  abandoned.register(handedOut, held);
}

async function endAbandoned({ source, scope, after }: Abandoned): Promise<void> {
  try {
    await scope.runInAsyncScope(async () => source.return?.(), undefined);
  } finally {
    after?.();
  }
}
