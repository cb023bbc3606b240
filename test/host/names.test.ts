import fc from "fast-check";
import { expect, test } from "vitest";
import { BadName, layoutOf } from "../../host/layout.js";
import { compareVersions } from "../../system/versions.js";

test.each(["", "..", "a/b", "../x", ".hidden", "a..b", "-a", "a b", "x".repeat(64)])(
  "%j is no worker's name",
  (name) => {
    expect(() => layoutOf("/root").worker(name)).toThrow(BadName);
  },
);

test("no name that is accepted leads out of the host's folder", () =>
  fc.assert(
    fc.property(fc.string(), (name) => {
      try {
        expect(layoutOf("/h").worker(name).folder).toBe(`/h/workers/${name}`);
        expect(name).not.toMatch(/[/\0]|^\.|\.\./);
      } catch (error) {
        if (!(error instanceof BadName)) throw error;
      }
    }),
  ));

test.each([
  ["0.11.4", "0.11.0", 1],
  ["0.9.10", "0.11.0", -1],
  ["0.11.0", "0.11.0", 0],
  ["1.0.0", "0.99.99", 1],
])("version %s against %s", (a, b, sign) => expect(Math.sign(compareVersions(a, b))).toBe(sign));
