// Steps that read each other's outputs by name; what can run at once does.
import { graph } from "@lazy/flow";

const report = graph<string>()
  .node("title", ["$in"], (topic) => topic.toUpperCase())
  .node("facts", ["$in"], async (topic) => [`${topic} is old`, `${topic} is large`])
  .node("sign", [], () => "the editors")
  .node("text", ["title", "facts", "sign"], (title, facts, sign) =>
    [title, ...facts, sign].join(" | "),
  )
  .out("text");
console.log(await report("rome"));

// Prints:
// ROME | rome is old | rome is large | the editors
