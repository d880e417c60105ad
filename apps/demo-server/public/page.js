// @ts-check
// One connection follows all answers. What was seen of each is kept with its offset, so that after a cut, a
// reload or a restart of the server the stream goes on exactly behind it.

/**
 * @typedef {{ id: string, prompt: string, answer: string, tokens: number, mode: string }} Known
 * @typedef {Known & { offset: string, seen: Set<number>, foreign: number, missing: number, duplicated: number,
 *   ended: boolean, badge: HTMLElement, text: HTMLElement }} Conversation
 */

const storageKey = "lazy-conversations";
/** @type {Map<string, Conversation>} */
const conversations = new Map();
let tokens = 0;
let connection = new AbortController();

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (element("ask"));
const prompts = /** @type {HTMLTextAreaElement} */ (element("prompts"));
prompts.value = [
  "Why do tokens of one request end up in another's answer?",
  "What does a generator see when somebody else pulls it?",
  "How does a reader resume after its connection was cut?",
  "What survives when the process is killed?",
  "Who may write to a queue, and who ends it?",
  "Why is one shared journal faster than a file per stream?",
].join("\n");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { value: mode } = /** @type {RadioNodeList} */ (form.elements.namedItem("mode"));
  void askAll(mode);
});

/** @param {string} mode */
async function askAll(mode) {
  const asked = prompts.value.split("\n").filter((line) => line.trim() !== "");
  const started = asked.map(async (prompt) => {
    const response = await fetch("chat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, mode, stream: false }),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error.message);
    add({ ...body, prompt });
  });
  const failed = (await Promise.allSettled(started)).find(({ status }) => status === "rejected");
  if (failed)
    element("connection").textContent = String(/** @type {any} */ (failed).reason.message);
  remember();
  follow();
}

element("cut").addEventListener("click", () => connection.abort("cut"));
element("clear").addEventListener("click", () => {
  conversations.clear();
  tokens = 0;
  element("cards").replaceChildren();
  remember();
  connection.abort("cleared");
  showTotals();
});

for (const known of JSON.parse(localStorage.getItem(storageKey) ?? "[]")) add(known);
follow();

/** Show a conversation that exists at the server. @param {Known} known */
function add(known) {
  const template = /** @type {HTMLTemplateElement} */ (element("card"));
  const card = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  card.style.setProperty("--hue", String((conversations.size * 47) % 360));
  card.dataset["id"] = known.id;
  /** @type {HTMLElement} */ (card.querySelector("h2")).textContent = known.prompt;
  element("cards").append(card);
  conversations.set(known.id, {
    ...known,
    offset: "",
    seen: new Set(),
    foreign: 0,
    missing: 0,
    duplicated: 0,
    ended: false,
    badge: /** @type {HTMLElement} */ (card.querySelector(".badge")),
    text: /** @type {HTMLElement} */ (card.querySelector(".text")),
  });
  showTotals();
}

function remember() {
  const known = [...conversations.values()].map(({ id, prompt, answer, tokens: count, mode }) => ({
    id,
    prompt,
    answer,
    tokens: count,
    mode,
  }));
  localStorage.setItem(storageKey, JSON.stringify(known));
}

/** Follow everything that has not ended, over one connection, until nothing is left. */
async function follow() {
  connection.abort("replaced");
  const mine = (connection = new AbortController());
  for (let wait = 250; ; wait = Math.min(wait * 2, 4000)) {
    const open = [...conversations.values()].filter(({ ended }) => !ended);
    if (open.length === 0) return showConnection("idle");
    try {
      showConnection("connected");
      const modes = Map.groupBy(open, ({ mode }) => mode);
      await Promise.all([...modes].map(([mode, group]) => watch(mode, group, mine.signal)));
      wait = 250;
    } catch {
      if (mine.signal.reason === "replaced" || mine.signal.reason === "cleared") return;
      showConnection("cut, connecting again");
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (mine.signal.aborted) return mine === connection ? follow() : undefined;
    }
  }
}

/** @param {string} mode @param {Conversation[]} group @param {AbortSignal} signal */
async function watch(mode, group, signal) {
  const response = await fetch("watch", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      mode,
      answers: Object.fromEntries(group.map(({ id, offset }) => [id, offset])),
    }),
    signal,
  });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  for (const { id, offset } of group) {
    if (offset !== "") badge(id, `resumed at ${Number(offset) || offset}`);
  }
  let rest = "";
  for await (const text of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const frames = (rest + text).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) receive(frame);
    showTotals();
  }
}

/** Safari has no async iteration of streams. @param {ReadableStream<string>} stream */
async function* chunksOf(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** @param {string} frame */
function receive(frame) {
  const event = /^event: (.*)$/m.exec(frame)?.[1];
  const data = /^data: (.*)$/m.exec(frame)?.[1];
  if (!event || !data) return;
  const value = JSON.parse(data);
  const conversation = conversations.get(value.id);
  if (!conversation) return;
  if (event === "token") token(conversation, value);
  else end(conversation, event === "end" ? "ok" : "failed", value.message);
}

/** @param {Conversation} conversation @param {{ offset: string, answer: string, index: number, text: string, last: boolean }} value */
function token(conversation, value) {
  tokens += 1;
  conversation.offset = value.offset;
  const foreign = value.answer !== conversation.answer;
  if (foreign) conversation.foreign += 1;
  else if (conversation.seen.has(value.index)) conversation.duplicated += 1;
  else conversation.seen.add(value.index);
  const span = document.createElement("span");
  span.textContent = value.text;
  if (foreign) span.className = "foreign";
  conversation.text.append(span);
  if (conversation.badge.textContent === "waiting") badge(conversation.id, "streaming");
}

/** @param {Conversation} conversation @param {"ok" | "failed"} how @param {string} [message] */
function end(conversation, how, message) {
  conversation.ended = true;
  conversation.missing = conversation.tokens - conversation.seen.size;
  const faults = conversation.foreign + conversation.missing + conversation.duplicated;
  const before = conversation.badge.textContent ?? "";
  const resumed = before.startsWith("resumed") ? `${before}, ` : "";
  if (how === "failed") badge(conversation.id, message ?? "failed", "failed");
  else if (faults > 0) badge(conversation.id, "mixed up", "mixed");
  else badge(conversation.id, `${resumed}complete: 0 lost, 0 duplicated`, "ok");
}

/** @param {string} id @param {string} text @param {string} [kind] */
function badge(id, text, kind = "") {
  const conversation = conversations.get(id);
  if (!conversation) return;
  conversation.badge.textContent = text;
  conversation.badge.className = `badge ${kind}`;
}

function showTotals() {
  const all = [...conversations.values()];
  element("answers").textContent = String(all.length);
  element("tokens").textContent = String(tokens);
  for (const fault of /** @type {const} */ (["foreign", "missing", "duplicated"])) {
    const count = all.reduce((sum, conversation) => sum + conversation[fault], 0);
    element(fault).textContent = String(count);
    element(fault).parentElement?.classList.toggle("found", count > 0);
  }
}

/** @param {string} text */
function showConnection(text) {
  element("connection").textContent = text;
}
