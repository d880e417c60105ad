import type { RunContext } from "./context.ts";
import { bounded } from "./scope.ts";
import type { Source } from "./source.ts";
import { isThenable } from "./thenable.ts";

/**
 * Close a source after a failure; undefined when that is done. What goes wrong in it gives way to the
 * failure, so the promise never rejects.
 */
export function startClosing(source: Source, milliseconds: number): Promise<void> | undefined {
  try {
    const closing = source.close();
    if (!isThenable(closing)) return undefined;
    return bounded(closing, milliseconds).then(nothing, nothing);
  } catch {
    return undefined;
  }
}

function nothing(): void {}

/** All chunks of a source: at once if it never waits, else a promise of them. */
export function drain(source: Source, context: RunContext): unknown[] | Promise<unknown[]> {
  const chunks: unknown[] = [];
  try {
    for (;;) {
      const answer = source.pull();
      if (isThenable(answer)) return drainLater(source, answer, chunks, context);
      if (answer.done === true) return chunks;
      chunks.push(answer.value);
    }
  } catch (error) {
    const failure = source.blame(error);
    const closing = startClosing(source, context.scope.closeTimeout);
    if (closing === undefined) throw failure;
    return closing.then(() => {
      throw failure;
    });
  }
}

async function drainLater(
  source: Source,
  first: ReturnType<Source["pull"]>,
  chunks: unknown[],
  context: RunContext,
): Promise<unknown[]> {
  // An abort rejects the run elsewhere; this is what closes the generators of a source that hangs.
  const member = { onAbort: () => void quietly(source) };
  context.scope.attach(member);
  try {
    for (let pending = first; ; pending = source.pull()) {
      const answer = isThenable(pending) ? await pending : pending;
      if (answer.done === true) return chunks;
      chunks.push(answer.value);
    }
  } catch (error) {
    const failure = source.blame(error);
    await startClosing(source, context.scope.closeTimeout);
    throw failure;
  } finally {
    context.scope.detach(member);
  }
}

/** Close a source whose run has already failed for another reason. */
export async function quietly(source: Source): Promise<void> {
  try {
    await source.close();
  } catch {
    // The run's outcome is settled; a `finally` that throws now has nobody to tell.
  }
}
