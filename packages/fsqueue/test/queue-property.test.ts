import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { session } from "@lazy/context";
import {
  type Queue,
  type Store,
  createMemoryStore,
  openFileStore,
  openQueues,
} from "@lazy/fsqueue";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collect, valuesOf } from "./fixtures/temporary.ts";

// Longer than they take, for machines that have much else to do.

type Call =
  | {
      readonly kind: "enqueue" | "many" | "try" | "dequeue";
      readonly count: number;
      readonly by: number;
      readonly awaited: boolean;
    }
  | { readonly kind: "flush" | "turn"; readonly by: number };

const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom("enqueue", "many", "try", "dequeue"),
      count: fc.integer({ min: 1, max: 4 }),
      by: fc.nat(2),
      awaited: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom("flush", "turn"), by: fc.nat(2) }),
  ),
  { maxLength: 40 },
);

/** Makes the calls through three handles of one queue; resolves with what came out, in the order of the calls. */
async function happen(store: Store, all: readonly Call[], maxMessages?: number) {
  const queues = await openQueues({ store });
  const options = maxMessages === undefined ? {} : ({ maxMessages, whenFull: "block" } as const);
  const opened = session.open({ id: "s" });
  const handles: Queue<number>[] = [
    queues.queue("q", options),
    queues.session(opened).queue("q", options),
    queues.session("s").queue("q", options),
  ];
  const taken: Promise<number[]>[] = [];
  const pending: Promise<unknown>[] = [];
  let next = 0;
  await opened.run(async () => {
    await handles[0]?.open();
    // A blocked writer is let in by a reader only.
    const draining = maxMessages === undefined ? undefined : drain(queues.session("s").queue("q"));
    for (const call of all) {
      const queue = handles[call.by];
      if (queue === undefined) continue;
      if (!("count" in call)) {
        if (call.kind === "flush") await queue.flush();
        else await new Promise((resolve) => setImmediate(resolve));
      } else {
        const values = Array.from({ length: call.count }, () => next++);
        const done = make(queue, call.kind, values, draining === undefined ? taken : []);
        if (call.kind === "dequeue") next -= call.count;
        pending.push(done);
        if (call.awaited) await done;
      }
    }
    await Promise.all(pending);
    await handles[1]?.flush();
    await handles[0]?.seal();
    if (draining !== undefined) taken.push(draining);
  });
  const rest = await collect(queues.session("s").queue<number>("q").tail());
  await opened.close();
  await queues.close();
  return { next, out: [...(await Promise.all(taken)).flat(), ...rest] };
}

async function make(
  queue: Queue<number>,
  kind: "enqueue" | "many" | "try" | "dequeue",
  values: readonly number[],
  taken: Promise<number[]>[],
): Promise<void> {
  if (kind === "enqueue") await Promise.all(values.map((value) => queue.enqueue(value)));
  else if (kind === "many") await queue.enqueueMany(values);
  else if (kind === "try") for (const value of values) queue.tryEnqueue(value);
  else {
    const taking = queue.dequeue(values.length).then(valuesOf);
    taken.push(taking);
    await taking;
  }
}

async function drain(queue: Queue<number>): Promise<number[]> {
  const values: number[] = [];
  for (;;) {
    const messages = await queue.dequeue(2, { wait: true });
    if (messages.length === 0) return values;
    values.push(...valuesOf(messages));
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("whatever is called, everything comes out once and in order: in memory", async () => {
  const property = fc.asyncProperty(calls, async (all) => {
    const { next, out } = await happen(createMemoryStore(), all);
    expect(out).toEqual(numbers(next));
  });
  await expect(fc.assert(property, { numRuns: 200 })).resolves.toBeUndefined();
});

test("whatever is called, everything comes out once and in order: from a full queue that blocks", async () => {
  const property = fc.asyncProperty(calls, fc.integer({ min: 4, max: 9 }), async (all, most) => {
    const kept = all.filter(({ kind }) => kind !== "dequeue");
    const { next, out } = await happen(createMemoryStore(), kept, most);
    expect(out).toEqual(numbers(next));
  });
  await expect(fc.assert(property, { numRuns: 100 })).resolves.toBeUndefined();
});

test("whatever is called, everything comes out once and in order: on files", async () => {
  const root = await mkdtemp(join(tmpdir(), "fsqueue-"));
  let run = 0;
  const property = fc.asyncProperty(calls, async (all) => {
    const store = await openFileStore({ dir: join(root, `${run++}`) });
    const { next, out } = await happen(store, all);
    expect(out).toEqual(numbers(next));
  });
  try {
    await expect(fc.assert(property, { numRuns: 40 })).resolves.toBeUndefined();
  } finally {
    await rm(root, { recursive: true });
  }
});
