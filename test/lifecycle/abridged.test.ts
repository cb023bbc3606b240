import { expect, test } from "vitest";
import { abridged } from "../../lifecycle/abridged.js";

test.each([
  [0, ""],
  [1, "1"],
  [5, "1, 2, 3, 4, 5"],
  [6, "1, 2, 3, 4 … 6 (6 in all)"],
  [44, "1, 2, 3, 4 … 44 (44 in all)"],
])("%i things are told as: %s", (count, words) => {
  expect(abridged(Array.from({ length: count }, (_, at) => String(at + 1)))).toBe(words);
});
