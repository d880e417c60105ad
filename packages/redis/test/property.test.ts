import assert from "node:assert/strict";
import { createMemoryStore, isQueueError, type Store } from "@lazy/fsqueue";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasRedis } from "./fixtures/redis-server.ts";
import { bytes, freshPrefix, sharedServer } from "./fixtures/temporary.ts";
import { openRedisStore } from "@lazy/redis";

// Longer than they take, for machines that have much else to do.

type Step = (store: Store) => Promise<unknown>;

const names = fc.constantFrom("a", "a", "a", "a", "a/{b}", "%7B😀");
const offsets = fc
  .integer({ min: -1, max: 12 })
  .map((n) => (n < 0 ? "x" : `${n}`.padStart(16, "0")));
const offsetAt = (n: number): string => `${n}`.padStart(16, "0");
const batches = fc.array(fc.string({ maxLength: 6 }), { minLength: 1, maxLength: 4 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const groups = fc.constantFrom("g", "g:a", "h");
const appendOptions = fc
  .record({
    producer: maybe(
      fc.record({ id: fc.constantFrom("p", "q"), epoch: fc.nat(1), sequence: fc.nat(2) }),
    ),
    expect: fc.option(offsets, { nil: undefined, freq: 5 }),
    order: fc.option(fc.constantFrom("", "a", "b", "ä", "\u{1f600}", "\uffff"), {
      nil: undefined,
      freq: 4,
    }),
  })
  .map(given);

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: openStep() },
  {
    weight: 6,
    arbitrary: fc.tuple(names, batches, appendOptions).map(
      ([name, batch, options]) =>
        (store: Store) =>
          receipt(store.append(name, batch.map(bytes), options)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(names, fc.array(fc.string(), { maxLength: 2 }), appendOptions).map(
      ([name, batch, options]) =>
        (store: Store) =>
          receipt(store.seal(name, { status: "ok" }, { ...options, messages: batch.map(bytes) })),
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        names,
        fc.constantFrom("start", "start", "now", offsetAt(1), offsetAt(4), "x"),
        fc.nat(5),
        fc.nat(20),
      )
      .map(
        ([name, from, max, maxBytes]) =>
          (store: Store) =>
            store.read(name, from, { max, maxBytes }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(names, fc.nat(3)).map(
      ([name, max]) =>
        (store: Store) =>
          store.take(name, max),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(names, fc.oneof(offsets, fc.constant("now"))).map(
      ([name, to]) =>
        (store: Store) =>
          store.trim(name, to),
    ),
  },
  { weight: 1, arbitrary: names.map((name) => (store: Store) => store.remove(name)) },
  {
    weight: 2,
    arbitrary: names.map((name) => async (store: Store) => fixed(await store.info(name))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(names, groups, offsets, maybe(offsets), fc.boolean()).map(
      ([name, group, to, expected, checked]) =>
        (store: Store) =>
          store.cursors.set(name, group, to, checked ? { expect: expected } : undefined),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(names, groups).map(
      ([name, group]) =>
        (store: Store) =>
          store.cursors.get(name, group),
    ),
  },
  ...leaseSteps(),
);

function openStep(): fc.Arbitrary<Step> {
  const options = fc
    .record({
      maxMessages: maybe(fc.constantFrom(3, 8)),
      maxBytes: maybe(fc.constantFrom(5, 30)),
      metadata: maybe(fc.constantFrom({ a: "1", b: "2" }, { b: "2", a: "1" })),
      messages: maybe(batches.map((batch) => batch.map(bytes))),
      ending: fc.option(fc.constant({ status: "aborted" } as const), { nil: undefined, freq: 9 }),
    })
    .map(given);
  return fc.tuple(names, maybe(options)).map(([name, asked]) => async (store: Store) => {
    const { created, info } = await store.open(name, asked);
    return { created, info: fixed(info) };
  });
}

function leaseSteps(): { weight: number; arbitrary: fc.Arbitrary<Step> }[] {
  // Leases that are over at once, or not before the test is.
  const visibility = fc.constantFrom(0, 3600_000);
  const taking = fc.tuple(names, groups, fc.nat(3), visibility, fc.integer({ min: 1, max: 2 }));
  const giving = fc.tuple(names, groups, fc.array(offsets, { minLength: 1, maxLength: 3 }));
  return [
    {
      weight: 3,
      arbitrary: taking.map(
        ([name, group, max, visibilityMs, maxDeliveries]) =>
          (store) =>
            store.leases!.acquire(name, group, { max, visibilityMs, maxDeliveries }),
      ),
    },
    {
      weight: 2,
      arbitrary: giving.map(
        ([name, group, some]) =>
          (store) =>
            store.leases!.acknowledge(name, group, some),
      ),
    },
    {
      weight: 1,
      arbitrary: giving.map(
        ([name, group, some]) =>
          (store) =>
            store.leases!.release(name, group, some),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(names, groups).map(
        ([name, group]) =>
          (store) =>
            store.leases!.dead(name, group),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(names, groups).map(([name, group]) => async (store) => {
        // The memory store forgets the leases of trimmed messages when it looks for some to hand out.
        const none = { max: 0, visibilityMs: 0, maxDeliveries: 1 };
        const looking = store.leases!.acquire(name, group, none);
        const expiry = store.leases!.nextExpiry(name, group);
        await Promise.all([looking, expiry]);
        return (await expiry) !== undefined;
      }),
    },
  ];
}

/** Without what is undefined: a key that is there counts as given. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as never;
}

async function receipt(promise: ReturnType<Store["append"]>): Promise<unknown> {
  const { durable, ...rest } = await promise;
  await durable;
  return rest;
}

/** What does not differ from store to store. */
function fixed(info: object | undefined): unknown {
  return info === undefined ? undefined : { ...info, id: "", createdAt: 0 };
}

/** What a call gave, made comparable: times differ, an error is its code and what it tells. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return timeless(await call);
  } catch (error) {
    if (!isQueueError(error)) throw error;
    return { code: error.code, message: error.message, details: error.details };
  }
}

function timeless(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(timeless);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "time");
  return Object.fromEntries(entries.map(([key, inner]) => [key, timeless(inner)]));
}

describe.skipIf(!hasRedis())("beside the memory store", () => {
  const server = sharedServer();

  test("any calls give the same, offsets and error messages too, and leave the same", async () => {
    const property = fc.asyncProperty(
      fc.array(steps, { minLength: 10, maxLength: 60, size: "max" }),
      async (calls) => {
        const memory = createMemoryStore();
        const redis = await openRedisStore({ url: server().url, prefix: freshPrefix() });
        try {
          // The calls of a run are under way together: their order is that of the calls.
          await Promise.all([memory, redis].map((store) => store.open("a")));
          const [expected, found] = await Promise.all(
            [memory, redis].map((store) => Promise.all(calls.map((call) => outcome(call(store))))),
          );
          assert.deepEqual(found, expected);
          assert.deepEqual(await everything(redis), await everything(memory));
        } finally {
          await redis.close();
          await memory.close();
        }
      },
    );
    await expect(fc.assert(property, { numRuns: 100 })).resolves.toBeUndefined();
  });
});

async function everything(store: Store): Promise<unknown[]> {
  const all: unknown[] = [await store.stats()];
  for await (const info of store.list()) {
    all.push(fixed(info), timeless(await store.read(info.name, "start")));
  }
  return all;
}
