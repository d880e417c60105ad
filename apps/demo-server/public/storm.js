// @ts-check
// A storm: hundreds of answers at once, every token judged, with the figures live.
import { showFaults } from "./conversations.js";
import { element, post } from "./dom.js";
import { createField } from "./field.js";
import { Histogram, Rate, ServerClock, here } from "./figures.js";
import { Reception } from "./reception.js";

const drawMs = 100;
const statsMs = 1000;

/**
 * @typedef {{ mode: string, began: number, wiped: number, tokens: number, ended: number, seconds: number,
 *   firstTokens: Histogram, latencies: Histogram, rate: Rate, unmarked: number,
 *   receptions: Map<string, Reception> }} Storm
 */

/** @param {{ follow: () => void }} page */
export function createStorm(page) {
  /** @type {Storm | undefined} */
  let storm;
  const clock = new ServerClock();
  const field = createField(/** @type {HTMLCanvasElement} */ (element("field")));
  const form = /** @type {HTMLFormElement} */ (element("storm-form"));
  const sessions = /** @type {HTMLInputElement} */ (element("sessions"));
  const start = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));

  form.addEventListener("change", () => {
    sessions.max = mode() === "shared" ? "50" : "1000";
    if (Number(sessions.value) > Number(sessions.max)) sessions.value = sessions.max;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });

  return {
    receptions: () => [...(storm?.receptions.values() ?? [])],

    /** @param {import("./reception.js").Token} token */
    take(token) {
      const reception = storm?.receptions.get(token.id);
      if (!storm || !reception) return;
      if (reception.received === 0) storm.firstTokens.add(here() - storm.began);
      reception.take(token);
      storm.latencies.add(clock.now() - token.time);
      storm.tokens += 1;
      storm.unmarked += 1;
    },

    /** @param {string} id @param {{ code: string, message: string }} [failure] */
    async end(id, failure) {
      const current = storm;
      const reception = current?.receptions.get(id);
      if (!current || !reception) return;
      await reception.end(failure);
      current.ended += 1;
      current.seconds = (here() - current.began) / 1000;
    },
  };

  function mode() {
    return /** @type {RadioNodeList} */ (form.elements.namedItem("storm-mode")).value;
  }

  async function run() {
    start.disabled = true;
    say("Beginning…");
    try {
      await measureServer();
      const began = here();
      const begun = await post("storm", { sessions: Number(sessions.value), mode: mode() });
      /** @type {Map<string, Reception>} */
      const receptions = new Map();
      for (const known of begun.answers)
        receptions.set(known.id, new Reception({ ...known, mode: begun.mode }));
      storm = {
        mode: begun.mode,
        began,
        wiped: begun.wiped,
        tokens: 0,
        ended: 0,
        seconds: 0,
        firstTokens: new Histogram(),
        latencies: new Histogram(),
        rate: new Rate(),
        unmarked: 0,
        receptions,
      };
      page.follow();
      say("Every token is compared with what its answer must have, every answer with its hash.");
      await watchIt(storm);
    } catch (error) {
      say(/** @type {Error} */ (error).message, "failed");
    } finally {
      start.disabled = false;
    }
  }

  /** Show how it goes until the last answer has ended. @param {Storm} current */
  async function watchIt(current) {
    let measured = here();
    for (;;) {
      current.rate.mark(current.unmarked);
      current.unmarked = 0;
      show(current);
      if (current.ended === current.receptions.size) break;
      if (here() - measured > statsMs) {
        measured = here();
        void measureServer().catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, drawMs));
    }
    await measureServer();
    conclude(current);
  }

  async function measureServer() {
    const sent = here();
    const stats = await (await fetch("stats", { cache: "no-store" })).json();
    clock.sample(sent, here(), stats.time);
    element("memory").textContent = `${Math.round(stats.memory / 2 ** 20)} MiB`;
    element("open-files").textContent = String(stats.openFiles ?? "unknown");
  }

  /** @param {Storm} current */
  function show({ receptions, firstTokens, latencies, rate, tokens, wiped }) {
    const all = [...receptions.values()];
    /** @param {(reception: Reception) => number} count */
    const sum = (count) => all.reduce((total, reception) => total + count(reception), 0);
    element("rate").textContent = Math.round(rate.perSecond).toLocaleString("en");
    for (const [name, histogram] of /** @type {const} */ ([
      ["first", firstTokens],
      ["latency", latencies],
    ])) {
      element(`${name}-p50`).textContent = inMs(histogram.percentile(0.5));
      element(`${name}-p99`).textContent = inMs(histogram.percentile(0.99));
    }
    const ended = sum((reception) => Number(reception.ended));
    element("storm-ended").textContent = `${ended} of ${all.length}`;
    element("storm-tokens").textContent = tokens.toLocaleString("en");
    element("storm-resumed").textContent = String(sum(({ resumedAt }) => (resumedAt ? 1 : 0)));
    showFaults("storm-", {
      foreign: sum((reception) => reception.foreign),
      missing: sum((reception) => reception.missing),
      duplicated: sum((reception) => reception.duplicated),
      wiped,
    });
    field.draw(all, `${ended} of ${all.length} answers have ended`);
  }
}

/** @param {number | undefined} ms */
function inMs(ms) {
  return ms === undefined ? "–" : `${ms.toLocaleString("en")} ms`;
}

/** @param {string} text @param {string} [kind] */
function say(text, kind = "quiet") {
  element("verdict").textContent = text;
  element("verdict").className = kind;
}

/** @param {Storm} current */
function conclude(current) {
  const all = [...current.receptions.values()];
  const right = all.filter(({ hashIsRight }) => hashIsRight).length;
  const unchecked = all.filter(({ hashIsRight }) => hashIsRight === null).length;
  const faultless = all.every((one) => one.faultless && !one.failure) && current.wiped === 0;
  const seconds = current.seconds.toFixed(1);
  const average = Math.round(current.tokens / Math.max(0.1, current.seconds)).toLocaleString("en");
  element("rate").textContent = average;
  const hashes = unchecked > 0 ? "no hash checked" : `${right} of ${all.length} hashes match`;
  if (faultless) {
    say(
      `${all.length} answers in ${seconds} s, ${average} tokens a second: 0 foreign, 0 lost, ` +
        `0 duplicated, 0 wiped; ${hashes}.`,
      "ok",
    );
  } else {
    const wrong = all.filter((one) => !one.faultless || one.failure).length;
    say(`${wrong} of ${all.length} answers are not what they must be; ${hashes}.`, "mixed");
  }
}
