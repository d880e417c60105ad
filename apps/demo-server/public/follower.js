// @ts-check
// One connection follows all answers that have not ended. After a cut, a reload or a restart of the server
// it goes on exactly behind the offset that was last seen of each.

/**
 * @typedef {import("./reception.js").Reception} Reception
 * @typedef {{
 *   open: () => Reception[],
 *   onToken: (token: import("./reception.js").Token) => void,
 *   onEnd: (id: string, failure?: { code: string, message: string }) => void,
 *   onResumed: (reception: Reception) => void,
 *   onBatch: () => void,
 *   onState: (state: string) => void,
 * }} Listener
 */

const firstWaitMs = 250;
const longestWaitMs = 4000;

/** @param {Listener} listener */
export function createFollower(listener) {
  let connection = new AbortController();

  return {
    /** Follow what is open now, in place of what was followed before. */
    follow() {
      connection.abort("replaced");
      connection = new AbortController();
      void run(connection);
    },
    /** Lose the connection, as a network does. */
    cut() {
      connection.abort("cut");
    },
  };

  /** @param {AbortController} mine */
  async function run(mine) {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
      const open = listener.open().filter(({ ended }) => !ended);
      if (open.length === 0) return listener.onState("idle");
      try {
        await watch(open, mine.signal, () => {
          waitMs = firstWaitMs;
          listener.onState("connected");
        });
      } catch {
        if (mine.signal.reason === "replaced") return;
        listener.onState("cut, connecting again");
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (connection !== mine) return;
        if (mine.signal.aborted) connection = mine = new AbortController();
      }
    }
  }

  /** @param {Reception[]} open @param {AbortSignal} signal @param {() => void} onOpen */
  async function watch(open, signal, onOpen) {
    const response = await fetch("watch", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        answers: Object.fromEntries(open.map(({ id, offset }) => [id, offset])),
        modes: Object.fromEntries(open.map(({ id, mode }) => [id, mode])),
      }),
      signal,
    });
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    onOpen();
    for (const reception of open) {
      if (reception.offset === "") continue;
      reception.resumedAt = reception.offset;
      listener.onResumed(reception);
    }
    let rest = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) receive(frame);
      listener.onBatch();
    }
  }

  /** @param {string} frame */
  function receive(frame) {
    const event = /^event: (.*)$/m.exec(frame)?.[1];
    const data = /^data: (.*)$/m.exec(frame)?.[1];
    if (!event || !data) return;
    const value = JSON.parse(data);
    if (event === "token") listener.onToken(value);
    else listener.onEnd(value.id, event === "end" ? undefined : value);
  }
}
