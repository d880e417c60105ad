// Every item of a list, four at once, results in order.
import { flow, warp } from "@lazy/flow";

const embed = async (text: string): Promise<number> => text.length;
const index = flow<string[]>("index")
  .step("embed", warp(embed, { concurrency: 4 }))
  .step((sizes) => sizes.reduce((sum, size) => sum + size, 0));
console.log(await index.call(["one", "three", "seven"]));

// Prints:
// 13
