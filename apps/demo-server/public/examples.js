// @ts-check

export const someExamples = [
  "Why do tokens of one request end up in another's answer?",
  "What does a generator see when somebody else pulls it?",
  "How does a reader resume after its connection was cut?",
  "What survives when the process is killed?",
  "Who may write to a queue, and who ends it?",
  "Why is one shared journal faster than a file per stream?",
];

const questions = [
  "What is kept",
  "What is lost",
  "Who is told",
  "Which offset counts",
  "Which session is current",
  "What does the queue do",
  "What does a generator see",
  "Where do tokens go",
  "Why does nothing mix",
  "How does a reader go on",
];
const events = [
  "when a reader leaves?",
  "when the server is killed?",
  "when the network is cut?",
  "when a tab is reloaded?",
  "when two tabs follow one answer?",
  "when a hundred answers stream?",
  "when a session ends?",
  "when a writer is stopped?",
  "when a queue is cleared?",
  "when a proxy holds bytes back?",
];

/** As many prompts, up to 106, no two alike. @param {number} count */
export function examples(count) {
  const composed = events.flatMap((event) => questions.map((question) => `${question} ${event}`));
  return [...someExamples, ...composed].slice(0, count);
}
