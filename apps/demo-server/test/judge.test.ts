import { describe, expect, it } from "vitest";
import { answerTo } from "../src/seeded-model.ts";
import { isFaultless, judge, noFaults } from "../src/storm/judge.ts";

const expected = answerTo("What is kept apart?");
const other = answerTo("Something else entirely");

describe("judging what a client received", () => {
  it("finds nothing wrong with the expected tokens in order", () => {
    expect(judge(expected, expected)).toEqual(noFaults);
  });

  it("counts tokens of another answer as foreign", () => {
    expect(judge(expected, [...expected, other[0]!, other[1]!])).toEqual({
      ...noFaults,
      foreign: 2,
    });
  });

  it("counts a token with another text as foreign, and the right one as missing", () => {
    const altered = expected.with(3, { ...expected[3]!, text: "altered" });
    expect(judge(expected, altered)).toEqual({ ...noFaults, foreign: 1, missing: 1 });
  });

  it("counts what never came", () => {
    expect(judge(expected, expected.slice(0, -2))).toEqual({ ...noFaults, missing: 2 });
    expect(isFaultless(judge(expected, []))).toBe(false);
  });

  it("counts what came again", () => {
    expect(judge(expected, [...expected, expected[0]!])).toEqual({ ...noFaults, duplicated: 1 });
  });

  it("counts what came after a later token", () => {
    const swapped = expected.with(0, expected[1]!).with(1, expected[0]!);
    expect(judge(expected, swapped)).toEqual({ ...noFaults, disordered: 1 });
  });
});
