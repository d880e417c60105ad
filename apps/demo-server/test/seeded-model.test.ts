import { expect, it } from "vitest";
import { answerTo } from "../src/seeded-model.ts";

it("gives the same answer to the same prompt and another to another", () => {
  expect(answerTo("one")).toEqual(answerTo("one"));
  expect(answerTo("one")[0]?.answer).not.toBe(answerTo("two")[0]?.answer);
});

it("numbers its tokens and marks the last one only", () => {
  const tokens = answerTo("How long is it?");
  expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, index) => index));
  expect(tokens.findIndex(({ last }) => last)).toBe(tokens.length - 1);
});
