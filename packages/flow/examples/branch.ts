// One way or another, with the type narrowed on each; and all at once, since nothing waits.
import { flow, when } from "@lazy/flow";

const size = flow<string | number>("size")
  .step(
    when(
      (value): value is string => typeof value === "string",
      (text) => text.length,
      (n) => n,
    ),
  )
  .step((n) => `size ${n}`);
console.log(size.call("four"), size.call(7));

// Prints:
// size 4 size 7
