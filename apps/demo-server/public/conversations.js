// @ts-check
// The cards: up to a hundred conversations side by side, each in its colour.
import { examples, someExamples } from "./examples.js";
import { element, numberOf, post } from "./dom.js";
import { Reception } from "./reception.js";

/**
 * @typedef {{ id: string, prompt: string, mode: string, answer: string, tokens?: number, wiped: number }} Asked
 * @typedef {{ asked: Asked, reception: Reception, card: HTMLElement, text: HTMLElement, badge: HTMLElement,
 *   hash: HTMLElement, button: HTMLButtonElement }} Conversation
 */

const storageKey = "lazy-conversations";
const most = 100;

/** @param {{ follow: () => void }} page */
export function createConversations(page) {
  /** @type {Map<string, Conversation>} */
  const conversations = new Map();
  const form = /** @type {HTMLFormElement} */ (element("ask"));
  const prompts = /** @type {HTMLTextAreaElement} */ (element("prompts"));
  prompts.value = someExamples.join("\n");

  for (const button of form.querySelectorAll("[data-examples]")) {
    button.addEventListener("click", () => {
      prompts.value = examples(Number(button.getAttribute("data-examples"))).join("\n");
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value: mode } = /** @type {RadioNodeList} */ (form.elements.namedItem("mode"));
    void askAll(mode);
  });
  element("clear").addEventListener("click", () => {
    conversations.clear();
    element("cards").replaceChildren();
    remember();
    page.follow();
    show();
  });

  for (const asked of JSON.parse(localStorage.getItem(storageKey) ?? "[]")) add(asked);
  show();

  return {
    receptions: () => Array.from(conversations.values(), ({ reception }) => reception),

    /** @param {import("./reception.js").Token} token @returns {boolean} False if it is none of these. */
    take(token) {
      const conversation = conversations.get(token.id);
      if (!conversation) return false;
      const { text, reception } = conversation;
      const judgement = reception.take(token);
      if (judgement === "own") text.append(token.text);
      else {
        const wrong = document.createElement("span");
        wrong.className = judgement;
        wrong.textContent = token.text;
        text.append(wrong);
      }
      if (reception.received === 1) describe(conversation);
      return true;
    },

    /** @param {string} id @param {{ code: string, message: string }} [failure] */
    async end(id, failure) {
      const conversation = conversations.get(id);
      if (!conversation) return;
      await conversation.reception.end(failure);
      describe(conversation);
      show();
    },

    /** @param {Reception} reception */
    resumed({ id }) {
      const conversation = conversations.get(id);
      if (conversation) describe(conversation);
    },
    show,
  };

  /** @param {string} mode */
  async function askAll(mode) {
    const asked = prompts.value.split("\n").filter((line) => line.trim() !== "");
    if (asked.length + conversations.size > most) {
      const room = most - conversations.size;
      return refuse(`There is room for ${room} more of a hundred: clear, or ask fewer.`);
    }
    refuse("");
    const results = await Promise.allSettled(asked.map((prompt) => begin(prompt, mode)));
    for (const result of results) {
      if (result.status === "fulfilled") add(result.value);
      else refuse(result.reason.message);
    }
    remember();
    page.follow();
    show();
  }

  /** Show a conversation that exists at the server. @param {Asked} asked @param {HTMLElement} [instead] */
  function add(asked, instead) {
    const template = /** @type {HTMLTemplateElement} */ (element("card"));
    const card = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    /** @param {string} selector @returns {any} */
    const part = (selector) => card.querySelector(selector);
    /** @type {Conversation} */
    const conversation = {
      asked,
      reception: new Reception(asked),
      card,
      text: part(".text"),
      badge: part(".badge"),
      hash: part(".hash"),
      button: part("button"),
    };
    card.dataset["id"] = asked.id;
    part("h2").textContent = asked.prompt;
    if (instead) instead.replaceWith(card);
    else element("cards").append(card);
    // Steps of 47 degrees meet no hue twice in 360.
    card.style.setProperty("--hue", String((numberOf(card) * 47) % 360));
    conversation.button.addEventListener("click", () => void press(conversation));
    conversations.set(asked.id, conversation);
    describe(conversation);
  }

  /** Stop it, or ask it again. @param {Conversation} conversation */
  async function press({ asked, reception, card }) {
    if (!reception.ended) {
      await fetch(`chat/${asked.id}`, { method: "DELETE" });
      return;
    }
    try {
      const again = await begin(asked.prompt, asked.mode);
      conversations.delete(asked.id);
      add(again, card);
      remember();
      page.follow();
    } catch (error) {
      refuse(/** @type {Error} */ (error).message);
    }
  }

  function remember() {
    const asked = Array.from(conversations.values(), (conversation) => conversation.asked);
    localStorage.setItem(storageKey, JSON.stringify(asked));
  }

  function show() {
    const all = [...conversations.values()];
    /** @param {(conversation: Conversation) => number} count */
    const sum = (count) => all.reduce((total, conversation) => total + count(conversation), 0);
    element("answers").textContent = String(all.length);
    element("ended").textContent = String(sum(({ reception }) => Number(reception.ended)));
    element("tokens").textContent = String(sum(({ reception }) => reception.received));
    showFaults("", {
      foreign: sum(({ reception }) => reception.foreign),
      missing: sum(({ reception }) => reception.missing),
      duplicated: sum(({ reception }) => reception.duplicated),
      wiped: sum(({ asked }) => asked.wiped),
    });
  }
}

/** @param {string} prompt @param {string} mode @returns {Promise<Asked>} */
async function begin(prompt, mode) {
  return { ...(await post("chat", { prompt, mode, stream: false })), prompt };
}

/** @param {Conversation} conversation */
function describe({ reception, badge, hash, button }) {
  const { resumedAt, received, ended, failure, faultless, missing, duplicated } = reception;
  const resumed = resumedAt === undefined ? "" : `resumed at offset ${Number(resumedAt)}`;
  let text = resumed || (received === 0 ? "waiting" : "streaming");
  let kind = "";
  if (failure) [text, kind] = [`${failure.code}: ${failure.message}`, "failed"];
  else if (ended && faultless)
    [text, kind] = [`${resumed || "complete"}, 0 lost, 0 duplicated`, "ok"];
  else if (ended) {
    kind = "mixed";
    text = `mixed up: ${missing} lost, ${duplicated} duplicated, ${reception.foreign} foreign`;
  }
  badge.textContent = text;
  badge.className = `badge ${kind}`;
  const digits = reception.sha256.slice(0, 8);
  if (reception.hashIsRight === true) hash.textContent = `SHA-256 ${digits}… matches`;
  else if (reception.hashIsRight === false) hash.textContent = `SHA-256 is not ${digits}…`;
  else hash.textContent = reception.hashIsRight === null ? "not hashed: no https" : "";
  button.hidden = ended && !failure;
  button.textContent = ended ? "Ask again" : "Stop";
}

/** @param {string} why */
function refuse(why) {
  element("refused").textContent = why;
}

/** @param {string} prefix @param {Record<string, number>} counts */
export function showFaults(prefix, counts) {
  for (const [name, count] of Object.entries(counts)) {
    const figure = element(`${prefix}${name}`);
    figure.textContent = String(count);
    figure.parentElement?.classList.toggle("found", count > 0);
  }
}
