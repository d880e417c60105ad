import assert from "node:assert/strict";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, bytes, endOf, rejectsWith, textsOf } from "./contract-steps.ts";

const failed = { status: "error", name: "RangeError", message: "too far", code: "FAR" } as const;

/** Endings: atomic with the last messages, final, told at the end only. */
export const sealCases: readonly ContractCase[] = casesOf("seal", {
  "readers are told the ending at the end, and only there": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b"]);
    assert.equal((await store.read("q", "start")).ending, undefined);
    await store.seal("q", failed);
    const part = await store.read("q", "start", { max: 1 });
    assert.equal(part.atEnd, false);
    assert.equal(part.ending, undefined);
    const rest = await store.read("q", part.next);
    assert.equal(rest.atEnd, true);
    assert.deepEqual(rest.ending, failed);
    assert.deepEqual((await store.read("q", "now")).ending, failed);
    assert.deepEqual((await store.info("q"))?.ending, failed);
  },

  "nothing can be appended after it": async (store) => {
    await store.open("q");
    await store.seal("q", { status: "ok" });
    await rejectsWith("QUEUE_SEALED", append(store, "q", ["x"]));
    await rejectsWith(
      "QUEUE_SEALED",
      store.seal("q", { status: "ok" }, { messages: [bytes("x")] }),
    );
    assert.deepEqual(await textsOf(store, "q"), []);
  },

  "sealed is told before a wrong expect": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    await append(store, "q", ["a"]);
    await store.seal("q", { status: "ok" });
    await rejectsWith("QUEUE_SEALED", append(store, "q", ["x"], { expect: start }));
  },

  "sealing again without messages changes nothing": async (store) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    const first = await store.seal("q", failed);
    const again = await store.seal("q", { status: "ok" });
    assert.equal(again.offset, first.offset);
    assert.deepEqual((await store.read("q", "now")).ending, failed);
  },

  "the last messages and the ending appear together": async (store) => {
    const { info } = await store.open("q");
    const seen: string[] = [];
    const reading = (async () => {
      for (let from = info.tail; ;) {
        await store.wait("q", from);
        const { messages, next, ending } = await store.read("q", from);
        seen.push(`${messages.length} ${ending?.status ?? "open"}`);
        if (ending !== undefined) return;
        from = next;
      }
    })();
    await store.seal("q", { status: "ok" }, { messages: [bytes("a"), bytes("b")] });
    await reading;
    assert.deepEqual(seen, ["2 ok"]);
  },

  "a refused seal leaves the queue open": async (store) => {
    await store.open("q", { maxMessages: 1 });
    const messages = [bytes("a"), bytes("b")];
    await rejectsWith("QUEUE_FULL", store.seal("q", { status: "ok" }, { messages }));
    await append(store, "q", ["c"]);
    assert.deepEqual(await textsOf(store, "q"), ["c"]);
  },

  "expect holds for a seal": async (store) => {
    await store.open("q");
    const expect = await endOf(store, "q");
    await append(store, "q", ["a"]);
    await rejectsWith("OFFSET_CONFLICT", store.seal("q", { status: "ok" }, { expect }));
    await append(store, "q", ["b"]);
  },

  "messages of a sealed queue can be taken and trimmed": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    await store.seal("q", { status: "ok" });
    assert.equal((await store.take("q", 1)).length, 1);
    assert.equal(await store.trim("q", "now"), 2);
    assert.deepEqual((await store.read("q", "start")).ending, { status: "ok" });
  },

  "the receipt is the end of the queue, and durable": async (store) => {
    await store.open("q");
    const receipt = await store.seal("q", { status: "ok" }, { messages: [bytes("a")] });
    assert.equal(receipt.offset, await endOf(store, "q"));
    assert.equal(receipt.duplicate, false);
    await receipt.durable;
  },

  "the ending outlives a restart": needing("restart", async (store, host) => {
    await store.open("q");
    await store.seal("q", failed, { messages: [bytes("last")] });
    await host.restart();
    const { ending, messages } = await host.store.read("q", "start");
    assert.deepEqual(ending, failed);
    assert.equal(messages.length, 1);
    await rejectsWith("QUEUE_SEALED", append(host.store, "q", ["x"]));
  }),

  "the ending outlives the death of the process": needing("crash", async (store, host) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    await store.seal("q", { status: "aborted", message: "stopped" });
    await host.crash();
    const { ending } = await host.store.read("q", "now");
    assert.deepEqual(ending, { status: "aborted", message: "stopped" });
  }),
});
