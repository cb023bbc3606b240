import { expect, test } from "vitest";
import { unfitLibc } from "../../../components/host/shell/put-bundle.js";

test.each([
  ["the oldest glibc that will do", "glibc 2.28", undefined],
  ["a newer one, by number and not by text", "glibc 2.100", undefined],
  ["one that is too old", "glibc 2.27", "glibc 2.27"],
  ["another C library", "another", "another C library than glibc"],
  ["one that nobody can name", "unknown", undefined],
  ["no answer", "", undefined],
])("a bundle's Node is refused by a machine's C library only where it cannot start: %s", (_, said, unfit) =>
  expect(unfitLibc(said)).toBe(unfit),
);
