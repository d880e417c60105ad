// @ts-check
import { createConversations } from "./conversations.js";
import { element } from "./dom.js";
import { createFollower } from "./follower.js";
import { createStorm } from "./storm.js";

const page = { follow: () => follower.follow() };
const conversations = createConversations(page);
const storm = createStorm(page);
const follower = createFollower({
  open: () => [...conversations.receptions(), ...storm.receptions()],
  onToken(token) {
    if (!conversations.take(token)) storm.take(token);
  },
  onEnd(id, failure) {
    void conversations.end(id, failure);
    void storm.end(id, failure);
  },
  onResumed: (reception) => conversations.resumed(reception),
  onBatch: () => conversations.show(),
  onState(state) {
    element("connection").textContent = state;
    element("connection").dataset["state"] = state.split(",")[0] ?? "";
  },
});
follower.follow();
element("cut").addEventListener("click", () => follower.cut());

/** The view that the address names. */
function showView() {
  const view = location.hash === "#storm" ? "storm" : "conversations";
  for (const section of document.querySelectorAll("main > section")) {
    /** @type {HTMLElement} */ (section).hidden = section.id !== view;
  }
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("hashchange", showView);
showView();

const { model, modes } = await (await fetch("stats")).json();
if (!modes.includes("shared")) disable("input[value=shared]");
if (!model.seeded) {
  element("model").textContent = `The answers come from ${model.name}.`;
  disable("#storm-form *");
  element("verdict").textContent =
    "A storm needs the seeded generator, whose answers can be checked. Start without LLM_BASE_URL.";
}

/** @param {string} selector */
function disable(selector) {
  for (const control of document.querySelectorAll(selector)) {
    /** @type {HTMLInputElement} */ (control).disabled = true;
  }
}
